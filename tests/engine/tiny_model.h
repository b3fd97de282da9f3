// The engine around a formula model, for hosted tests that compare the engine with itself.
#pragma once
#include <algorithm>
#include <deque>
#include <vector>

#include "synapse/base/rng.h"
#include "synapse/cpu/cpu_device.h"
#include "synapse/platform/threads.h"
#include "synapse/runtime/session.h"
#include "formula_model.h"

namespace synapse::test {

// A formula model with its memory. Tests may change its tables before get().
class TinyCheckpoint {
 public:
  TinyCheckpoint(std::string_view architecture, DType dtype, Shape shape = {})
      : model_(make_formula_model(architecture, dtype, shape, kernels(), arena_)) {}

  Checkpoint get() { return model_.checkpoint(arena_); }
  std::span<NamedTensor>& tensors() { return model_.tensors; }
  std::span<MetaEntry>& metadata() { return model_.metadata; }

 private:
  std::vector<uint8_t> memory_ = std::vector<uint8_t>(size_t(2) << 20);
  Arena arena_{memory_.data(), memory_.size()};
  FormulaModel model_;
};

// A checkpoint built on a device, with a page pool and as many sessions as asked for.
class Engine {
 public:
  Engine(const Checkpoint& checkpoint, const Kernels& k, int32_t n_threads, SessionOptions options = {})
      : options_(options), pool_(*platform::ThreadPool::create(n_threads)), device_(k, *pool_) {
    char text[4096];
    Faults faults(text);
    Arena& a = arena(Model::arena_bytes(checkpoint));
    auto built = Model::build(checkpoint, device_, a, faults);
    if (!built.ok()) {
      status_ = built.status();
      return;
    }
    model_ = *built;
    if (options.k_dtype == DType::bf16) options_.k_dtype = options_.v_dtype = default_cache_dtype(*model_);
    memory_.resize(size_t(16) << 20);
    Arena& tables = arena(PagePool::arena_bytes(model_->state_layout(), options_.k_dtype, options_.v_dtype, memory_.size()));
    pages_ = *PagePool::make(device_, model_->state_layout(), options_.k_dtype, options_.v_dtype, memory_, tables);
  }
  ~Engine() { platform::ThreadPool::destroy(pool_); }

  const Status& status() const { return status_; }
  const Model& model() { return *model_; }
  PagePool& pages() { return *pages_; }
  Device& device() { return device_; }

  Session& session(int32_t chunk = 512, int32_t context = 0) {
    SessionOptions o = options_;
    o.chunk = chunk, o.max_seq_len = context;
    auto made = Session::open(*model_, device_, *pages_, o, arena(Session::arena_bytes(*model_, device_, o)));
    SYN_CHECK(made.ok());
    return **made;
  }
  Arena& arena(size_t bytes) {
    auto& m = blocks_.emplace_back(bytes + 4096);
    return arenas_.emplace_back(reinterpret_cast<void*>(Arena::align_up(reinterpret_cast<uintptr_t>(m.data()), 64)), bytes);
  }

 private:
  SessionOptions options_;
  platform::ThreadPool* pool_;
  CpuDevice device_;
  Status status_;
  Model* model_ = nullptr;
  PagePool* pages_ = nullptr;
  std::vector<uint8_t> memory_;
  std::deque<std::vector<uint8_t>> blocks_;
  std::deque<Arena> arenas_;
};

inline SessionOptions default_cache() {  // Engine picks the model's own cache type
  SessionOptions o;
  o.k_dtype = o.v_dtype = DType::bf16;
  return o;
}

inline std::vector<int32_t> some_ids(int32_t n, int32_t vocab_size, uint64_t seed = 1) {
  std::vector<int32_t> ids;
  for (int32_t i = 0; i < n; ++i) ids.push_back(int32_t(random_bits(seed, uint64_t(i)) % uint64_t(vocab_size)));
  return ids;
}

// Hash of the logits at every position of a feed.
struct Digest {
  std::vector<uint64_t> rows;
  LogitSink sink() {
    return {[](void* self, int32_t, std::span<const float> logits) -> Status {
              static_cast<Digest*>(self)->rows.push_back(hash64(logits.data(), logits.size_bytes()));
              return {};
            },
            this};
  }
};

}  // namespace synapse::test
