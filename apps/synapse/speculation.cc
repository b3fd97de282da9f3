#include "speculation.h"

#include <algorithm>
#include <cstdio>

namespace synapse::cli {
namespace {

double ratio(int64_t a, int64_t b) { return b ? double(a) / double(b) : 0; }

}  // namespace

void add_speculative_flags(CLI::App& verb, SpeculativeFlags& flags) {
  CLI::Option* model = verb.add_option("--model-draft", flags.draft_model,
                                       "-md: a small model with the same vocabulary, whose drafts the model checks in one call; the text "
                                       "stays what it would be")
                           ->envname("SYNAPSE_MODEL_DRAFT");
  CLI::Option* lookup = verb.add_flag("--lookup", flags.lookup, "draft what followed the last time the text's end stood in it; as --spec ngram")
                            ->envname("SYNAPSE_LOOKUP")
                            ->excludes(model);
  verb.add_option("--spec", flags.method, "who drafts: draft (the draft model), ngram (the text itself) or early (the model's first layers)")
      ->envname("SYNAPSE_SPEC")
      ->check(CLI::IsMember({"draft", "ngram", "early"}))
      ->excludes(lookup);
  verb.add_option("--early-layers", flags.early_layers, "layers that draft, with --spec early (default: a third of them)")
      ->envname("SYNAPSE_EARLY_LAYERS")
      ->check(CLI::Range(1, INT32_MAX));
  verb.add_option("--draft-max,--draft,--draft-n", flags.draft_max, "most tokens of a draft (default: 8)")
      ->envname("SYNAPSE_DRAFT_MAX")
      ->check(CLI::Range(1, kMostDraft));
  verb.add_option("--draft-min,--draft-n-min", flags.draft_min, "fewest tokens of a draft that is tried (default: 0)")
      ->envname("SYNAPSE_DRAFT_MIN")
      ->check(CLI::Range(0, kMostDraft));
}

Result<std::unique_ptr<Speculation>> Speculation::open(const SpeculativeFlags& flags, const Flags& target_flags, Engine& target) {
  auto made = std::make_unique<Speculation>();
  made->flags_ = flags;
  made->method_ = flags.lookup ? "ngram" : flags.method.empty() && !flags.draft_model.empty() ? "draft" : flags.method;
  if (made->method_.empty()) return std::unique_ptr<Speculation>();
  if ((made->method_ == "draft") != !flags.draft_model.empty())
    throw CLI::ValidationError("spec", "draft wants --model-draft, and --model-draft wants no other");
  target.expect_drafts(flags.draft_max);
  if (made->method_ != "draft") return made;

  Flags draft_flags = target_flags;
  draft_flags.model = flags.draft_model;
  draft_flags.memory_budget.clear();
  SYN_TRY(draft, Engine::open_beside(target, draft_flags));
  SYN_RETURN_IF_ERROR(draft->read_vocabulary());
  SYN_RETURN_IF_ERROR(require_model(*draft, false));
  SYN_RETURN_IF_ERROR(same_vocabulary(target.source().path().filename().string(), *target.vocabulary().tokenizer,
                                      draft->source().path().filename().string(), *draft->vocabulary().tokenizer));
  made->draft_ = std::move(draft);
  return made;
}

Status Speculation::start(Session& target, const bool* interrupted) {
  SpeculativeOptions o;
  o.drafter = method_ == "draft" ? Drafter::model : method_ == "early" ? Drafter::early : Drafter::lookup;
  o.draft_max = flags_.draft_max, o.draft_min = flags_.draft_min;
  o.early_layers = flags_.early_layers ? flags_.early_layers : std::max(target.model().config().n_layers / 3, 1);
  Session* draft = nullptr;
  if (draft_) {
    draft_->set_context(std::min(target.max_seq_len(), draft_->model().config().max_seq_len));
    SYN_TRY(session, draft_->start(target.max_seq_len()));
    session->cancel_on(interrupted);
    draft = session;
  }
  SYN_TRY(speculator, Speculator::make(target, draft, o));
  speculator_ = speculator;
  return {};
}

Json Speculation::counts() const {
  const SpeculativeCounts& c = speculator_->counts();
  return {{"method", method_},     {"drafted", c.drafted}, {"accepted", c.accepted}, {"acceptance", ratio(c.accepted, c.drafted)},
          {"passes", c.passes}, {"tokens", c.tokens},   {"tokens_per_pass", ratio(c.tokens, c.passes)}};
}

std::string Speculation::text() const {
  const SpeculativeCounts& c = speculator_->counts();
  char line[200];
  std::snprintf(line, sizeof line, "speculation (%s): %lld tokens drafted, %lld accepted (%.1f %%); %lld calls of the model for %lld tokens, %.2f a call",
                method_.c_str(), static_cast<long long>(c.drafted), static_cast<long long>(c.accepted), 100 * ratio(c.accepted, c.drafted),
                static_cast<long long>(c.passes), static_cast<long long>(c.tokens), ratio(c.tokens, c.passes));
  return line;
}

}  // namespace synapse::cli
