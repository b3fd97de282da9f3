#include "synapse/runtime/embedder.h"

#include <algorithm>
#include <new>

#include "synapse/base/math.h"
#include "synapse/runtime/dry_device.h"
#include "synapse/runtime/session.h"

namespace synapse {
namespace {

constexpr int32_t kMaxStreams = 16;  // texts that go through the model together

StateLimits limits_of(const EmbedOptions& options) {
  return {.max_positions = options.max_rows, .chunk = options.max_rows, .rollback = 0};
}

size_t activation_bytes(const Model& model, Device& device, const EmbedOptions& options) {
  DryDevice dry(device);
  Arena counting = Arena::counting();
  Context cx{dry, counting, nullptr, !model.all_float()};
  const Stream stream{.n_rows = options.max_rows, .context = options.max_rows};
  const Batch batch{{&stream, 1}, options.max_rows};
  cx.make(DType::i32, {options.max_rows});  // types
  const Tensor ids = cx.make(DType::i32, {options.max_rows});
  model.last_norm(cx, model.forward(cx, ids, batch, nullptr));
  return counting.peak() + Arena::kAlign;
}

}  // namespace

struct Embedder::Impl {
  const Model& model;
  Device& device;
  EmbedOptions options;
  std::span<State*> states = {};
  std::span<float> rows = {};    // (max_rows, dim), of one call
  std::span<float> vector = {};  // (dim)
  std::span<int32_t> numbers = {};  // max_rows ids or types
  Arena work = {};
  const bool* cancel = nullptr;

  bool cancelled() const { return cancel && __atomic_load_n(cancel, __ATOMIC_RELAXED); }
  Status check(size_t text, const EmbedText& t) const;
  Status run(std::span<const EmbedText> texts, size_t first, const VectorSink& sink);
  Status take(const float* x, int32_t n, size_t text, const VectorSink& sink);
  Status give(const float* x, size_t text, const VectorSink& sink);
};

Result<EmbedOptions> default_embed_options(const Checkpoint& checkpoint, const Model& model) {
  EmbedOptions options;
  options.k_dtype = options.v_dtype = default_cache_dtype(model);
  const Text<96> key(checkpoint.architecture(), ".pooling_type");
  if (const MetaValue* value = checkpoint.find(key)) {
    const auto n = value->as_int();
    if (!n || *n < 0 || *n > int64_t(Pooling::last))
      return fail(Code::unsupported, key, ": ", n.value_or(-1), ", wanted 0 (none), 1 (mean), 2 (cls) or 3 (last)");
    options.pooling = Pooling(*n);
  }
  if (const MetaValue* value = checkpoint.find("synapse.embedding.normalize")) {
    if (!value->as_bool()) return fail(Code::corrupt, "synapse.embedding.normalize: not true or false");
    options.normalize = *value->as_bool();
  }
  return options;
}

Status check_writes_text(const Model& model) {
  if (model.writes_text()) return {};
  return fail(Code::unsupported, model.family(), ": an encoder, without a head that writes text; embed gives its vectors");
}

// The rows of one call, and for every stream a page that it fills in part and recurrent rows.
size_t Embedder::cache_bytes(const Model& model, const EmbedOptions& options) {
  const StateLayout& layout = model.state_layout();
  const StateLimits page = {.max_positions = kPageRows, .chunk = kPageRows, .rollback = 0};
  return PagePool::bytes_for(layout, options.k_dtype, options.v_dtype, limits_of(options)) +
         kMaxStreams * PagePool::bytes_for(layout, options.k_dtype, options.v_dtype, page);
}

size_t Embedder::arena_bytes(const Model& model, Device& device, const EmbedOptions& options) {
  const size_t dim = size_t(model.config().dim);
  return sizeof(Embedder) + sizeof(Impl) + kMaxStreams * (sizeof(State*) + State::arena_bytes(model.state_layout(), limits_of(options))) +
         (size_t(options.max_rows) + 1) * dim * sizeof(float) + size_t(options.max_rows) * sizeof(int32_t) + activation_bytes(model, device, options) + 8 * Arena::kAlign;
}

Result<Embedder*> Embedder::open(const Model& model, Device& device, PagePool& pool, const EmbedOptions& options, Arena& arena) {
  if (options.max_rows < 1 || options.max_rows > (1 << 24))
    return fail(Code::invalid, "batch size: ", options.max_rows, ", wanted 1 to ", 1 << 24);
  void* places[] = {arena.alloc(sizeof(Embedder), alignof(Embedder)), arena.alloc(sizeof(Impl), alignof(Impl))};
  if (!places[0] || !places[1]) return fail(Code::out_of_memory, "embedder: no room in its arena");
  Impl* e = new (places[1]) Impl{model, device, options};
  SYN_TRY(states, arena.zeroed<State*>(size_t(kMaxStreams), "states"));
  for (State*& state : states) {
    SYN_TRY(made, State::make(model.state_layout(), pool.source(), limits_of(options), arena));
    state = made;
  }
  e->states = states;
  SYN_TRY(rows, arena.zeroed<float>(size_t(options.max_rows) * size_t(model.config().dim), "rows"));
  SYN_TRY(vector, arena.zeroed<float>(size_t(model.config().dim), "vector"));
  SYN_TRY(numbers, arena.zeroed<int32_t>(size_t(options.max_rows), "token ids"));
  e->rows = rows, e->vector = vector, e->numbers = numbers;
  const size_t work = activation_bytes(model, device, options);
  void* memory = arena.alloc(work);
  if (!memory) return fail(Code::out_of_memory, "embedder: ", work, " bytes of activations do not fit its arena");
  e->work = Arena(memory, work);
  return new (places[0]) Embedder(e);
}

void Embedder::cancel_on(const bool* flag) { impl_->cancel = flag; }

Status Embedder::embed(std::span<const EmbedText> texts, const VectorSink& sink) {
  Impl& e = *impl_;
  for (size_t i = 0; i < texts.size(); ++i) SYN_RETURN_IF_ERROR(e.check(i, texts[i]));
  for (size_t first = 0; first < texts.size();) {
    size_t n = 0;
    for (size_t rows = 0; first + n < texts.size() && n < size_t(kMaxStreams); ++n) {
      rows += texts[first + n].ids.size();
      if (rows > size_t(e.options.max_rows)) break;
    }
    const Status status = e.run(texts.subspan(first, n), first, sink);
    for (State* state : e.states) state->truncate(0);
    SYN_RETURN_IF_ERROR(status);
    first += n;
  }
  return {};
}

Status Embedder::Impl::check(size_t text, const EmbedText& t) const {
  const int32_t most = std::min(options.max_rows, model.config().max_seq_len), V = model.config().vocab_size;
  const auto wrong = [&](const auto&... parts) { return fail(Code::invalid, "text ", text + 1, ": ", parts...); };
  if (t.ids.empty()) return wrong("no tokens");
  if (t.ids.size() > size_t(most)) return wrong(t.ids.size(), " tokens, the most is ", most);
  for (int32_t id : t.ids)
    if (id < 0 || id >= V) return wrong("id ", id, ", the vocabulary has ", V);
  if (t.types.empty()) return {};
  if (t.types.size() != t.ids.size()) return wrong(t.ids.size(), " ids, ", t.types.size(), " types");
  const int32_t n_types = model.config().n_token_types;
  for (int32_t type : t.types)
    if (type < 0 || type >= n_types) return wrong("type ", type, ", the model has ", n_types);
  return {};
}

// Texts that fit one call, `first` being the first one's number.
Status Embedder::Impl::run(std::span<const EmbedText> texts, size_t first, const VectorSink& sink) {
  Stream streams[kMaxStreams];
  int32_t n_rows = 0;
  bool has_types = false;
  for (size_t i = 0; i < texts.size(); ++i) {
    const int32_t n = int32_t(texts[i].ids.size());
    SYN_RETURN_IF_ERROR(states[i]->reserve(0, n));
    streams[i] = states[i]->stream(n_rows, n);
    n_rows += n;
    has_types = has_types || !texts[i].types.empty();
  }
  work.rewind(0);
  Context cx{device, work, nullptr, !model.all_float()};
  const auto write = [&](auto numbers_of) {  // of all texts, one after the other; 0 where a text has none
    std::fill_n(numbers.begin(), n_rows, 0);
    for (size_t i = 0; i < texts.size(); ++i) {
      const std::span<const int32_t> from = numbers_of(texts[i]);
      std::copy(from.begin(), from.end(), numbers.begin() + streams[i].first_row);
    }
    const Tensor t = cx.make(DType::i32, {n_rows});
    device.write(t, numbers.data());
    return t;
  };
  Batch batch{{streams, texts.size()}, n_rows};
  if (has_types) batch.types = static_cast<const int32_t*>(write([](const EmbedText& t) { return t.types; }).data);
  const Tensor ids = write([](const EmbedText& t) { return t.ids; });

  const Tensor x = model.forward(cx, ids, batch, cancel);
  if (x.empty() || cancelled()) return fail(Code::cancelled, "cancelled at text ", first + 1);
  const Tensor y = model.last_norm(cx, x);
  device.wait();
  if (cancelled()) return fail(Code::cancelled, "cancelled at text ", first + 1);
  device.read(rows.data(), y);
  for (size_t i = 0; i < texts.size(); ++i) {
    const float* own = rows.data() + size_t(streams[i].first_row) * vector.size();
    SYN_RETURN_IF_ERROR(take(own, streams[i].n_rows, first + i, sink));
  }
  return {};
}

// x (n, dim), the rows of one text.
Status Embedder::Impl::take(const float* x, int32_t n, size_t text, const VectorSink& sink) {
  const size_t dim = vector.size();
  switch (options.pooling) {
    case Pooling::cls:
      return give(x, text, sink);
    case Pooling::last:
      return give(x + size_t(n - 1) * dim, text, sink);
    case Pooling::none:
      for (int32_t i = 0; i < n; ++i) SYN_RETURN_IF_ERROR(give(x + size_t(i) * dim, text, sink));
      return {};
    case Pooling::mean:
      break;
  }
  for (size_t c = 0; c < dim; ++c) {
    double sum = 0;
    for (int32_t i = 0; i < n; ++i) sum += double(x[size_t(i) * dim + c]);
    vector[c] = float(sum / n);
  }
  return give(vector.data(), text, sink);
}

Status Embedder::Impl::give(const float* x, size_t text, const VectorSink& sink) {
  double most = 0, ss = 0;
  for (size_t c = 0; c < vector.size(); ++c) {
    if (x[c] != x[c]) return fail(Code::corrupt, "text ", text + 1, ": its vector is not a number (damaged weights)");
    most = std::max(most, x[c] < 0 ? -double(x[c]) : double(x[c]));
  }
  for (size_t c = 0; c < vector.size() && most > 0; ++c) ss += (double(x[c]) / most) * (double(x[c]) / most);
  const double length = options.normalize ? std::max(most * double(sqrt_f32(float(ss))), 1e-12) : 1;
  for (size_t c = 0; c < vector.size(); ++c) vector[c] = float(double(x[c]) / length);
  return sink.take(sink.context, text, vector);
}

}  // namespace synapse
