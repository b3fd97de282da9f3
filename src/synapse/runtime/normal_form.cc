#include "synapse/runtime/normal_form.h"

#include <algorithm>

#include "synapse/runtime/unicode.h"
#include "synapse/runtime/unicode_tables.h"

namespace synapse {

using namespace unicode_tables;

namespace {

// Below this, every code point is a starter, composed already, and never the second of a pair.
constexpr uint32_t kFirstInteresting = 0x300;

// Hangul syllables are arithmetic (The Unicode Standard, 3.12).
constexpr uint32_t kHangul = 0xAC00, kLead = 0x1100, kVowel = 0x1161, kTrail = 0x11A7;
constexpr uint32_t kLeads = 19, kVowels = 21, kTrails = 28, kSyllables = kLeads * kVowels * kTrails;

struct Pair {
  uint32_t first, second;  // second 0: none
};

template <typename Step>
const Step* find_step(const Step* steps, uint32_t n, uint32_t c) {
  const Step* lo = steps;
  for (uint32_t left = n; left > 0;) {
    const uint32_t half = left / 2;
    if (lo[half].code_point < c) {
      lo += half + 1;
      left -= half + 1;
    } else {
      left = half;
    }
  }
  return lo != steps + n && lo->code_point == c ? lo : nullptr;
}

// One decomposition step of c; first is c itself when there is none.
Pair decompose_once(uint32_t c) {
  if (c - kHangul < kSyllables) {
    const uint32_t s = c - kHangul, trail = s % kTrails;
    if (trail) return {c - trail, kTrail + trail};
    return {kLead + s / (kVowels * kTrails), kVowel + s / kTrails % kVowels};
  }
  if (c < 0xC0) return {c, 0};
  if (c < 0x10000) {
    if (const NarrowStep* s = find_step(kNarrow, kNarrowSteps, c)) return {s->first, s->second};
  }
  if (const WideStep* s = find_step(kWide, kWideSteps, c)) return {s->first, s->second};
  return {c, 0};
}

// Calls sink with each code point of the full decomposition: at most 3 for 2 bytes of UTF-8, compatible 18 for 3.
// The depth is that of the tables (5).
template <typename Sink>
void decompose(uint32_t c, bool compatible, Sink&& sink) {
  if (compatible && c >= 0xA0) {
    if (const CompatStep* s = find_step(kCompat, kCompatSteps, c)) {
      for (uint32_t i = s->pool; i < s[1].pool; ++i) decompose(kCompatPool[i], compatible, sink);
      return;
    }
  }
  const Pair p = decompose_once(c);
  if (p.first == c) return sink(c);
  decompose(p.first, compatible, sink);
  if (p.second) decompose(p.second, compatible, sink);
}

uint32_t combining_class(uint32_t c) {
  if (c < kFirstInteresting || c > kCombining[kCombiningRanges - 1].first + 0x100) return 0;
  uint32_t lo = 0, hi = kCombiningRanges;
  while (lo < hi) {
    const uint32_t mid = (lo + hi) / 2;
    if (kCombining[mid].first <= c) lo = mid + 1; else hi = mid;
  }
  if (lo == 0) return 0;
  const CombiningRange& r = kCombining[lo - 1];
  return c - r.first < r.count ? r.combining_class : 0;
}

WideStep composition(uint32_t i) {
  const uint32_t step = kComposition[i];
  if (step >= kNarrowSteps) return kWide[step - kNarrowSteps];
  return {kNarrow[step].code_point, kNarrow[step].first, kNarrow[step].second};
}

// The primary composite of a pair, 0 when there is none.
uint32_t compose(uint32_t a, uint32_t b) {
  if (b < kFirstInteresting || b >= kInvalidByte || a >= kInvalidByte) return 0;
  if (a - kLead < kLeads && b - kVowel < kVowels) return kHangul + ((a - kLead) * kVowels + (b - kVowel)) * kTrails;
  if (a - kHangul < kSyllables && (a - kHangul) % kTrails == 0 && b - kTrail - 1 < kTrails - 1) return a + (b - kTrail);
  uint32_t lo = 0, hi = kCompositions;
  while (lo < hi) {
    const uint32_t mid = (lo + hi) / 2;
    const WideStep s = composition(mid);
    if (s.first == a && s.second == b) return s.code_point;
    if (s.first < a || (s.first == a && s.second < b)) lo = mid + 1; else hi = mid;
  }
  return 0;
}

// A code point in the low 24 bits, its combining class above.
uint32_t order_of(uint32_t packed) { return packed >> 24; }
uint32_t value_of(uint32_t packed) { return packed & 0xFFFFFF; }

// Stable sort by combining class: insertion for the usual two or three marks, counting for a hostile million.
void sort_marks(uint32_t* marks, size_t n, uint32_t* spare) {
  if (n <= 16) {
    for (size_t i = 1; i < n; ++i) {
      const uint32_t mark = marks[i];
      size_t j = i;
      for (; j > 0 && order_of(marks[j - 1]) > order_of(mark); --j) marks[j] = marks[j - 1];
      marks[j] = mark;
    }
    return;
  }
  size_t start[257] = {};
  for (size_t i = 0; i < n; ++i) ++start[order_of(marks[i]) + 1];
  for (size_t c = 1; c < 257; ++c) start[c] += start[c - 1];
  for (size_t i = 0; i < n; ++i) spare[start[order_of(marks[i])]++] = marks[i];
  std::memcpy(marks, spare, n * sizeof *marks);
}

void reorder(std::span<uint32_t> text, uint32_t* spare) {
  for (size_t i = 0; i < text.size(); ++i) {
    size_t end = i;
    while (end < text.size() && order_of(text[end])) ++end;
    if (end - i > 1) sort_marks(&text[i], end - i, spare);
    i = end;
  }
}

// Composes in place; returns how many are left.
size_t compose_all(std::span<uint32_t> text) {
  size_t n = 0, starter = 0;
  bool have_starter = false;
  int32_t last_class = -1;  // of what stands between the starter and here; -1: nothing
  for (const uint32_t c : text) {
    const auto cc = int32_t(order_of(c));
    if (have_starter && last_class < cc) {
      if (const uint32_t whole = compose(value_of(text[starter]), value_of(c))) {
        text[starter] = whole;
        continue;
      }
    }
    if (cc == 0) {
      starter = n;
      have_starter = true;
      last_class = -1;
    } else {
      last_class = cc;
    }
    text[n++] = c;
  }
  return n;
}

}  // namespace

Result<std::string_view> to_normal_form(std::string_view text, NormalForm form, Arena& arena) {
  // The lead bytes of what may change: U+0300 and above compose, U+00C0 has a decomposition, U+00A0 a compatible one.
  const uint8_t least = form.compatible ? 0xC2 : form.compose ? 0xCC : 0xC3;
  if (std::none_of(text.begin(), text.end(), [least](char b) { return uint8_t(b) >= least; })) return text;

  const size_t most = normal_form_growth(form) * text.size();
  size_t n = 0;
  for (size_t at = 0; at < text.size();) {
    const CodePoint c = decode_utf8(text, at);
    decompose(c.value, form.compatible, [&](uint32_t) { ++n; });
    at += c.bytes;
  }
  char* out = arena.array<char>(most);
  const size_t mark = arena.mark();
  auto* packed = arena.array<uint32_t>(n);
  auto* spare = arena.array<uint32_t>(n);
  if (!out || !packed || !spare) {
    return fail(Code::out_of_memory, "tokenizer: no room to normalise ", text.size(), " bytes");
  }
  n = 0;
  for (size_t at = 0; at < text.size();) {
    const CodePoint c = decode_utf8(text, at);
    decompose(c.value, form.compatible, [&](uint32_t part) { packed[n++] = part | combining_class(part) << 24; });
    at += c.bytes;
  }
  reorder({packed, n}, spare);
  if (form.compose) n = compose_all({packed, n});
  size_t bytes = 0;
  for (size_t i = 0; i < n; ++i) bytes += encode_utf8(value_of(packed[i]), out + bytes);
  SYN_CHECK(bytes <= most);
  arena.rewind(mark);
  return std::string_view(out, bytes);
}

}  // namespace synapse
