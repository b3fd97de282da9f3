// The pre-tokenizers that look for some pieces of the text and leave what lies between them whole: each is a function
// that says how many bytes match at a place, found again and again from left to right.
#include <algorithm>

#include "synapse/runtime/pretokenize.h"
#include "synapse/runtime/unicode.h"

namespace synapse {
namespace {

struct Range {
  uint32_t first, last;
};

// The letters of DeepSeek's first pattern, as its file writes them: an old Unicode's letters with case.
constexpr Range kDeepseekLetters[] = {
    {0x41, 0x5a}, {0x61, 0x7a}, {0xb5, 0xb5}, {0xc0, 0xd6}, {0xd8, 0xf6}, {0xf8, 0x1ba}, {0x1bc, 0x1bf},
    {0x1c4, 0x293}, {0x295, 0x2af}, {0x370, 0x373}, {0x376, 0x377}, {0x37b, 0x37d}, {0x37f, 0x37f},
    {0x386, 0x386}, {0x388, 0x38a}, {0x38c, 0x38c}, {0x38e, 0x3a1}, {0x3a3, 0x3f5}, {0x3f7, 0x481},
    {0x48a, 0x52f}, {0x531, 0x556}, {0x10a0, 0x10c5}, {0x13a0, 0x13f5}, {0x13f8, 0x13fd}, {0x1c90, 0x1cba},
    {0x1cbd, 0x1cbf}, {0x1d00, 0x1d2b}, {0x1d6b, 0x1d77}, {0x1d79, 0x1d9a}, {0x1e00, 0x1f15},
    {0x1f18, 0x1f1d}, {0x1f20, 0x1f45}, {0x1f48, 0x1f4d}, {0x1f50, 0x1f57}, {0x1f59, 0x1f59},
    {0x1f5b, 0x1f5b}, {0x1f5d, 0x1f5d}, {0x1f5f, 0x1f7d}, {0x1f80, 0x1fb4}, {0x1fb6, 0x1fbc},
    {0x1fbe, 0x1fbe}, {0x1fc2, 0x1fc4}, {0x1fc6, 0x1fcc}, {0x1fd0, 0x1fd3}, {0x1fd6, 0x1fdb},
    {0x1fe0, 0x1fec}, {0x1ff2, 0x1ff4}, {0x1ff6, 0x1ffc}, {0x2102, 0x2102}, {0x2107, 0x2107},
    {0x210a, 0x2113}, {0x2115, 0x2115}, {0x2119, 0x211d}, {0x2124, 0x2124}, {0x2126, 0x2126},
    {0x2128, 0x2128}, {0x212a, 0x212d}, {0x212f, 0x2134}, {0x2139, 0x2139}, {0x213c, 0x213f},
    {0x2145, 0x2149}, {0x214e, 0x214e}, {0x2183, 0x2184}, {0x2c00, 0x2c7b}, {0x2c7e, 0x2ce4},
    {0x2ceb, 0x2cee}, {0x2cf2, 0x2cf3}, {0xa640, 0xa66d}, {0xa680, 0xa69b}, {0xa722, 0xa76f},
    {0xa771, 0xa787}, {0xa78b, 0xa78e}, {0xab70, 0xabbf}, {0xfb00, 0xfb06}, {0xfb13, 0xfb17},
    {0xff21, 0xff3a}, {0xff41, 0xff5a}, {0x10400, 0x1044f}, {0x104b0, 0x104d3}, {0x104d8, 0x104fb},
    {0x10c80, 0x10cb2}, {0x10cc0, 0x10cf2}, {0x118a0, 0x118df}, {0x1e900, 0x1e943},
};
constexpr Range kDeepseekMarks[] = {{'!', '/'}, {':', '~'}, {0x2018, 0x201F}, {0x3000, 0x3002}, {0xFF01, 0xFF0F}, {0xFF1A, 0xFF5E}};
constexpr Range kDeepseekCjk[] = {{0x800, 0x9FA5}, {0xAC00, 0xD7FF}};
constexpr Range kDeepseekV3Cjk[] = {{0x3040, 0x30FF}, {0x4E00, 0x9FA5}};
constexpr uint32_t kBloomStops[] = {'(', '|', '.', ',', '!', '?', ')', 0x2026, 0x3002, 0xFF0C, 0x3001, 0x0964, 0x06D4, 0x060C};

bool among(std::span<const Range> ranges, uint32_t c) {
  const auto after = std::upper_bound(ranges.begin(), ranges.end(), c, [](uint32_t v, const Range& r) { return v < r.first; });
  return after != ranges.begin() && c <= after[-1].last;
}

bool is_number(uint32_t c) { return char_kind(c) == CharKind::number; }
bool is_newline(uint32_t c) { return c == '\r' || c == '\n'; }
bool is_space(uint32_t c) { return char_kind(c) == CharKind::space; }
bool is_letter(uint32_t c) { return char_class(c) == CharClass::letter; }
bool is_p(uint32_t c) { return char_kind(c) == CharKind::punctuation; }
bool is_ascii_letter(uint32_t c) { return (c | 32) >= 'a' && (c | 32) <= 'z'; }
bool is_ascii_digit(uint32_t c) { return c >= '0' && c <= '9'; }
bool is_punctuation(uint32_t c) { return is_p(c) || (c < 0x80 && char_kind(c) == CharKind::symbol); }
// GPT-2's letters of these bytes are \p{N}: what a digit is once bytes have become letters.
bool is_byte_digit(uint8_t b) { return is_ascii_digit(b) || b == 0xB2 || b == 0xB3 || b == 0xB9 || (b >= 0xBC && b <= 0xBE); }

// Bytes of the run of such characters at `at`, of `most` at most.
template <typename Is>
size_t run(std::string_view text, size_t at, const Is& is, size_t most = SIZE_MAX) {
  size_t end = at;
  for (; end < text.size() && most > 0; --most) {
    const CodePoint c = decode_utf8(text, end);
    if (!is(c.value)) break;
    end += c.bytes;
  }
  return end - at;
}

// The same with one character before it that may be white space.
template <typename Is>
size_t led_run(std::string_view text, size_t at, const Is& is) {
  const CodePoint c = decode_utf8(text, at);
  const size_t lead = is_space(c.value) ? c.bytes : 0;
  const size_t n = run(text, at + lead, is);
  return n > 0 ? lead + n : lead > 0 ? run(text, at, is) : 0;  // white space may itself be such a character
}

// [!-/:-@\[-`{-~][A-Za-z]+ | [^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+ | ?[\p{P}\p{S}]+[\r\n]* | \s*[\r\n]+ | \s+(?!\S) | \s+
size_t deepseek_v3_word(std::string_view text, size_t at) {
  const CodePoint c = decode_utf8(text, at);
  const CharKind kind = char_kind(c.value);
  const auto word = [](uint32_t v) { return is_letter(v) || char_class(v) == CharClass::mark; };
  const auto sign = [](uint32_t v) { return is_p(v) || char_kind(v) == CharKind::symbol; };
  if (c.value < 0x80 && sign(c.value)) {
    if (const size_t n = run(text, at + 1, is_ascii_letter)) return 1 + n;
  }
  if (!sign(c.value)) {
    const size_t lead = is_newline(c.value) || is_letter(c.value) ? 0 : c.bytes;
    if (const size_t n = run(text, at + lead, word)) return lead + n;
    if (const size_t n = run(text, at, word)) return n;
  }
  const size_t lead = c.value == ' ';
  if (const size_t n = run(text, at + lead, sign)) return lead + n + run(text, at + lead + n, is_newline);
  if (kind != CharKind::space) return 0;
  size_t end = at, last = at, after_newline = at;
  for (CodePoint s = c; is_space(s.value);) {
    last = end;
    end += s.bytes;
    if (is_newline(s.value)) after_newline = end;
    if (end == text.size()) break;
    s = decode_utf8(text, end);
  }
  if (after_newline > at) return after_newline - at;
  return (end < text.size() && last > at ? last : end) - at;
}

// 's|'t|'re|'ve|'m|'ll|'d | \p{L}+ | \p{N} | [^\s\p{L}\p{N}]+, or the white space between them. The text is lower case.
size_t clip_word(std::string_view text, size_t at) {
  for (const std::string_view s : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"}) {
    if (text.substr(at).starts_with(s)) return s.size();
  }
  const CodePoint c = decode_utf8(text, at);
  const auto other = [](uint32_t v) { return char_class(v) == CharClass::other || char_class(v) == CharClass::mark; };
  if (is_letter(c.value)) return run(text, at, is_letter);
  if (is_number(c.value)) return c.bytes;
  return is_space(c.value) ? run(text, at, is_space) : run(text, at, other);
}

size_t bloom_word(std::string_view text, size_t at) {
  const auto word = [](uint32_t v) {
    return !is_space(v) && std::find(std::begin(kBloomStops), std::end(kBloomStops), v) == std::end(kBloomStops);
  };
  const size_t lead = text[at] == ' ';
  const size_t n = run(text, at + lead, word);
  return n > 0 ? lead + n : 0;
}

size_t bert_word(std::string_view text, size_t at) {
  const CodePoint c = decode_utf8(text, at);
  return is_space(c.value) || is_punctuation(c.value) ? c.bytes : 0;
}

size_t byte_digit_run(std::string_view text, size_t at) {
  size_t end = at;
  while (end < text.size() && is_byte_digit(uint8_t(text[end]))) ++end;
  return end - at;
}

size_t three_ascii_digits(std::string_view text, size_t at) { return run(text, at, is_ascii_digit, 3) == 3 ? 3 : 0; }

// Bytes that match at `at`, 0 when nothing does.
size_t match(PreTokenizer kind, std::string_view text, size_t at) {
  switch (kind) {
    case PreTokenizer::digits: return run(text, at, is_number, 1);
    case PreTokenizer::digits_by_3: return run(text, at, is_number, 3);
    case PreTokenizer::digit_runs: return run(text, at, is_number);
    case PreTokenizer::byte_digit_runs: return byte_digit_run(text, at);
    case PreTokenizer::three_ascii_digits: return three_ascii_digits(text, at);
    case PreTokenizer::punctuation: return run(text, at, is_punctuation, 1);
    case PreTokenizer::punctuation_runs: return run(text, at, is_punctuation);
    case PreTokenizer::newlines: return run(text, at, is_newline, 1);
    case PreTokenizer::white_space: return run(text, at, is_space);
    case PreTokenizer::bert: return bert_word(text, at);
    case PreTokenizer::clip: return clip_word(text, at);
    case PreTokenizer::bloom: return bloom_word(text, at);
    case PreTokenizer::spaced_letters: return led_run(text, at, is_letter);
    case PreTokenizer::spaced_punctuation: return led_run(text, at, is_p);
    case PreTokenizer::deepseek_letters: return led_run(text, at, [](uint32_t c) { return among(kDeepseekLetters, c); });
    case PreTokenizer::deepseek_marks: return led_run(text, at, [](uint32_t c) { return among(kDeepseekMarks, c); });
    case PreTokenizer::deepseek_cjk: return run(text, at, [](uint32_t c) { return among(kDeepseekCjk, c); });
    case PreTokenizer::deepseek_v3_cjk: return run(text, at, [](uint32_t c) { return among(kDeepseekV3Cjk, c); });
    case PreTokenizer::deepseek_v3: return deepseek_v3_word(text, at);
    default: return text.size() - at;
  }
}

// \s+$: what comes before is one piece.
size_t trailing_space_end(std::string_view text, size_t at) {
  size_t last = at;  // after the last character that is no white space
  for (size_t i = at; i < text.size();) {
    const CodePoint c = decode_utf8(text, i);
    i += c.bytes;
    if (!is_space(c.value)) last = i;
  }
  return last > at ? last : text.size();
}

}  // namespace

size_t piece_end(PreTokenizer kind, std::string_view text, size_t at) {
  if (kind == PreTokenizer::trailing_space) return trailing_space_end(text, at);
  if (const size_t n = match(kind, text, at)) return at + n;
  const auto next = [&](size_t i) { return kind == PreTokenizer::byte_digit_runs ? i + 1 : i + decode_utf8(text, i).bytes; };
  for (size_t i = next(at); i < text.size(); i = next(i)) {
    if (match(kind, text, i) > 0) return i;
  }
  return text.size();
}

}  // namespace synapse
