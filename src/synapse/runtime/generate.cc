#include "synapse/runtime/generate.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace synapse {
namespace {

constexpr size_t kMaxStopBytes = 256;

size_t piece_bytes(const Tokenizer& tokenizer) { return tokenizer.max_piece_bytes() * 3 + 16; }

}  // namespace

struct Generation::Impl {
  Session& session;
  const Tokenizer& tokenizer;
  GenerateOptions options;
  Detokenizer detokenizer;
  char* text = nullptr;     // held back, then what the last token added
  size_t n_text = 0;        // bytes in it
  size_t n_shown = 0;       // of those, given out at the last step
  int32_t n_tokens = 0;

  // Drops what was given out.
  void compact() {
    std::memmove(text, text + n_shown, n_text - n_shown);
    n_text -= n_shown, n_shown = 0;
  }

  // Bytes that may be shown: up to the first stop string (found), or up to where one may have begun.
  size_t showable(bool& found) const {
    found = false;
    size_t safe = n_text;
    for (std::string_view stop : options.stop) {
      const std::string_view all(text, n_text);
      const size_t at = all.find(stop);
      if (at != all.npos) {
        safe = std::min(safe, at);
        found = true;
        continue;
      }
      for (size_t n = std::min(stop.size() - 1, n_text); n > 0; --n)
        if (all.substr(n_text - n) == stop.substr(0, n)) {
          safe = std::min(safe, n_text - n);
          break;
        }
    }
    return safe;
  }

  Result<Pick> next() {
    if (!options.speculator) return session.next(options.sampler);
    const int32_t left = options.max_tokens < 0 ? INT32_MAX : options.max_tokens - n_tokens;
    return options.speculator->next(options.sampler, options.end_ids, left);
  }
  bool is_full() const { return options.speculator ? !options.speculator->has_next() : session.full(); }

  Result<Step> finish(Finish why, Pick pick) {
    if (options.speculator) SYN_RETURN_IF_ERROR(options.speculator->settle());
    n_text += detokenizer.finish(text + n_text);
    bool found = false;
    n_shown = showable(found);
    if (!found) n_shown = n_text;
    return Step{{text, n_shown}, pick, found ? Finish::stop_string : why};
  }
};

std::string_view finish_name(Finish finish) {
  switch (finish) {
    case Finish::end_token:
    case Finish::stop_string: return "stop";
    case Finish::length: return "length";
    case Finish::cancelled: return "cancelled";
    case Finish::none: break;
  }
  return "none";
}

size_t Generation::arena_bytes(const Tokenizer& tokenizer, const GenerateOptions&) {
  return sizeof(Generation) + sizeof(Impl) + kMaxStopBytes + 2 * piece_bytes(tokenizer) + 4 * Arena::kAlign;
}

Result<Generation*> Generation::start(Session& session, const Tokenizer& tokenizer, const GenerateOptions& options,
                                      Arena& arena) {
  for (std::string_view stop : options.stop)
    if (stop.empty() || stop.size() > kMaxStopBytes)
      return fail(Code::invalid, "stop string: ", stop.size(), " bytes, wanted 1 to ", kMaxStopBytes);
  void* places[] = {arena.alloc(sizeof(Generation), alignof(Generation)), arena.alloc(sizeof(Impl), alignof(Impl))};
  char* text = arena.array<char>(kMaxStopBytes + 2 * piece_bytes(tokenizer));
  if (!places[0] || !places[1] || !text) return fail(Code::out_of_memory, "generation: no room in its arena");
  Impl* impl = new (places[1]) Impl{session, tokenizer, options, Detokenizer(tokenizer, options.show_special)};
  impl->text = text;
  if (options.speculator) options.speculator->begin();
  return new (places[0]) Generation(impl);
}

Result<Step> Generation::step() {
  Impl& g = *impl_;
  g.compact();
  if (g.is_full() || (g.options.max_tokens >= 0 && g.n_tokens >= g.options.max_tokens))
    return g.finish(Finish::length, {});
  auto picked = g.next();
  if (!picked.ok()) {
    if (picked.status().code() == Code::cancelled) return g.finish(Finish::cancelled, {});
    return picked.status();
  }
  const Pick pick = *picked;
  ++g.n_tokens;
  if (std::find(g.options.end_ids.begin(), g.options.end_ids.end(), pick.id) != g.options.end_ids.end())
    return g.finish(Finish::end_token, pick);
  g.n_text += g.detokenizer.push(pick.id, g.text + g.n_text);
  bool found = false;
  g.n_shown = g.showable(found);
  if (found && g.options.speculator) SYN_RETURN_IF_ERROR(g.options.speculator->settle());
  return Step{{g.text, g.n_shown}, pick, found ? Finish::stop_string : Finish::none};
}

}  // namespace synapse
