// Speculation in a session: drafts are read in one call, and what plain sampling would not have chosen is taken back.
#include "synapse/runtime/session_impl.h"

namespace synapse {
namespace {

// Tokens that a stream with recurrent rows reads again together with a draft. Of more, the first ones are read on their
// own, so that the position to go back to moves on.
constexpr int32_t kMostReplayed = 8;

bool contains(std::span<const int32_t> ids, int32_t id) { return std::find(ids.begin(), ids.end(), id) != ids.end(); }

}  // namespace

// Reads all tokens but the last, as far as they are too many to be read together with a draft. Returns how many tokens of
// a draft fit one call and the context.
Result<int32_t> Session::Impl::prepare_draft(int32_t wanted) {
  const bool has_rows = state->layout().n_row_floats > 0;
  const int32_t most = has_rows ? std::min(kMostReplayed, options.chunk) : options.chunk;
  if (n_cached == n_ids) n_cached = state->truncate(n_ids - 1);
  while (n_ids - n_cached > most || (has_rows && n_ids - n_cached > 1 && next_stop() < n_ids)) {
    const int32_t n = std::min({options.chunk, next_stop() - n_cached, n_ids - 1 - n_cached});
    SYN_RETURN_IF_ERROR(forward(n_cached, n, model.config().n_layers).status());
    n_cached += n;
    if (n_cached % kPageRows == 0) state->keep_rows();
  }
  const int32_t pending = n_ids - n_cached;
  int32_t n = std::min({wanted, options.chunk - pending, options.max_seq_len - n_ids - 1, options.rollback + 1 - pending});
  // Rows are kept at every multiple of 64, so no call reads across one.
  if (has_rows) n = std::min(n, (n_cached / kPageRows + 1) * kPageRows - n_ids);
  return std::max<int32_t>(n, 0);
}

Result<int32_t> Session::verify(const SamplerOptions& sampler, std::span<const int32_t> draft, std::span<const int32_t> end_ids,
                                std::span<Pick> picks) {
  Impl& s = *impl_;
  const int32_t n_ids_before = s.n_ids, n_cached_before = s.n_cached;
  if (s.n_ids == 0) return fail(Code::invalid, "logits: nothing was fed");
  if (full()) return fail(Code::invalid, "context: full with ", s.n_ids, " tokens");
  for (const int32_t id : draft)
    if (id < 0 || id >= s.model.config().vocab_size)
      return fail(Code::invalid, "draft: id ", id, ", the vocabulary has ", s.model.config().vocab_size);
  const auto choose = [&]() -> Result<int32_t> {
    SYN_TRY(n_draft, s.prepare_draft(int32_t(std::min<size_t>(draft.size(), size_t(s.options.chunk)))));
    std::copy_n(draft.begin(), n_draft, s.ids.begin() + s.n_ids);
    const int32_t n_rows = s.n_ids - s.n_cached + n_draft, last_row = n_rows - 1;
    s.state->keep_rows();
    SYN_TRY(x, s.forward(s.n_cached, n_rows, s.model.config().n_layers));
    s.n_drafted += n_draft;
    SamplerState sampler_state = s.last_sampled();
    Impl::Made made;
    int32_t n = 0;
    for (bool is_drafted = true; is_drafted; ++n) {
      const int32_t position = s.n_ids + n;
      SYN_RETURN_IF_ERROR(s.make_logits(x, position - 1 - s.n_cached, last_row, position - 1, made));
      SYN_TRY(pick, s.choose(sampler, position, sampler_state));
      is_drafted = n < n_draft && pick.id == draft[size_t(n)] && !contains(end_ids, pick.id);
      s.ids[size_t(position)] = pick.id, s.sampled[size_t(position)] = sampler_state;
      picks[size_t(n)] = pick;
    }
    return n;
  };
  SYN_CHECK(picks.size() > draft.size());
  const Result<int32_t> n = choose();
  if (!n.ok()) {
    s.n_ids = n_ids_before, s.logits_of = -1;
    s.n_cached = s.state->truncate(n_cached_before);
    return n.status();
  }
  s.n_ids += *n;
  s.n_cached = s.state->truncate(s.n_ids - 1);
  if (s.n_cached % kPageRows == 0) s.state->keep_rows();
  s.logits_of = s.n_ids - 2;
  if (s.n_cached / kPageRows > n_cached_before / kPageRows) s.store_prefix();
  return n;
}

Result<int32_t> Session::draft_early(const SamplerOptions& sampler, int32_t n_layers, std::span<int32_t> draft) {
  Impl& s = *impl_;
  if (n_layers < 1 || n_layers >= s.model.config().n_layers)
    return fail(Code::invalid, "early layers: ", n_layers, ", wanted 1 to ", s.model.config().n_layers - 1);
  if (s.n_ids == 0) return fail(Code::invalid, "logits: nothing was fed");
  const int32_t n_cached_before = s.n_cached;
  const auto write = [&]() -> Result<int32_t> {
    SYN_TRY(n_draft, s.prepare_draft(int32_t(std::min<size_t>(draft.size(), size_t(s.options.chunk)))));
    s.state->keep_rows();
    SamplerState sampler_state = s.last_sampled();
    // The keys that these layers write are those that verify writes there again.
    for (int32_t i = 0, at = s.n_cached; i < n_draft; ++i) {
      const int32_t position = s.n_ids + i, n = position - at;
      SYN_TRY(x, s.forward(at, n, n_layers));
      Impl::Made made;
      SYN_RETURN_IF_ERROR(s.make_logits(x, n - 1, n - 1, position - 1, made));
      SYN_TRY(pick, s.choose(sampler, position, sampler_state));
      s.ids[size_t(position)] = draft[size_t(i)] = pick.id;
      at = position;
    }
    return n_draft;
  };
  s.logits_of = -1;
  const Result<int32_t> n = write();
  s.n_cached = s.state->truncate(n.ok() ? s.n_cached : n_cached_before);
  return n;
}

}  // namespace synapse
