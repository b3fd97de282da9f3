// The engine around a formula model, for hosted tests that compare the engine with itself.
#pragma once
#include <algorithm>
#include <deque>
#include <ostream>
#include <vector>

#include "synapse/base/rng.h"
#include "synapse/cpu/cpu_device.h"
#include "synapse/platform/threads.h"
#include "synapse/runtime/matrices.h"
#include "synapse/runtime/session.h"
#include "formula_model.h"
#include "recurrent_device.h"

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

// What a stream remembers.
enum class Memory : uint8_t { keys, keys_and_rows, rows };

// A small model by what its streams remember.
struct StateKind {
  int32_t window;
  Memory memory;
  const char* architecture = "llama";
};
inline void PrintTo(const StateKind& k, std::ostream* os) { *os << k.architecture << " window " << k.window << " memory " << int(k.memory); }
inline Shape shape_of(const StateKind& k) {
  Shape shape;
  shape.window = k.window, shape.max_seq_len = 4096, shape.hidden_dim = 64;
  return shape;
}

// A checkpoint built on a device, with a page pool and as many sessions as asked for.
class Engine {
 public:
  Engine(const Checkpoint& checkpoint, const Kernels& k, int32_t n_threads, SessionOptions options = {}, Memory memory = Memory::keys)
      : options_(options), pool_(*platform::ThreadPool::create(n_threads)), device_(k, *pool_), memory_kind_(memory) {
    char text[4096];
    Faults faults(text);
    Arena& a = arena(Model::arena_bytes(checkpoint));
    auto built = Model::build(checkpoint, device_, a, faults);
    if (!built.ok()) {
      status_ = built.status();
      return;
    }
    model_ = *built;
    if (memory != Memory::keys) recurrent_.add_rows_to(*model_, memory == Memory::keys_and_rows);
    if (options.k_dtype == DType::bf16) options_.k_dtype = options_.v_dtype = default_cache_dtype(*model_);
    memory_.resize(size_t(16) << 20);
    Arena& tables = arena(PagePool::arena_bytes(model_->state_layout(), options_.k_dtype, options_.v_dtype, memory_.size()));
    pages_ = *PagePool::make(device(), model_->state_layout(), options_.k_dtype, options_.v_dtype, memory_, tables);
  }
  ~Engine() { platform::ThreadPool::destroy(pool_); }

  const Status& status() const { return status_; }
  const Model& model() { return *model_; }
  PagePool& pages() { return *pages_; }
  Device& device() { return memory_kind_ == Memory::keys ? static_cast<Device&>(device_) : recurrent_; }

  // Linears read packed weights from now on, the head in planes if wanted. Returns how many bytes were given back where they came from.
  size_t pack(bool head_in_planes = false) {
    const Tensor in_planes = head_in_planes ? model_->head_weight() : Tensor{};
    const auto matrices = list_matrices(*model_, device_, arena(matrices_bytes(*model_)));
    SYN_CHECK(matrices.ok());
    size_t released = 0;
    const ReleasePart release = {[](void* n, std::span<const uint8_t> part) { *static_cast<size_t*>(n) += part.size(); }, &released};
    const PackedSet set = {*matrices, in_planes};
    Arena& bytes = arena(set.bytes() + Arena::kAlign);
    auto* const to = static_cast<uint8_t*>(bytes.alloc(set.bytes()));
    synapse::pack(to, set, *pool_, release);
    const auto packed = PackedWeights::make(set, to, nullptr, arena(PackedWeights::table_bytes(set)));
    SYN_CHECK(packed.ok());
    device_.read_from(*packed);
    return released;
  }

  Session& session(int32_t chunk = 512, int32_t context = 0) {
    SessionOptions o = options_;
    o.chunk = chunk;
    if (context) o.max_seq_len = context;
    return session(o);
  }
  Session& session(const SessionOptions& o) { return session(o, *pages_); }
  Session& session(const SessionOptions& o, PagePool& pool) {
    auto made = Session::open(*model_, device(), pool, o, arena(Session::arena_bytes(*model_, device(), o)));
    SYN_CHECK(made.ok());
    return **made;
  }
  const SessionOptions& options() const { return options_; }
  // Another pool, of this much memory.
  PagePool& pool_of(size_t bytes) {
    auto& memory = blocks_.emplace_back(bytes + 64);
    const std::span<uint8_t> aligned{reinterpret_cast<uint8_t*>(Arena::align_up(reinterpret_cast<uintptr_t>(memory.data()), 64)), bytes};
    const StateLayout& layout = model_->state_layout();
    Arena& tables = arena(PagePool::arena_bytes(layout, options_.k_dtype, options_.v_dtype, bytes));
    return **PagePool::make(device(), layout, options_.k_dtype, options_.v_dtype, aligned, tables);
  }
  Arena& arena(size_t bytes) {
    auto& m = blocks_.emplace_back(bytes + 4096);
    return arenas_.emplace_back(reinterpret_cast<void*>(Arena::align_up(reinterpret_cast<uintptr_t>(m.data()), 64)), bytes);
  }

 private:
  SessionOptions options_;
  platform::ThreadPool* pool_;
  CpuDevice device_;
  RecurrentDevice recurrent_{device_};
  Memory memory_kind_;
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

// A saved session.
inline std::vector<uint8_t> saved(const Session& s) {
  std::vector<uint8_t> file;
  const Sink sink{[](void* f, std::span<const uint8_t> b) -> Status {
                    auto& bytes = *static_cast<std::vector<uint8_t>*>(f);
                    bytes.insert(bytes.end(), b.begin(), b.end());
                    return {};
                  },
                  &file};
  SYN_CHECK(s.save(sink).ok());
  return file;
}

// Hash of the logits after the last token; 0 when there are none.
inline uint64_t last_digest(Session& s) {
  auto row = s.logits();
  return row.ok() ? hash64(row->data(), row->size_bytes()) : 0;
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
