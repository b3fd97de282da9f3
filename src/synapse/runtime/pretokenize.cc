#include "synapse/runtime/pretokenize.h"

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
  bool digits_apart;       // every \p{N} is a word, and ends the text for what is before it
};

constexpr Pattern kPatterns[] = {
    {},                         // none
    {false, 0, false, false},   // gpt2
    {true, 3, false, false},    // llama3
    {true, 1, false, false},    // qwen2
    {true, 1, true, false},     // qwen35
    {false, 0, false, true},    // gpt2_digits
    {},                         // metaspace
};

constexpr CharClass kEnd = CharClass(255);

struct Char {
  uint32_t value;
  uint32_t bytes;
  CharClass cls;  // kEnd after the last one
};

class Reader {
 public:
  Reader(const Pattern& pattern, std::string_view text) : pattern_(pattern), text_(text) {}

  Char first(size_t at) const {
    const CodePoint c = decode_utf8(text_, at);
    CharClass cls = char_class(c.value);
    if (cls == CharClass::mark) cls = pattern_.marks_are_letters ? CharClass::letter : CharClass::other;
    return {c.value, c.bytes, cls};
  }
  Char look(size_t at) const {
    if (at >= text_.size()) return {0, 0, kEnd};
    const Char c = first(at);
    return pattern_.digits_apart && c.cls == CharClass::number ? Char{0, 0, kEnd} : c;
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
  const Pattern& pattern_;
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

}  // namespace

size_t word_end(PreTokenizer kind, std::string_view text, size_t at) {
  const Pattern& pattern = kPatterns[size_t(kind)];
  const Reader reader(pattern, text);
  const Char c = reader.first(at);
  if (c.value == '\'') {
    if (const size_t n = contraction(text.substr(at), pattern.modern)) return at + n;
  }
  const size_t next = at + c.bytes;
  if (c.cls == CharClass::letter) return reader.run(next, CharClass::letter);
  if (c.cls == CharClass::number) {
    if (pattern.digits_apart) return next;
    return pattern.modern ? reader.run(at, CharClass::number, pattern.max_digits) : reader.run(at, CharClass::number);
  }
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

}  // namespace synapse
