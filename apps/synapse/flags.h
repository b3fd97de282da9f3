// Flags that several verbs share, spelled as in llama.cpp where it has them; each has an environment twin.
#pragma once
#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "synapse/base/status.h"

namespace synapse::cli {

struct Flags {
  std::string model;
  std::vector<std::string> family_dirs;
  int32_t threads = 0;         // 0: as many as are good here
  bool no_repack = false;      // weights are read as they lie in the file
  bool full_head = false;      // every logit is computed, whatever the sampler
  std::string isa;             // of kernel_variants(); empty: the best this processor has
  int32_t ctx_size = 0;        // positions; 0: the model's
  int32_t batch_size = 512;    // rows of prefill at once
  std::string cache_type_k, cache_type_v;  // "f32", "f16", "q8_0", "q4_0"; empty: by the model
  std::string memory_budget;   // a size; empty: none
};

void add_model_flag(CLI::App& verb, Flags& flags);    // -m --family-dir
void add_family_flag(CLI::App& verb, Flags& flags);   // --family-dir
void add_isa_flag(CLI::App& verb, Flags& flags);      // --isa
void add_weight_flags(CLI::App& verb, Flags& flags);   // --no-repack --full-head
void add_compute_flags(CLI::App& verb, Flags& flags);  // -t --isa --no-repack --full-head
CLI::Validator cache_types();                        // of --cache-type-k and its like
void add_context_flags(CLI::App& verb, Flags& flags);  // -c -b -ctk -ctv --memory-budget

// Refuses an --isa (or SYNAPSE_ISA) that this processor lacks, naming those it has.
extern const CLI::Validator is_isa;
// Refuses what parse_bytes does not read.
extern const CLI::Validator is_size;

}  // namespace synapse::cli
