#include "synapse/runtime/session.h"

#include <algorithm>
#include <new>

#include "synapse/base/rng.h"
#include "synapse/runtime/dry_device.h"
#include "synapse/runtime/embedder.h"
#include "synapse/runtime/prefix_cache.h"
#include "synapse/runtime/reduced_head.h"
#include "synapse/runtime/session_impl.h"

namespace synapse {
namespace {

// After a reduced head that did not pay full ones come, then twice as many, up to these.
constexpr int32_t kMostFullHeads = 63;

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
  const Batch batch{{&stream, 1}, n, options.quantised_cache()};
  const Tensor ids = cx.make(DType::i32, {n});
  Tensor x = model.forward(cx, ids, batch, nullptr);
  const int32_t rows = std::min(n, options.logit_rows);
  const size_t mark = counting.mark();
  if (model.writes_text()) model.head(cx, make_tensor(x.data, DType::f32, {rows, model.config().dim}));
  counting.rewind(mark);
  if (model.is_plain_head() && model.head_weight().dtype == DType::q8_0)
    plan_reduced_logits(model, cx, make_tensor(x.data, DType::f32, {1, model.config().dim}), size_t(context));
  return counting.peak() + Arena::kAlign;
}

// For a call of the model and then the sampler, or a part of the state on its way.
size_t work_bytes(const Model& model, Device& device, const SessionOptions& options) {
  const size_t sampler = sampler_scratch_bytes(size_t(model.config().vocab_size), size_t(context_of(model, options)));
  return std::max(activation_bytes(model, device, options) + sampler + Arena::kAlign,
                  Parts::most_bytes(model.state_layout(), options.k_dtype, options.v_dtype) + Arena::kAlign);
}

// What makes a state besides the ids.
uint64_t prefix_key(const Model& model, const PagePool& pool, const SessionOptions& options) {
  const uint64_t parts[] = {model.fingerprint(options.max_seq_len), info(pool.k_dtype()).gguf_id, info(pool.v_dtype()).gguf_id,
                            uint64_t(options.max_seq_len)};
  return hash64(parts, sizeof parts);
}

}  // namespace

DType default_cache_dtype(const Model& model) {
  constexpr size_t kSmallCache = size_t(16) << 20;
  const StateLayout& layout = model.state_layout();
  const size_t n_pages = size_t((model.config().max_seq_len + kPageRows - 1) / kPageRows) * size_t(layout.n_kv_slots);
  const size_t whole = n_pages * PagePool::page_bytes(layout, DType::f32, DType::f32);
  return model.all_f32() || whole <= kSmallCache ? DType::f32 : DType::f16;
}

StateLimits limits_of(const Model& model, const SessionOptions& options) {
  return {context_of(model, options), options.chunk, options.rollback};
}

size_t Session::arena_bytes(const Model& model, Device& device, const SessionOptions& options) {
  const int32_t context = context_of(model, options);
  const size_t vocab = size_t(model.config().vocab_size);
  return sizeof(Session) + sizeof(Impl) + size_t(context) * (sizeof(int32_t) + sizeof(SamplerState)) + vocab * sizeof(float) +
         State::arena_bytes(model.state_layout(), limits_of(model, options)) + work_bytes(model, device, options) +
         8 * Arena::kAlign;
}

Result<Session*> Session::open(const Model& model, Device& device, PagePool& pool, const SessionOptions& options,
                               Arena& arena) {
  SYN_RETURN_IF_ERROR(check_writes_text(model));
  const int32_t context = context_of(model, options);
  if (context < 1) return fail(Code::invalid, "context: ", context, ", wanted at least 1");
  if (context > model.config().max_seq_len)
    return fail(Code::invalid, "context: ", context, ", the model's is ", model.config().max_seq_len);
  if (options.chunk < 1) return fail(Code::invalid, "batch size: ", options.chunk, ", wanted at least 1");
  SYN_CHECK(!options.recorder || !options.recorder->keeps_activations());  // the arena was planned without
  if (options.logit_rows < 1) return fail(Code::invalid, "logit rows: ", options.logit_rows, ", wanted at least 1");
  if (options.rollback < 0) return fail(Code::invalid, "rollback: ", options.rollback, ", wanted at least 0");

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
  SYN_TRY(state, State::make(model.state_layout(), pool.source(), limits_of(model, options), arena));
  s->state = state;
  const size_t work = work_bytes(model, device, options);
  void* memory = arena.alloc(work);
  if (!memory) return fail(Code::out_of_memory, "session: ", work, " bytes of activations do not fit its arena");
  s->work = Arena(memory, work);
  return new (places[0]) Session(s);
}

// The position at which reading pauses next, so that recurrent rows can be kept there: a multiple of 64 from where the
// end's rollback begins.
int32_t Session::Impl::next_stop() const {
  if (!state->layout().n_row_floats) return n_ids;
  const int32_t page = std::max(n_cached / kPageRows + 1, (n_ids - options.rollback) / kPageRows);
  return std::min(page * kPageRows, n_ids);
}

Result<Tensor> Session::Impl::forward(int32_t first, int32_t n, int32_t n_layers) {
  SYN_RETURN_IF_ERROR(state->reserve(first, n));
  work.rewind(0);
  Context cx{device, work, options.recorder, !model.all_float()};
  const Stream stream = state->stream(0, n);
  const Batch batch{{&stream, 1}, n, options.quantised_cache()};
  const Tensor tokens = cx.make(DType::i32, {n});
  device.write(tokens, ids.data() + first);
  const Tensor x = model.forward(cx, tokens, batch, cancel, n_layers);
  if (x.empty() || cancelled()) return fail(Code::cancelled, "cancelled at position ", first);
  n_passes += n_layers == model.config().n_layers;
  return x;
}

Status Session::Impl::make_rows(const Tensor& x, int32_t row, int32_t last_row, int32_t position, Made& made) {
  if (made.n != 0 && row < made.first + made.n) return {};
  if (made.n) work.rewind(made.mark);
  made.first = row, made.n = std::min(options.logit_rows, last_row - row + 1), made.mark = work.mark();
  Context cx{device, work, options.recorder, !model.all_float()};
  auto* first = static_cast<uint8_t*>(x.data) + size_t(row) * x.row_bytes();
  made.y = model.head(cx, make_tensor(first, DType::f32, {made.n, x.cols()}));
  device.wait();
  return cancelled() ? fail(Code::cancelled, "cancelled at position ", position) : Status();
}

Status Session::Impl::take_row(const Made& made, int32_t row, int32_t position) {
  const size_t V = logits.size();
  is_reduced = false;
  device.read(logits.data(), make_tensor(static_cast<float*>(made.y.data) + size_t(row - made.first) * V, DType::f32, {int32_t(V)}));
  for (float logit : logits)
    if (!(logit - logit == 0))
      return fail(Code::corrupt, "logits of position ", position, ": one is ", double(logit), " (damaged weights or cache)");
  return {};
}

Status Session::Impl::make_logits(const Tensor& x, int32_t row, int32_t last_row, int32_t position, Made& made) {
  SYN_RETURN_IF_ERROR(make_rows(x, row, last_row, position, made));
  return take_row(made, row, position);
}

Status Session::Impl::make_logits_for(const SamplerOptions& sampler, const Tensor& x, int32_t row, int32_t position) {
  const auto rule = reach_rule(sampler, size_t(n_ids));
  if (!rule || n_full_heads > 0 || !model.can_screen(device)) {
    n_full_heads -= n_full_heads > 0;
    Made made;
    return make_logits(x, row, row, position, made);
  }
  Context cx{device, work, options.recorder, !model.all_float()};
  const Tensor hidden = make_tensor(static_cast<uint8_t*>(x.data) + size_t(row) * x.row_bytes(), DType::f32, {1, x.cols()});
  is_reduced = true;
  SYN_TRY(pays, reduced_logits(model, cx, hidden, sampler, *rule, ids.first(size_t(n_ids)), position + 1, logits));
  if (cancelled()) return fail(Code::cancelled, "cancelled at position ", position);
  n_full_heads_next = pays ? 1 : std::min(2 * n_full_heads_next, kMostFullHeads);
  n_full_heads = pays ? 0 : n_full_heads_next;
  return {};
}

// Runs the model over ids[n_cached ..) and leaves the last position's logits. With a sink, every position's.
Status Session::Impl::read(const LogitSink* every, const SamplerOptions* sampler) {
  const int32_t n_cached_before = n_cached;
  while (n_cached < n_ids) {
    const int32_t n = std::min(options.chunk, next_stop() - n_cached);
    SYN_TRY(x, forward(n_cached, n, model.config().n_layers));
    const bool last_chunk = n_cached + n == n_ids;
    Made made;
    if (sampler && last_chunk) SYN_RETURN_IF_ERROR(make_logits_for(*sampler, x, n - 1, n_cached + n - 1));
    for (int32_t row = every ? 0 : n - 1; row < n && (every || (last_chunk && !sampler)); ++row) {
      SYN_RETURN_IF_ERROR(make_logits(x, row, n - 1, n_cached + row, made));
      if (every) SYN_RETURN_IF_ERROR(every->take(every->context, n_cached + row, logits));
    }
    n_cached += n;
    if (n_cached % kPageRows == 0) state->keep_rows();
    logits_of = last_chunk || every ? n_cached - 1 : -1;
  }
  if (n_cached / kPageRows > n_cached_before / kPageRows) store_prefix();
  return {};
}

void Session::Impl::append(std::span<const int32_t> more) {
  std::copy(more.begin(), more.end(), ids.begin() + n_ids);
  std::fill_n(sampled.begin() + n_ids, more.size(), last_sampled());
  n_ids += int32_t(more.size());
}

// Goes on from the longest beginning that the prefix cache knows, if that is more than the state holds. The last token is
// always read, for its logits.
void Session::Impl::find_prefix() {
  if (!options.prefix_cache) return;
  const int32_t n = options.prefix_cache->open(prefix_key(model, pool, options), ids.first(size_t(n_ids - 1)), n_cached, *state);
  if (n == 0) return;
  n_found += n - n_cached;
  n_cached = n;
}

void Session::Impl::store_prefix() {
  if (options.prefix_cache) options.prefix_cache->store(prefix_key(model, pool, options), ids.first(size_t(n_ids)), *state);
}

Status Session::Impl::read_or_restore(int32_t n_ids_before, int32_t n_cached_before, const LogitSink* every, const SamplerOptions* sampler) {
  Status status = read(every, sampler);
  if (status.ok()) return status;
  n_ids = n_ids_before, logits_of = -1;
  n_cached = state->truncate(n_cached_before);
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
  s.append(ids);
  if (!every && !ids.empty()) s.find_prefix();
  return s.read_or_restore(n_ids_before, n_cached_before, every);
}

int32_t Session::feed_known(std::span<const int32_t> ids) {
  Impl& s = *impl_;
  const int32_t n_ids_before = s.n_ids;
  if (ids.empty() || ids.size() > size_t(s.options.max_seq_len - s.n_ids)) return 0;  // feed says what is wrong
  s.append(ids);
  s.find_prefix();
  s.n_ids = std::max(n_ids_before, s.n_cached);
  return s.n_ids - n_ids_before;
}

Result<std::span<const float>> Session::logits() {
  Impl& s = *impl_;
  if (s.n_ids == 0) return fail(Code::invalid, "logits: nothing was fed");
  if (!has_logits()) SYN_RETURN_IF_ERROR(s.read_last(nullptr));
  return std::span<const float>(s.logits);
}

// Reads what the state does not hold, the last token at least.
Status Session::Impl::read_last(const SamplerOptions* sampler) {
  n_cached = state->truncate(std::min(n_cached, n_ids - 1));
  return read_or_restore(n_ids, n_cached, nullptr, sampler);
}

// From the logits at hand, for `position`, whose history is ids before it.
Result<Pick> Session::Impl::choose(const SamplerOptions& sampler, int32_t position, SamplerState& sampler_state) {
  return sample(sampler, logits, ids.first(size_t(position)), position, sampler_state, work);
}

Result<Pick> Session::next(const SamplerOptions& sampler) {
  Impl& s = *impl_;
  if (full()) return fail(Code::invalid, "context: full with ", s.n_ids, " tokens");
  if (s.n_ids == 0) return fail(Code::invalid, "logits: nothing was fed");
  if (!has_logits()) {
    SYN_RETURN_IF_ERROR(check(sampler, s.model.config().vocab_size));
    SYN_RETURN_IF_ERROR(s.read_last(&sampler));
  }
  s.work.rewind(0);
  SamplerState state = s.last_sampled();
  SYN_TRY(pick, s.choose(sampler, s.n_ids, state));
  s.sampled[size_t(s.n_ids)] = state;
  s.ids[size_t(s.n_ids++)] = pick.id;
  return pick;
}

bool Session::full() const { return impl_->n_ids == impl_->options.max_seq_len; }
std::span<const int32_t> Session::ids() const { return impl_->ids.first(size_t(impl_->n_ids)); }
bool Session::has_logits() const { return impl_->n_ids > 0 && impl_->logits_of == impl_->n_ids - 1 && !impl_->is_reduced; }
int32_t Session::n_cached() const { return impl_->n_cached; }
int64_t Session::n_found() const { return impl_->n_found; }
int64_t Session::n_drafted() const { return impl_->n_drafted; }
const Model& Session::model() const { return impl_->model; }
int64_t Session::n_passes() const { return impl_->n_passes; }
int32_t Session::max_seq_len() const { return impl_->options.max_seq_len; }
size_t Session::cache_bytes() const {
  const State& state = *impl_->state;
  return size_t(state.n_pages()) * impl_->pool.bytes_of_page() + size_t(state.n_row_blocks()) * impl_->pool.bytes_of_row_block();
}
void Session::cancel_on(const bool* flag) { impl_->cancel = flag; }

Status Session::truncate(int32_t n) {
  Impl& s = *impl_;
  if (n < 0 || n > s.n_ids) return fail(Code::invalid, "truncate: to ", n, ", there are ", s.n_ids, " tokens");
  s.go_back(n);
  return {};
}

}  // namespace synapse
