#include "synapse/runtime/pretokenize.h"

#include <algorithm>

#include "synapse/runtime/unicode.h"

namespace synapse {
namespace {

// What tells the patterns apart. All end with  \s+(?!\S) | \s+ .
struct Pattern {
  // false: 's|'t|'re|'ve|'m|'ll|'d | ?\p{L}+ | ?\p{N}+ | ?[^\s\p{L}\p{N}]+
  // true:  the same suffixes in any case | [^\r\n\p{L}\p{N}]?\p{L}+ | \p{N}{1,max_digits} | ?[^\s\p{L}\p{N}]+[\r\n]*
  //        | \s*[\r\n]+
  bool modern;
  uint8_t max_digits;      // of a modern pattern
  bool marks_are_letters;  // [\p{L}\p{M}] wherever \p{L} stands, but for the optional character before a word
};
constexpr Pattern kGpt2 = {false, 0, false}, kLlama3 = {true, 3, false}, kQwen2 = {true, 1, false}, kQwen35 = {true, 1, true};

constexpr CharClass kEnd = CharClass(255);

struct Char {
  uint32_t value;
  uint32_t bytes;
  CharClass cls;  // kEnd after the last one
};

class Reader {
 public:
  Reader(bool marks_are_letters, std::string_view text) : marks_are_letters_(marks_are_letters), text_(text) {}

  Char first(size_t at) const {
    const CodePoint c = decode_utf8(text_, at);
    CharClass cls = char_class(c.value);
    if (cls == CharClass::mark) cls = marks_are_letters_ ? CharClass::letter : CharClass::other;
    return {c.value, c.bytes, cls};
  }
  Char look(size_t at) const {
    return at < text_.size() ? first(at) : Char{0, 0, kEnd};
  }
  // After the run of this class that starts at `at`, at most `most` characters.
  size_t run(size_t at, CharClass cls, size_t most = SIZE_MAX) const {
    for (Char c = look(at); c.cls == cls && most > 0; c = look(at), --most) at += c.bytes;
    return at;
  }
  size_t newlines(size_t at) const {
    while (at < text_.size() && (text_[at] == '\r' || text_[at] == '\n')) ++at;
    return at;
  }

 private:
  bool marks_are_letters_;
  std::string_view text_;
};

// Bytes of 's 't 're 've 'm 'll 'd at the apostrophe, 0 when none is there. Any case also takes U+017F for s,
// which is what case-insensitive matching means in Unicode.
size_t contraction(std::string_view rest, bool any_case) {
  const auto letter = [&](size_t i) {
    if (i >= rest.size()) return '\0';
    const bool upper = any_case && rest[i] >= 'A' && rest[i] <= 'Z';
    return upper ? char(rest[i] + 32) : rest[i];
  };
  if (any_case && rest.substr(1, 2) == "\u017F") return 3;
  const char a = letter(1), b = letter(2);
  if (a == 's' || a == 't' || a == 'm' || a == 'd') return 2;
  return (a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l') ? 3 : 0;
}

// \s*[\r\n]+ | \s+(?!\S) | \s+   at a white space character; the first only when `newlines_first`.
size_t white_space_end(const Reader& reader, size_t at, bool newlines_first) {
  size_t end = at, last = at, after_newline = at;
  for (Char c = reader.look(at); c.cls == CharClass::space; c = reader.look(end)) {
    last = end;
    end += c.bytes;
    if (c.value == '\r' || c.value == '\n') after_newline = end;
  }
  if (newlines_first && after_newline > at) return after_newline;
  const bool followed = reader.look(end).cls != kEnd;
  return followed && last > at ? last : end;  // one is left to lead the next word
}

size_t pattern_end(const Pattern& pattern, std::string_view text, size_t at) {
  const Reader reader(pattern.marks_are_letters, text);
  const Char c = reader.first(at);
  if (c.value == '\'') {
    if (const size_t n = contraction(text.substr(at), pattern.modern)) return at + n;
  }
  const size_t next = at + c.bytes;
  if (c.cls == CharClass::letter) return reader.run(next, CharClass::letter);
  if (c.cls == CharClass::number) return reader.run(at, CharClass::number, pattern.modern ? pattern.max_digits : SIZE_MAX);
  const CharClass after = reader.look(next).cls;
  const bool may_lead = pattern.modern ? c.value != '\r' && c.value != '\n' : c.value == ' ';
  if (may_lead && after == CharClass::letter) return reader.run(next, CharClass::letter);
  if (!pattern.modern && c.value == ' ' && after == CharClass::number) return reader.run(next, CharClass::number);
  if (c.cls == CharClass::other || (c.value == ' ' && after == CharClass::other)) {
    const size_t end = reader.run(next, CharClass::other);
    return pattern.modern ? reader.newlines(end) : end;
  }
  return white_space_end(reader, at, pattern.modern);
}

// The patterns that cut words where a small letter is followed by a capital.
struct CasePattern {
  uint8_t max_digits;
  bool contractions;         // (?i:'s|'t|'re|'ve|'m|'ll|'d)? after a word
  bool modifiers_are_small;  // \p{Lm} among the second letters as well as the first
};
constexpr CasePattern kO200k = {3, true, true}, kO200kPlain = {3, true, false}, kTekken = {1, false, true};

// Where [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+ ends from `at` on, or else the same with + and *;
// `at` when neither fits. The first run gives characters back until the second begins.
struct Letters {
  size_t both, capitals;
};
Letters letters(const CasePattern& pattern, std::string_view text, size_t at) {
  const auto kind_at = [&](size_t i) { return i < text.size() ? char_kind(decode_utf8(text, i).value) : CharKind::other; };
  const auto first = [](CharKind k) {
    return k == CharKind::upper || k == CharKind::modifier || k == CharKind::letter || class_of(k) == CharClass::mark;
  };
  const auto second = [&](CharKind k) {
    return k == CharKind::lower || k == CharKind::letter || class_of(k) == CharClass::mark ||
           (k == CharKind::modifier && pattern.modifiers_are_small);
  };
  size_t end = at, last_small = at;  // after the last character of the first run that may be a second one
  for (CharKind k = kind_at(end); first(k); k = kind_at(end)) {
    end += decode_utf8(text, end).bytes;
    if (second(k)) last_small = end;
  }
  const size_t capitals = end;
  if (!second(kind_at(end))) return {last_small, capitals};
  while (second(kind_at(end))) end += decode_utf8(text, end).bytes;
  return {end, capitals};
}

size_t case_pattern_end(const CasePattern& pattern, std::string_view text, size_t at) {
  const Reader reader(false, text);
  const Char c = reader.first(at);
  const size_t next = at + c.bytes;
  const bool may_lead = c.cls != CharClass::letter && c.cls != CharClass::number && c.value != '\r' && c.value != '\n';
  const Letters with = may_lead ? letters(pattern, text, next) : Letters{next, next}, without = letters(pattern, text, at);
  const size_t end = with.both > next           ? with.both
                     : without.both > at        ? without.both
                     : with.capitals > next     ? with.capitals
                                                : without.capitals;
  if (end > at) {
    const bool apostrophe = pattern.contractions && end < text.size() && text[end] == '\'';
    return apostrophe ? end + contraction(text.substr(end), true) : end;
  }
  if (c.cls == CharClass::number) return reader.run(at, CharClass::number, pattern.max_digits);
  if (c.cls == CharClass::other || (c.value == ' ' && reader.look(next).cls == CharClass::other)) {
    size_t after = reader.run(next, CharClass::other);
    while (after < text.size() && (text[after] == '\r' || text[after] == '\n' || text[after] == '/')) ++after;
    return after;
  }
  return white_space_end(reader, at, true);
}

}  // namespace

size_t word_end(PreTokenizer kind, std::string_view text, size_t at) {
  switch (kind) {
    case PreTokenizer::gpt2: return pattern_end(kGpt2, text, at);
    case PreTokenizer::llama3: return pattern_end(kLlama3, text, at);
    case PreTokenizer::qwen2: return pattern_end(kQwen2, text, at);
    case PreTokenizer::qwen35: return pattern_end(kQwen35, text, at);
    case PreTokenizer::o200k: return case_pattern_end(kO200k, text, at);
    case PreTokenizer::o200k_plain: return case_pattern_end(kO200kPlain, text, at);
    case PreTokenizer::tekken: return case_pattern_end(kTekken, text, at);
    case PreTokenizer::metaspace: return std::min(text.find(' ', at + 1), text.size());
    default: return piece_end(kind, text, at);
  }
}

}  // namespace synapse
