#include "synapse/runtime/added_tokens.h"

#include <algorithm>

#include "synapse/runtime/unicode.h"

namespace synapse {
namespace {

size_t previous_char(std::string_view text, size_t at) {
  for (size_t back = 1; back <= 4 && back <= at; ++back) {
    const CodePoint c = decode_utf8(text, at - back);
    if (c.bytes == back && c.value < kInvalidByte) return at - back;
  }
  return at - 1;
}

bool is_space(std::string_view text, size_t at) {
  return char_class(decode_utf8(text, at).value) == CharClass::space;
}

bool is_word(std::string_view text, size_t at) {
  const CharClass cls = char_class(decode_utf8(text, at).value);
  return text[at] == '_' || cls == CharClass::letter || cls == CharClass::number || cls == CharClass::mark;
}

}  // namespace

void AddedTokens::build(std::span<AddedToken> tokens) {
  const auto kept = std::remove_if(tokens.begin(), tokens.end(), [](const AddedToken& t) { return t.text.empty(); });
  tokens = tokens.first(size_t(kept - tokens.begin()));
  std::sort(tokens.begin(), tokens.end(), [](const AddedToken& a, const AddedToken& b) {
    return a.text != b.text ? a.text < b.text : a.id < b.id;
  });
  sorted_ = tokens;
  for (const AddedToken& t : tokens) ++first_[uint8_t(t.text[0]) + 1];
  for (size_t b = 1; b < 257; ++b) first_[b] += first_[b - 1];
}

bool AddedTokens::Rules::forbid(const AddedToken& token, size_t begin) const {
  if (!token.special) return false;
  if (!parse_special) return true;
  const auto next = std::partition_point(literal.begin(), literal.end(), [=](const TextRange& r) { return r.end <= begin; });
  return next != literal.end() && next->begin < begin + token.text.size();
}

// Narrows the range of tokens that share the text's first k bytes, byte by byte.
const AddedToken* AddedTokens::longest_at(std::string_view text, size_t at, const Rules& rules) const {
  const auto byte = uint8_t(text[at]);
  const AddedToken* lo = sorted_.data() + first_[byte];
  const AddedToken* hi = sorted_.data() + first_[byte + 1];
  const AddedToken* best = nullptr;
  for (size_t k = 1; lo != hi; ++k) {
    const auto fits = [&](const AddedToken& t) {
      const bool touches = t.single_word && ((at > 0 && is_word(text, previous_char(text, at))) ||
                                             (at + k < text.size() && is_word(text, at + k)));
      return !rules.forbid(t, at) && !touches;
    };
    for (; lo != hi && lo->text.size() == k; ++lo) {
      if ((!best || best->text.size() < k) && fits(*lo)) best = lo;
    }
    if (at + k == text.size()) break;
    const auto c = uint8_t(text[at + k]);
    lo = std::partition_point(lo, hi, [&](const AddedToken& t) { return uint8_t(t.text[k]) < c; });
    hi = std::partition_point(lo, hi, [&](const AddedToken& t) { return uint8_t(t.text[k]) == c; });
  }
  return best;
}

AddedTokens::Match AddedTokens::find(std::string_view text, size_t from, bool parse_special,
                                    std::span<const TextRange> literal) const {
  for (size_t at = from; at < text.size() && !sorted_.empty(); ++at) {
    const auto byte = uint8_t(text[at]);
    if (first_[byte] == first_[byte + 1]) continue;
    const AddedToken* token = longest_at(text, at, {parse_special, literal});
    if (!token) continue;
    Match match = {at, at + token->text.size(), token->id};
    while (token->lstrip && match.begin > from) {
      const size_t before = previous_char(text, match.begin);
      if (before < from || !is_space(text, before)) break;
      match.begin = before;
    }
    while (token->rstrip && match.end < text.size() && is_space(text, match.end)) {
      match.end += decode_utf8(text, match.end).bytes;
    }
    return match;
  }
  return {text.size(), text.size(), -1};
}

}  // namespace synapse
