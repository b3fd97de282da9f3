// A small model of any family made in memory: weights by a seed, in any format. For tests that compare the engine
// with itself.
#pragma once
#include <algorithm>
#include <cmath>
#include <deque>
#include <string>
#include <vector>

#include "synapse/base/rng.h"
#include "synapse/cpu/cpu_device.h"
#include "synapse/platform/threads.h"
#include "synapse/runtime/session.h"

namespace synapse::test {

struct Shape {
  int32_t dim = 64, hidden_dim = 96, n_layers = 2, n_heads = 4, n_kv_heads = 2, head_dim = 32, vocab_size = 80;
  int32_t max_seq_len = 512, window = 0;
};

class TinyCheckpoint {
 public:
  TinyCheckpoint(std::string architecture, DType dtype, Shape shape = {}) : arch_(std::move(architecture)), dtype_(dtype) {
    const Shape& s = shape;
    text("general.architecture", arch_);
    number("block_count", s.n_layers), number("embedding_length", s.dim), number("feed_forward_length", s.hidden_dim);
    number("attention.head_count", s.n_heads), number("attention.head_count_kv", s.n_kv_heads);
    number("attention.key_length", s.head_dim), number("context_length", s.max_seq_len);
    if (s.window) number("attention.sliding_window", s.window);
    real("attention.layer_norm_rms_epsilon", 1e-6), real("rope.freq_base", 10000);

    matrix("token_embd.weight", s.vocab_size, s.dim, 0.5f);
    vector("output_norm.weight", s.dim, 1, 0.2f);
    for (int32_t i = 0; i < s.n_layers; ++i) {
      const std::string b = "blk." + std::to_string(i) + ".";
      const int32_t q = s.n_heads * s.head_dim, kv = s.n_kv_heads * s.head_dim;
      vector(b + "attn_norm.weight", s.dim, 1, 0.2f), vector(b + "ffn_norm.weight", s.dim, 1, 0.2f);
      matrix(b + "attn_q.weight", q, s.dim), matrix(b + "attn_k.weight", kv, s.dim), matrix(b + "attn_v.weight", kv, s.dim);
      matrix(b + "attn_output.weight", s.dim, q);
      matrix(b + "ffn_gate.weight", s.hidden_dim, s.dim), matrix(b + "ffn_up.weight", s.hidden_dim, s.dim);
      matrix(b + "ffn_down.weight", s.dim, s.hidden_dim);
      if (arch_ == "qwen3") vector(b + "attn_q_norm.weight", s.head_dim, 1, 0.2f), vector(b + "attn_k_norm.weight", s.head_dim, 1, 0.2f);
      if (arch_ == "qwen2")
        vector(b + "attn_q.bias", q, 0, 0.3f), vector(b + "attn_k.bias", kv, 0, 0.3f), vector(b + "attn_v.bias", kv, 0, 0.3f);
    }
  }

  Checkpoint get() {
    Checkpoint c;
    c.format = "test";
    c.metadata = metadata_, c.tensors = tensors_;
    index_memory_.resize(c.index_bytes() + 4096);
    Arena arena(index_memory_.data(), index_memory_.size());
    const Status indexed = c.index(arena);
    SYN_CHECK(indexed.ok());
    return c;
  }
  std::vector<NamedTensor>& tensors() { return tensors_; }
  std::vector<MetaEntry>& metadata() { return metadata_; }

 private:
  std::string_view keep(std::string text) { return names_.emplace_back(std::move(text)); }
  void text(const char* key, std::string_view value) {
    MetaValue v;
    v.type = MetaType::string, v.text = value;
    metadata_.push_back({key, v});
  }
  void number(const char* key, int32_t n) {
    MetaValue v;
    v.type = MetaType::u32, v.u = uint64_t(n);
    metadata_.push_back({keep(arch_ + "." + key), v});
  }
  void real(const char* key, double x) {
    MetaValue v;
    v.type = MetaType::f32, v.f = x;
    metadata_.push_back({keep(arch_ + "." + key), v});
  }
  void* formula(const std::string& name, DType dtype, int32_t rows, int32_t cols, float base, float scale) {
    const uint64_t seed = hash64(name.data(), name.size());
    std::vector<float> x(size_t(rows) * size_t(cols));
    for (size_t i = 0; i < x.size(); ++i) x[i] = base + scale * (2 * random_unit(seed, i) - 1);
    auto& bytes = data_.emplace_back(size_t(rows) * row_bytes(dtype, cols));
    kernels().formats[size_t(dtype)].quantize(bytes.data(), x.data(), x.size());
    return bytes.data();
  }
  void vector(const std::string& name, int32_t n, float base, float scale) {
    tensors_.push_back({keep(name), make_tensor(formula(name, DType::f32, 1, n, base, scale), DType::f32, {n})});
  }
  void matrix(const std::string& name, int32_t rows, int32_t cols, float scale = 0) {
    if (scale == 0) scale = 1.5f / std::sqrt(float(cols));
    tensors_.push_back({keep(name), make_tensor(formula(name, dtype_, rows, cols, 0, scale), dtype_, {rows, cols})});
  }

  std::string arch_;
  DType dtype_;
  std::deque<std::string> names_;
  std::deque<std::vector<uint8_t>> data_;
  std::vector<MetaEntry> metadata_;
  std::vector<NamedTensor> tensors_;
  std::vector<uint8_t> index_memory_;
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
    if (!built.ok()) return status_ = built.status(), void();
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

  Session& session(int32_t chunk = 512) {
    SessionOptions o = options_;
    o.chunk = chunk;
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
