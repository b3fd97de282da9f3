#include "flags.h"

#include "output.h"
#include "synapse/cpu/kernels/kernels.h"

namespace synapse::cli {
namespace {

std::string check_isa(const std::string& name) {
  if (name.empty() || find_kernels(name)) return {};
  std::string known;
  for (const Kernels& variant : kernel_variants()) known += " " + std::string(variant.isa);
  return "isa: \"" + name + "\", this processor has:" + known;
}

std::string check_size(const std::string& text) {
  if (text.empty() || parse_bytes(text)) return {};
  return "size: \"" + text + "\", wanted a number of bytes like 64MiB, 1.5G or 65536";
}

}  // namespace

const CLI::Validator is_isa(check_isa, "NAME", "isa");
const CLI::Validator is_size(check_size, "SIZE", "size");

void add_model_flag(CLI::App& verb, Flags& flags) {
  verb.add_option("-m,--model,MODEL", flags.model, "GGUF or llama2.c file, folder, or a name that `synapse list` shows")
      ->envname("SYNAPSE_MODEL")
      ->required();
  add_family_flag(verb, flags);
}

void add_family_flag(CLI::App& verb, Flags& flags) {
  verb.add_option("--family-dir", flags.family_dirs,
                  "a folder of model.json and weights.json, or of such folders: families before those built in; may be repeated")
      ->envname("SYNAPSE_FAMILIES")
      ->delimiter(':')
      ->type_name("DIR");
}

void add_isa_flag(CLI::App& verb, Flags& flags) {
  verb.add_option("--isa", flags.isa, "kernels to use, of those `synapse doctor` lists (default: the best)")
      ->envname("SYNAPSE_ISA")
      ->check(is_isa);
}

void add_weight_flags(CLI::App& verb, Flags& flags) {
  verb.add_flag("--no-repack", flags.no_repack, "read weights as they lie in the file, slower: they stay shared with other processes")
      ->envname("SYNAPSE_NO_REPACK");
  verb.add_flag("--full-head", flags.full_head, "compute every logit, also those that the sampler cannot choose: the same tokens, slower")
      ->envname("SYNAPSE_FULL_HEAD");
}

void add_compute_flags(CLI::App& verb, Flags& flags) {
  verb.add_option("-t,--threads", flags.threads, "threads (default: the cores this process may use)")
      ->envname("SYNAPSE_THREADS")
      ->check(CLI::Range(1, 256));
  add_weight_flags(verb, flags);
  add_isa_flag(verb, flags);
}

CLI::Validator cache_types() { return CLI::IsMember({"f32", "f16", "q8_0", "q4_0"}); }

void add_context_flags(CLI::App& verb, Flags& flags) {
  verb.add_option("-c,--ctx-size", flags.ctx_size, "context in tokens (default: the model's)")
      ->envname("SYNAPSE_CTX_SIZE")
      ->check(CLI::Range(0, INT32_MAX));
  verb.add_option("-b,--batch-size", flags.batch_size, "-ub: tokens of a prompt computed at once (default: 512)")
      ->envname("SYNAPSE_BATCH_SIZE")
      ->take_last()
      ->check(CLI::Range(1, 65536));
  verb.add_option("--cache-type-k", flags.cache_type_k,
                  "-ctk: format of cached keys, f32, f16, q8_0 or q4_0 (default: f32 for a small or all-float model, else f16)")
      ->envname("SYNAPSE_CACHE_TYPE_K")
      ->check(cache_types());
  verb.add_option("--cache-type-v", flags.cache_type_v, "-ctv: format of cached values, likewise")
      ->envname("SYNAPSE_CACHE_TYPE_V")
      ->check(cache_types());
  verb.add_option("--memory-budget", flags.memory_budget,
                  "most memory for everything together, like 64MiB; without -c the longest context that fits is chosen "
                  "(default: none)")
      ->envname("SYNAPSE_MEMORY_BUDGET")
      ->check(is_size);
}

}  // namespace synapse::cli
