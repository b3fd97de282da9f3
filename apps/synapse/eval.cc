// synapse eval: how well a model predicts a text, and how far it is from the one it was made of. Each result says by
// which protocol it came about.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>

#include "input.h"
#include "output.h"
#include "progress.h"
#include "synapse/import/sha256.h"
#include "synapse/quant/score.h"
#include "text_ids.h"
#include "verbs.h"

namespace synapse::cli {
namespace {

constexpr size_t kRowBytes = size_t(64) << 20;  // of logits kept at once
constexpr int32_t kHeadRows = 32;               // positions that the head is computed for together

struct EvalFlags {
  Flags flags;
  std::string what, file, base, base_cache_type;
  int64_t chunks = 0;
  int32_t stride = 0;
  bool json = false;
};

// A model that reads windows and keeps the logits of a few positions.
class Scorer {
 public:
  static Result<std::unique_ptr<Scorer>> open(Flags flags, const std::string& model) {
    flags.model = model;
    auto scorer = std::make_unique<Scorer>();
    SYN_TRY(engine, Engine::open(flags));
    scorer->engine_ = std::move(engine);
    SYN_RETURN_IF_ERROR(scorer->engine_->read_vocabulary());
    SYN_RETURN_IF_ERROR(require_model(*scorer->engine_, false));
    return scorer;
  }

  Status start(int32_t n_ctx, int32_t n_rows, const bool* interrupted) {
    vocab_size_ = size_t(engine_->model().config().vocab_size);
    engine_->options().logit_rows = std::min(kHeadRows, n_rows);
    SYN_TRY(session, engine_->start(n_ctx));
    session_ = session;
    session_->cancel_on(interrupted);
    rows_.resize(size_t(n_rows) * vocab_size_);
    return {};
  }

  Status begin(std::span<const int32_t> unscored) {
    SYN_RETURN_IF_ERROR(session_->truncate(0));
    return unscored.empty() ? Status() : session_->feed(unscored);
  }
  // The logits after each of these ids: rows() of them.
  Status read(std::span<const int32_t> ids) {
    n_rows_ = 0;
    const LogitSink keep{[](void* self, int32_t, std::span<const float> logits) -> Status {
                           auto& s = *static_cast<Scorer*>(self);
                           std::ranges::copy(logits, s.rows_.begin() + ptrdiff_t(s.n_rows_++ * s.vocab_size_));
                           return {};
                         },
                         this};
    return session_->feed(ids, &keep);
  }
  std::span<const float> row(size_t i) const { return std::span(rows_).subspan(i * vocab_size_, vocab_size_); }
  Engine& engine() { return *engine_; }

 private:
  std::unique_ptr<Engine> engine_;
  Session* session_ = nullptr;
  std::vector<float> rows_;
  size_t vocab_size_ = 0, n_rows_ = 0;
};

struct Measured {
  Mean nll, base_nll, log_ratio, kl, same_top;
  std::vector<double> kls;

  void add(const Divergence& d) {
    nll.add(d.nll);
    base_nll.add(d.base_nll), log_ratio.add(d.nll - d.base_nll);
    kl.add(d.kl), same_top.add(d.same_top);
    kls.push_back(d.kl);
  }
};

// A value and its standard error.
Json with_error(double value, double error) { return {{"value", value}, {"standard_error", error}}; }
Json perplexity_of(const Mean& nll) {
  const double value = std::exp(nll.mean());
  return with_error(value, value * nll.standard_error());
}

Json results(Measured& m, bool with_base) {
  Json out = {{"perplexity", perplexity_of(m.nll)}, {"nll", with_error(m.nll.mean(), m.nll.standard_error())}};
  if (!with_base) return out;
  out["base_perplexity"] = perplexity_of(m.base_nll);
  out["perplexity_ratio"] = perplexity_of(m.log_ratio);
  out["kl"] = with_error(m.kl.mean(), m.kl.standard_error());
  out["kl_quantiles"] = {{"median", quantile(m.kls, 0.5)}, {"0.99", quantile(m.kls, 0.99)}, {"0.999", quantile(m.kls, 0.999)},
                         {"max", m.kls.back()}};
  out["top1_agreement"] = with_error(m.same_top.mean(), m.same_top.standard_error());
  return out;
}

// "perplexity  17.2152 +/- 0.5252", a line for each number.
std::string lines_of(const Json& all, const std::string& before = "") {
  std::string text;
  for (const auto& [key, value] : all.items()) {
    char line[200];
    if (value.is_object() && !value.contains("standard_error")) {
      text += lines_of(value, before + key + " ");
    } else if (value.is_object()) {
      std::snprintf(line, sizeof line, "%-24s %.6g +/- %.2g\n", (before + key).c_str(), value["value"].get<double>(),
                    value["standard_error"].get<double>());
      text += line;
    } else {
      const std::string shown = value.is_number_float() ? "" : value.is_string() ? value.get<std::string>() : value.dump();
      if (value.is_number_float()) std::snprintf(line, sizeof line, "%-24s %.6g\n", (before + key).c_str(), value.get<double>());
      text += value.is_number_float() ? std::string(line)
                                      : before + key + std::string(25 - std::min<size_t>(24, before.size() + key.size()), ' ') + shown + "\n";
    }
  }
  return text;
}

Status eval(const EvalFlags& o) {
  const bool with_base = o.what == "kl";
  if (with_base && o.base.empty()) throw CLI::ValidationError("--base", "kl wants the model to compare with: --base FILE");
  if (!with_base && !o.base.empty()) throw CLI::ValidationError("--base", "is for kl");
  const bool* interrupted = watch_interrupts();
  SYN_TRY(text, read_text(o.file));
  SYN_TRY(scorer, Scorer::open(o.flags, o.flags.model));
  std::unique_ptr<Scorer> base;
  if (with_base) {
    Flags flags = o.flags;
    if (!o.base_cache_type.empty()) flags.cache_type_k = flags.cache_type_v = o.base_cache_type;
    SYN_TRY(opened, Scorer::open(flags, o.base));
    base = std::move(opened);
  }
  Engine& engine = scorer->engine();
  SYN_TRY(ids, TextIds::read(text, engine.vocabulary()));
  const int32_t vocab_size = engine.model().config().vocab_size;
  if (base) {
    const int32_t other = base->engine().model().config().vocab_size;
    SYN_TRY(base_ids, TextIds::read(text, base->engine().vocabulary()));
    if (other != vocab_size || base_ids.ids != ids.ids)
      return fail(Code::invalid, "base: another vocabulary (", other, " tokens, the model has ", vocab_size, ")");
  }
  for (const int32_t id : ids.ids)
    if (id >= vocab_size) return fail(Code::invalid, "text: id ", id, ", the model has ", vocab_size);

  SYN_TRY(n_ctx, use_window(engine, base ? &base->engine() : nullptr));
  const auto n_ids = int64_t(ids.ids.size());
  SYN_TRY(windows, o.stride ? sliding_windows(n_ids, n_ctx, o.stride, o.chunks) : half_windows(n_ids, n_ctx, o.chunks));
  const auto n_rows = int32_t(std::clamp<size_t>(kRowBytes / (size_t(vocab_size) * sizeof(float)), 1, size_t(n_ctx)));
  SYN_RETURN_IF_ERROR(scorer->start(n_ctx, n_rows, interrupted));
  if (base) SYN_RETURN_IF_ERROR(base->start(n_ctx, n_rows, interrupted));

  Measured m;
  std::vector<Divergence> row_results(size_t(n_rows), Divergence{});
  std::optional<Progress> progress(std::in_place, "scoring");
  for (size_t i = 0; i < windows.size(); ++i) {
    const Window& w = windows[i];
    const std::vector<int32_t> window = ids.window(w, o.stride == 0);
    const std::span all(window);
    const size_t first = size_t(w.score_from) - 1;  // what follows it is the first that is scored
    for (Scorer* s : {scorer.get(), base.get()})
      if (s) SYN_RETURN_IF_ERROR(s->begin(all.first(first)));
    for (size_t at = first; at + 1 < all.size();) {
      progress->at((double(i) + double(at) / double(all.size())) / double(windows.size()));
      const size_t n = std::min(size_t(n_rows), all.size() - 1 - at);
      for (Scorer* s : {scorer.get(), base.get()})
        if (s) SYN_RETURN_IF_ERROR(s->read(all.subspan(at, n)));
      engine.processor().threads().for_each(int32_t(n), [&](int32_t row, int32_t) {
        const size_t r = size_t(row);
        const int32_t next = all[at + r + 1];
        if (base) row_results[r] = compare(base->row(r), scorer->row(r), next);
        else row_results[r].nll = negative_log_likelihood(scorer->row(r), next);
      });
      for (size_t r = 0; r < n; ++r) base ? m.add(row_results[r]) : m.nll.add(row_results[r].nll);
      at += n;
    }
  }
  progress.reset();
  if (m.nll.count() == 0) return fail(Code::invalid, "text: nothing to score");

  Json out = {{"model", engine.source().path().string()}};
  if (base) out["base"] = base->engine().source().path().string();
  out.update(results(m, with_base));
  Json protocol = {{"kind", o.stride ? "sliding windows, as Hugging Face's" : "second half of each window, as llama.cpp's"},
                   {"window", n_ctx},
                   {"stride", o.stride ? o.stride : n_ctx},
                   {"bos", !ids.adds_bos ? "none" : o.stride ? "at the text's start" : "at each window's start"},
                   {"windows", windows.size()},
                   {"tokens_scored", m.nll.count()},
                   {"tokens", n_ids}};
  out["protocol"] = protocol;
  out["text"] = {{"file", std::filesystem::path(o.file).filename().string()}, {"bytes", text.size()}, {"sha256", sha256_hex(text)}};
  return o.json ? put_json(out) : put(lines_of(out));
}

}  // namespace

void add_eval(CLI::App& app, Action& action) {
  auto options = std::make_shared<EvalFlags>();
  EvalFlags& o = *options;
  CLI::App* verb = add_verb<EvalFlags>(
      app, action, "eval", "Measure how well a model predicts a text, or how far it is from the model it was made of.",
      "  synapse eval perplexity -m model-Q4_K_M.gguf -f wiki.test.raw\n"
      "  synapse eval perplexity -m model.gguf -f text.txt -c 1024 --stride 512 --json\n"
      "  synapse eval kl -m model-Q4_K_M.gguf --base model-F16.gguf -f wiki.test.raw --chunks 40\n"
      "  synapse eval kl -m model.gguf --base model.gguf --base-cache-type f32 -ctk q8_0 -ctv q4_0 -f wiki.test.raw\n"
      "\nThe text is cut into windows of -c tokens (512, or the model's context if that is shorter), each beginning with BOS where the\n"
      "tokenizer adds one, and the second half of each is scored: llama.cpp's perplexity. With --stride the windows overlap and every\n"
      "token is scored once, after as many as the window holds: Hugging Face's. An error is the standard error of a mean over tokens.\n"
      "kl is the mean over positions of the sum of p_base log(p_base / p); agreement is how often both have the same likeliest token.",
      options, eval);
  verb->add_option("what", o.what, "perplexity or kl")->required()->check(CLI::IsMember({"perplexity", "kl"}));
  add_model_flag(*verb, o.flags);
  verb->add_option("-f,--file", o.file, "the text; - reads stdin")->required();
  CLI::Option* base = verb->add_option("--base", o.base, "for kl: the model to compare with");
  verb->add_option("--base-cache-type", o.base_cache_type, "for kl: format of its cached keys and values (default: as the model's)")
      ->needs(base)
      ->check(cache_types());
  verb->add_option("--chunks", o.chunks, "windows to score at most (default: the whole text)")->check(CLI::Range(1, INT32_MAX));
  verb->add_option("--stride", o.stride, "begin a window every so many tokens and score what is new in it")->check(CLI::Range(1, INT32_MAX));
  verb->add_flag("--json", o.json, "the results and the protocol as one JSON object");
  add_compute_flags(*verb, o.flags);
  add_context_flags(*verb, o.flags);
}

}  // namespace synapse::cli
