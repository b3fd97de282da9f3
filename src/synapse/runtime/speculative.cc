#include "synapse/runtime/speculative.h"

#include <algorithm>

namespace synapse {

int32_t draft_by_lookup(std::span<const int32_t> ids, int32_t ngram_min, int32_t ngram_max, std::span<int32_t> draft) {
  const int32_t n_ids = int32_t(ids.size());
  for (int32_t n = std::min(ngram_max, n_ids - 1); n >= ngram_min; --n) {
    const auto end = ids.last(size_t(n));
    for (int32_t at = n_ids - n - 1; at >= 0; --at) {
      if (!std::equal(end.begin(), end.end(), ids.begin() + at)) continue;
      const auto followed = ids.subspan(size_t(at + n));
      for (size_t i = 0; i < draft.size(); ++i) draft[i] = i < followed.size() ? followed[i] : draft[i - followed.size()];
      return int32_t(draft.size());
    }
  }
  return 0;
}

Status same_vocabulary(std::string_view name_a, const Tokenizer& a, std::string_view name_b, const Tokenizer& b) {
  if (a.vocab_size() != b.vocab_size())
    return fail(Code::invalid, "vocabulary: ", name_a, " has ", a.vocab_size(), " tokens, ", name_b, " has ", b.vocab_size());
  for (int32_t id = 0; id < a.vocab_size(); ++id)
    if (a.token_text(id) != b.token_text(id) || a.token_type(id) != b.token_type(id))
      return fail(Code::invalid, "vocabulary: token ", id, " of ", name_a, " is \"", a.token_text(id), "\", of ", name_b, " it is \"",
                  b.token_text(id), a.token_text(id) == b.token_text(id) ? "\", of another type" : "\"");
  if (a.bos_id() != b.bos_id() || a.eos_id() != b.eos_id())
    return fail(Code::invalid, "vocabulary: ", name_a, " begins with ", a.bos_id(), " and ends with ", a.eos_id(), ", ", name_b,
                " with ", b.bos_id(), " and ", b.eos_id());
  return {};
}

Result<Speculator> Speculator::make(Session& target, Session* draft, const SpeculativeOptions& o) {
  if (o.draft_max < 1 || o.draft_max > kMostDraft)
    return fail(Code::invalid, "draft-max: ", o.draft_max, ", wanted 1 to ", kMostDraft);
  if (o.draft_min < 0 || o.draft_min > o.draft_max)
    return fail(Code::invalid, "draft-min: ", o.draft_min, ", wanted 0 to ", o.draft_max);
  if (o.ngram_min < 1 || o.ngram_max < o.ngram_min)
    return fail(Code::invalid, "n-grams: ", o.ngram_min, " to ", o.ngram_max, " tokens, wanted at least 1");
  const int32_t n_layers = target.model().config().n_layers;
  if (o.drafter == Drafter::early && (o.early_layers < 1 || o.early_layers >= n_layers))
    return fail(Code::invalid, "early-layers: ", o.early_layers, ", wanted 1 to ", n_layers - 1);
  SYN_CHECK((o.drafter == Drafter::model) == (draft != nullptr));
  if (draft && draft->model().config().vocab_size != target.model().config().vocab_size)
    return fail(Code::invalid, "draft: a vocabulary of ", draft->model().config().vocab_size, ", the model's has ",
                target.model().config().vocab_size);
  Speculator s;
  s.target_ = &target, s.draft_ = draft, s.options_ = o;
  return s;
}

Result<int32_t> Speculator::draft(const SamplerOptions& sampler, std::span<int32_t> to) {
  switch (options_.drafter) {
    case Drafter::lookup: return draft_by_lookup(target_->ids(), options_.ngram_min, options_.ngram_max, to);
    case Drafter::early: return target_->draft_early(sampler, options_.early_layers, to);
    case Drafter::model: break;
  }
  const auto read = draft_->ids(), wanted = target_->ids();
  const size_t known = size_t(std::ranges::mismatch(read, wanted).in1 - read.begin());
  SYN_RETURN_IF_ERROR(draft_->truncate(int32_t(known)));
  if (wanted.size() >= size_t(draft_->max_seq_len())) return 0;
  SYN_RETURN_IF_ERROR(draft_->feed(wanted.subspan(known)));
  int32_t n = 0;
  for (; size_t(n) < to.size() && !draft_->full(); ++n) {
    SYN_TRY(pick, draft_->next(sampler));
    to[size_t(n)] = pick.id;
  }
  return n;
}

Result<Pick> Speculator::next(const SamplerOptions& sampler, std::span<const int32_t> end_ids, int32_t most) {
  if (n_given_ < n_picks_) return picks_[n_given_++];
  n_picks_ = n_given_ = 0;
  const int64_t passes_before = target_->n_passes();
  if (target_->has_logits()) return target_->next(sampler);  // of the prompt: there is nothing to save
  int32_t drafted[kMostDraft];
  const int32_t room = target_->max_seq_len() - int32_t(target_->ids().size()) - 1;
  const int32_t wanted = std::min({options_.draft_max, most - 1, room});
  SamplerOptions drafting = sampler;
  drafting.with_logprob = false;
  int32_t n = 0;
  if (wanted >= std::max<int32_t>(options_.draft_min, 1)) {
    SYN_TRY(made, draft(drafting, std::span(drafted).first(size_t(wanted))));
    n = made >= options_.draft_min ? made : 0;
  }
  const int64_t read_before = target_->n_drafted();
  SYN_TRY(chosen, target_->verify(sampler, std::span(drafted).first(size_t(n)), end_ids, std::span(picks_).first(size_t(n) + 1)));
  n_picks_ = chosen;
  const int64_t n_read = target_->n_drafted() - read_before;
  counts_.drafted += n_read;
  counts_.passes += target_->n_passes() - passes_before;
  counts_.tokens += chosen;
  for (int32_t i = 0; i < chosen && i < n_read; ++i) counts_.accepted += picks_[i].id == drafted[i];
  return picks_[n_given_++];
}

Status Speculator::settle() {
  const int32_t n_ahead = n_picks_ - n_given_;
  n_picks_ = n_given_ = 0;
  counts_.tokens -= n_ahead;
  return n_ahead ? target_->truncate(int32_t(target_->ids().size()) - n_ahead) : Status();
}

}  // namespace synapse
