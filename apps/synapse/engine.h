// From flags to something that answers: processor, file, model, one stream.
#pragma once
#include <memory>
#include <vector>

#include "flags.h"
#include "pack_file.h"
#include "synapse/cpu/cpu_device.h"
#include "synapse/platform/region.h"
#include "synapse/import/source.h"
#include "synapse/platform/threads.h"
#include "synapse/runtime/plan.h"
#include "synapse/runtime/session.h"
#include "synapse/runtime/tokenizer.h"

namespace synapse::cli {

// The processor: kernels, threads and the device made of them.
class Processor {
 public:
  static Result<std::unique_ptr<Processor>> open(const Flags& flags);
  ~Processor();

  const Kernels& kernels() const { return *kernels_; }
  int32_t n_threads() const { return threads_->size(); }
  platform::ThreadPool& threads() { return *threads_; }
  CpuDevice& device() { return *device_; }
  // The matrices of this set, packed into what is returned; `source` gives its pages back as they are.
  Result<Region> pack(const PackedSet& set, const Source& source);
  // Linears read them there from now on.
  Status read_packed(const PackedSet& set, Region packed);
  Status read_packed(const PackedSet& set, PackFile packed);

 private:
  Processor() = default;
  const Kernels* kernels_ = nullptr;
  platform::ThreadPool* threads_ = nullptr;
  std::unique_ptr<CpuDevice> device_;
  Status read_at(const PackedSet& set, const uint8_t* packed);

  std::vector<Region> packed_;  // and their tables
  std::vector<PackFile> packed_files_;
};

// The tokenizer of a source in memory of its own; an error when the source has none.
struct Vocabulary {
  static Result<std::unique_ptr<Vocabulary>> open(Source& source);
  std::string piece(int32_t id) const;  // its bytes, of a special token its name
  // The ids of a text, of any length.
  Result<std::vector<int32_t>> encode(std::string_view text, EncodeOptions options) const;

  Region region;
  const Tokenizer* tokenizer = nullptr;
  TokenizerKind kind = TokenizerKind::none;
  std::vector<int32_t> end_ids;  // every id that ends a generation
  size_t bytes = 0;
};

class Engine {
 public:
  // The processor and the file. What a verb needs beyond them it asks for, the vocabulary before the model.
  static Result<std::unique_ptr<Engine>> open(const Flags& flags);
  // Another model on the processor of `other`, which plans for both from then on.
  static Result<std::unique_ptr<Engine>> open_beside(Engine& other, const Flags& flags);
  Status read_vocabulary();
  Status build_model(bool expand);  // `expand`: quantised weights become f32
  // Before anything is planned: a stream that reads drafts of so many tokens; a context; a cache of beginnings.
  void expect_drafts(int32_t n_tokens);
  void set_context(int32_t n_positions) { flags_.ctx_size = n_positions; }
  void add_prefix_cache(size_t bytes) { prefix_cache_bytes_ = bytes; }

  Source& source() { return *source_; }
  Processor& processor() { return *processor_; }
  const Vocabulary& vocabulary() const { return *vocabulary_; }  // REQUIRES read_vocabulary
  const Model& model() const { return *model_; }                 // REQUIRES build_model
  const std::string& faults() const { return faults_; }          // of build_model, a line each, when more than one

  // What start() goes by; to be changed before it.
  Flags& flags() { return flags_; }
  SessionOptions& options() { return options_; }  // REQUIRES build_model

  // What a run of `n_positions` takes; 0: the model's context. Weights need not have been read.
  MemoryPlan plan(int32_t n_positions);
  // The context of a run: -c, else the longest within --memory-budget, else the model's. Refuses one beyond the
  // model's, and a plan beyond the budget, which is printed.
  Result<int32_t> choose_context();
  // The weights as they are read fastest, unless --no-repack or memory forbids it. REQUIRES build_model
  Status pack_weights();
  // What that packs. Views `list`, and the head is in planes unless --full-head.
  Result<PackedSet> packable(Region& list);
  // Opens the one stream, of that context. `reach`: the positions that this run can come to, for the warning that
  // memory is short.
  Result<Session*> start(int32_t reach);

 private:
  Engine() = default;
  // The longest context up to `longest` whose plan fits; 0: none.
  int32_t longest_within(uint64_t budget, int32_t longest);

  Flags flags_;
  std::shared_ptr<Processor> processor_;
  Engine* beside_ = nullptr;  // planned for with this one
  std::unique_ptr<Source> source_;
  std::unique_ptr<Vocabulary> vocabulary_;
  Region expanded_, model_region_, pages_, session_region_;
  Model* model_ = nullptr;
  std::string faults_;
  SessionOptions options_;
  size_t process_bytes_ = 0, prefix_cache_bytes_ = 0;
};

// Opens a source; what is wrong with it is printed, a line each.
Result<std::unique_ptr<Source>> open_source(const std::string& name, const std::vector<std::string>& family_dirs);
// build_model, its faults printed.
Status require_model(Engine& engine, bool expand);

// A table of its parts, a line each.
std::string plan_text(const MemoryPlan& plan);

}  // namespace synapse::cli
