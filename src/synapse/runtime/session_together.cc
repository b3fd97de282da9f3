// Several streams in one call of the model: every weight is read once for all of them.
#include "synapse/runtime/session.h"
#include "synapse/runtime/session_impl.h"

namespace synapse {
namespace {

constexpr int32_t kMostStreams = 64;  // in one call

}  // namespace

Status Session::Impl::read_one_each(std::span<Impl* const> streams) {
  Impl& lead = *streams[0];  // whose memory the call works in
  const int32_t n = int32_t(streams.size());
  const auto run = [&]() -> Status {
    Stream rows[kMostStreams];
    int32_t ids[kMostStreams];
    for (int32_t i = 0; i < n; ++i) {
      Impl& s = *streams[size_t(i)];
      SYN_RETURN_IF_ERROR(s.state->reserve(s.n_cached, 1));
      rows[i] = s.state->stream(i, 1), ids[i] = s.ids[size_t(s.n_cached)];
    }
    lead.work.rewind(0);
    Context cx{lead.device, lead.work, lead.options.recorder, !lead.model.all_float()};
    const Batch batch{{rows, size_t(n)}, n, lead.options.quantised_cache()};
    const Tensor tokens = cx.make(DType::i32, {n});
    lead.device.write(tokens, ids);
    const Tensor x = lead.model.forward(cx, tokens, batch, lead.cancel);
    if (x.empty() || lead.cancelled()) return fail(Code::cancelled, "cancelled at position ", lead.n_cached);
    Made made;
    for (int32_t i = 0; i < n; ++i) {
      const int32_t position = streams[size_t(i)]->n_cached;
      SYN_RETURN_IF_ERROR(lead.make_rows(x, i, n - 1, position, made));
      SYN_RETURN_IF_ERROR(streams[size_t(i)]->take_row(made, i, position));
    }
    return {};
  };
  const Status status = run();
  for (Impl* s : streams) {
    if (!status.ok()) {
      s->n_cached = s->state->truncate(s->n_cached), s->logits_of = -1;
      continue;
    }
    ++s->n_passes;
    s->logits_of = s->n_cached++;
    if (s->n_cached % kPageRows != 0) continue;
    s->state->keep_rows();
    s->store_prefix();
  }
  return status;
}

Status Session::read_together(std::span<Session* const> sessions) {
  Impl* waiting[kMostStreams];
  size_t n = 0, most = kMostStreams;
  const auto flush = [&]() -> Status {
    const size_t n_streams = n;
    n = 0;
    return n_streams ? Impl::read_one_each({waiting, n_streams}) : Status();
  };
  for (Session* session : sessions) {
    Impl& s = *session->impl_;
    if (session->has_logits()) continue;
    if (s.n_ids - s.n_cached != 1) {
      SYN_RETURN_IF_ERROR(session->logits().status());
      continue;
    }
    if (n == 0) most = size_t(std::min({kMostStreams, s.options.chunk, s.options.max_seq_len}));
    SYN_CHECK(n == 0 || (&s.model == &waiting[0]->model && &s.device == &waiting[0]->device &&
                         s.options.quantised_cache() == waiting[0]->options.quantised_cache()));
    waiting[n++] = &s;
    if (n == most) SYN_RETURN_IF_ERROR(flush());
  }
  return flush();
}

}  // namespace synapse
