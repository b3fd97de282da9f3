#include "synapse/runtime/session.h"

#include <algorithm>
#include <new>

#include "synapse/runtime/dry_device.h"
#include "synapse/runtime/session_impl.h"

namespace synapse {
namespace {

int32_t context_of(const Model& model, const SessionOptions& options) {
  return options.max_seq_len > 0 ? options.max_seq_len : model.config().max_seq_len;
}

// Bytes of activations and scratch for one call of n rows.
size_t activation_bytes(const Model& model, Device& device, const SessionOptions& options) {
  DryDevice dry(device);
  Arena counting = Arena::counting();
  Context cx{dry, counting, nullptr, !model.all_float()};
  const int32_t context = context_of(model, options);
  const int32_t n = std::min(options.chunk, context);
  const Stream stream{.n_rows = n, .position = context - n, .context = context};
  const Batch batch{{&stream, 1}, n};
  const Tensor ids = cx.make(DType::i32, {n});
  Tensor x = model.forward(cx, ids, batch, nullptr);
  const int32_t rows = std::min(n, options.logit_rows);
  if (model.writes_text()) model.head(cx, make_tensor(x.data, DType::f32, {rows, model.config().dim}));
  return counting.peak() + Arena::kAlign;
}

}  // namespace

DType default_cache_dtype(const Model& model) {
  constexpr size_t kSmallCache = size_t(16) << 20;
  const size_t whole = PagePool::bytes_for(model.state_layout(), DType::f32, DType::f32, model.config().max_seq_len);
  return model.all_f32() || whole <= kSmallCache ? DType::f32 : DType::f16;
}

size_t Session::arena_bytes(const Model& model, Device& device, const SessionOptions& options) {
  const int32_t context = context_of(model, options);
  const size_t vocab = size_t(model.config().vocab_size);
  return sizeof(Session) + sizeof(Impl) + size_t(context) * (sizeof(int32_t) + sizeof(SamplerState)) + vocab * sizeof(float) +
         State::arena_bytes(model.state_layout(), context) + activation_bytes(model, device, options) +
         sampler_scratch_bytes(vocab, size_t(context)) + 8 * Arena::kAlign;
}

Result<Session*> Session::open(const Model& model, Device& device, PagePool& pool, const SessionOptions& options,
                               Arena& arena) {
  if (!model.writes_text())
    return fail(Code::unsupported, model.family(), ": an encoder, without a head that writes text; embed gives its vectors");
  const int32_t context = context_of(model, options);
  if (context < 1) return fail(Code::invalid, "context: ", context, ", wanted at least 1");
  if (context > model.config().max_seq_len)
    return fail(Code::invalid, "context: ", context, ", the model's is ", model.config().max_seq_len);
  if (options.chunk < 1) return fail(Code::invalid, "batch size: ", options.chunk, ", wanted at least 1");
  if (options.logit_rows < 1) return fail(Code::invalid, "logit rows: ", options.logit_rows, ", wanted at least 1");

  void* places[] = {arena.alloc(sizeof(Session), alignof(Session)), arena.alloc(sizeof(Impl), alignof(Impl))};
  if (!places[0] || !places[1]) return fail(Code::out_of_memory, "session: no room in its arena");
  Impl* s = new (places[1]) Impl{model, device, pool};
  s->options = options;
  s->options.max_seq_len = context;
  SYN_TRY(ids, arena.zeroed<int32_t>(size_t(context), "token ids"));
  s->ids = ids;
  SYN_TRY(sampled, arena.zeroed<SamplerState>(size_t(context), "sampler states"));
  s->sampled = sampled;
  SYN_TRY(logits, arena.zeroed<float>(size_t(model.config().vocab_size), "logits"));
  s->logits = logits;
  SYN_TRY(state, State::make(model.state_layout(), pool.source(), context, arena));
  s->state = state;
  const size_t work = std::max(activation_bytes(model, device, options), sampler_scratch_bytes(logits.size(), size_t(context)));
  void* memory = arena.alloc(work);
  if (!memory) return fail(Code::out_of_memory, "session: ", work, " bytes of activations do not fit its arena");
  s->work = Arena(memory, work);
  return new (places[0]) Session(s);
}

// Runs the model over ids[n_cached ..) and leaves the last position's logits. With a sink, every position's.
Status Session::Impl::read(const LogitSink* every) {
  const int32_t V = model.config().vocab_size, dim = model.config().dim;
  while (n_cached < n_ids) {
    const int32_t n = std::min(options.chunk, n_ids - n_cached);
    SYN_RETURN_IF_ERROR(state->reserve(n_cached, n));
    work.rewind(0);
    Context cx{device, work, nullptr, !model.all_float()};
    const Stream stream{.kv = &state->kv(), .n_rows = n, .position = n_cached, .context = options.max_seq_len};
    const Batch batch{{&stream, 1}, n};
    const Tensor tokens = cx.make(DType::i32, {n});
    device.write(tokens, ids.data() + n_cached);
    const Tensor x = model.forward(cx, tokens, batch, cancel);
    if (x.empty() || cancelled()) return fail(Code::cancelled, "cancelled at position ", n_cached);

    const bool last_chunk = n_cached + n == n_ids;
    for (int32_t row = every ? 0 : n - 1; row < n && (every || last_chunk);) {
      const int32_t rows = every ? std::min(options.logit_rows, n - row) : 1;
      const size_t mark = work.mark();
      auto* first = static_cast<uint8_t*>(x.data) + size_t(row) * x.row_bytes();
      const Tensor y = model.head(cx, make_tensor(first, DType::f32, {rows, dim}));
      device.wait();
      if (cancelled()) return fail(Code::cancelled, "cancelled at position ", n_cached);
      for (int32_t i = 0; i < rows; ++i, ++row) {
        const Tensor one = make_tensor(static_cast<float*>(y.data) + size_t(i) * size_t(V), DType::f32, {V});
        device.read(logits.data(), one);
        for (float logit : logits)
          if (logit != logit)
            return fail(Code::corrupt, "logits of position ", n_cached + row, ": not a number (damaged weights or cache)");
        if (every) SYN_RETURN_IF_ERROR(every->take(every->context, n_cached + row, logits));
      }
      work.rewind(mark);
    }
    n_cached += n;
    logits_of = last_chunk || every ? n_cached - 1 : -1;
  }
  return {};
}

Status Session::Impl::read_or_restore(int32_t n_ids_before, int32_t n_cached_before, const LogitSink* every) {
  Status status = read(every);
  if (status.ok()) return status;
  n_ids = n_ids_before, n_cached = n_cached_before, logits_of = -1;
  state->truncate(n_cached);
  return status;
}

Status Session::feed(std::span<const int32_t> ids, const LogitSink* every) {
  Impl& s = *impl_;
  const int32_t V = s.model.config().vocab_size, context = s.options.max_seq_len;
  if (ids.size() > size_t(context - s.n_ids))
    return fail(Code::invalid, "prompt: ", ids.size(), " tokens after ", s.n_ids, ", the context holds ", context);
  for (size_t i = 0; i < ids.size(); ++i)
    if (ids[i] < 0 || ids[i] >= V)
      return fail(Code::invalid, "token ", i, ": id ", ids[i], ", the vocabulary has ", V);
  const int32_t n_ids_before = s.n_ids, n_cached_before = s.n_cached;
  std::copy(ids.begin(), ids.end(), s.ids.begin() + s.n_ids);
  std::fill_n(s.sampled.begin() + s.n_ids, ids.size(), s.last_sampled());
  s.n_ids += int32_t(ids.size());
  return s.read_or_restore(n_ids_before, n_cached_before, every);
}

Result<std::span<const float>> Session::logits() {
  Impl& s = *impl_;
  if (s.n_ids == 0) return fail(Code::invalid, "logits: nothing was fed");
  if (s.logits_of != s.n_ids - 1) {
    const int32_t before = s.n_cached;
    s.n_cached = std::min(s.n_cached, s.n_ids - 1);
    SYN_RETURN_IF_ERROR(s.read_or_restore(s.n_ids, std::min(before, s.n_ids), nullptr));
  }
  return std::span<const float>(s.logits);
}

Result<Pick> Session::next(const SamplerOptions& sampler) {
  Impl& s = *impl_;
  if (full()) return fail(Code::invalid, "context: full with ", s.n_ids, " tokens");
  SYN_TRY(row, logits());
  s.work.rewind(0);
  SamplerState state = s.last_sampled();
  SYN_TRY(pick, sample(sampler, row, ids(), s.n_ids, state, s.work));
  s.sampled[size_t(s.n_ids)] = state;
  s.ids[size_t(s.n_ids++)] = pick.id;
  return pick;
}

bool Session::full() const { return impl_->n_ids == impl_->options.max_seq_len; }
std::span<const int32_t> Session::ids() const { return impl_->ids.first(size_t(impl_->n_ids)); }
int32_t Session::max_seq_len() const { return impl_->options.max_seq_len; }
size_t Session::cache_bytes() const { return size_t(impl_->state->n_pages()) * impl_->pool.bytes_of_page(); }
void Session::cancel_on(const bool* flag) { impl_->cancel = flag; }

Status Session::truncate(int32_t n) {
  Impl& s = *impl_;
  if (n < 0 || n > s.n_ids) return fail(Code::invalid, "truncate: to ", n, ", there are ", s.n_ids, " tokens");
  if (s.logits_of >= n) s.logits_of = -1;
  s.n_ids = n;
  s.n_cached = std::min(s.n_cached, n);
  s.state->truncate(s.n_cached);
  return {};
}

// Drops what this stream holds and fills pages of its own pool with those of `from`.
Status Session::Impl::copy_pages(const Impl& from) {
  state->truncate(0);
  if (Status status = state->reserve(0, from.n_cached); !status.ok()) {
    state->truncate(0);
    return status;
  }
  const KvTable &source = from.state->kv(), &target = state->kv();
  const int32_t n_pages = (from.n_cached + kPageRows - 1) / kPageRows;
  for (int32_t slot = 0; slot < state->layout().n_kv_slots; ++slot)
    for (int32_t page = 0; page < n_pages; ++page) {
      const KvPage& a = *source.pages[size_t(slot) * size_t(source.max_pages) + size_t(page)];
      const KvPage& b = *target.pages[size_t(slot) * size_t(target.max_pages) + size_t(page)];
      const Tensor pairs[][2] = {{from.pool.k_tensor(a), pool.k_tensor(b)}, {from.pool.v_tensor(a), pool.v_tensor(b)}};
      for (const auto& [t, copy] : pairs) {
        work.rewind(0);
        uint8_t* bytes = work.array<uint8_t>(t.bytes());
        if (!bytes) return fail(Code::out_of_memory, "clone: a page of ", t.bytes(), " bytes does not fit the work space");
        from.device.read(bytes, t);
        device.write(copy, bytes);
      }
    }
  return {};
}

Status Session::clone_to(Session& other) const {
  const Impl& from = *impl_;
  Impl& to = *other.impl_;
  if (&from == &to) return fail(Code::invalid, "clone: a session onto itself");
  if (&from.model != &to.model || from.pool.k_dtype() != to.pool.k_dtype() || from.pool.v_dtype() != to.pool.v_dtype())
    return fail(Code::invalid, "clone: the sessions differ in model or cache type");
  if (from.n_ids > to.options.max_seq_len)
    return fail(Code::invalid, "clone: ", from.n_ids, " tokens, the other context holds ", to.options.max_seq_len);
  to.n_ids = to.n_cached = 0, to.logits_of = -1;
  if (&from.pool == &to.pool) to.state->share(*from.state, from.n_cached);
  else SYN_RETURN_IF_ERROR(to.copy_pages(from));
  std::copy_n(from.ids.begin(), from.n_ids, to.ids.begin());
  std::copy_n(from.sampled.begin(), from.n_ids, to.sampled.begin());
  std::copy(from.logits.begin(), from.logits.end(), to.logits.begin());
  to.n_ids = from.n_ids, to.n_cached = from.n_cached, to.logits_of = from.logits_of;
  return {};
}

}  // namespace synapse
