// The methods of texts, but those that cut them into pieces (split.cc).
#include <algorithm>

#include "synapse/runtime/jinja/run.h"
#include "synapse/runtime/jinja/text.h"
#include "synapse/runtime/unicode.h"

namespace synapse::jinja {
namespace {

enum class Case { upper, lower, capitalize, title, swap };

template <Case kCase>
bool map_case(Call& c) {
  const std::string_view text = c.self.view();
  if (!c.run.spend_points(text.size())) return false;
  Builder out(c.run);
  bool follows_cased = false;  // the character before has upper and lower forms
  for (size_t at = 0; at < text.size();) {
    const CodePoint p = decode_utf8(text, at);
    const bool is_lower = to_upper(p.value) != p.value;
    const bool up = kCase == Case::upper || (kCase == Case::capitalize && at == 0) ||
                    (kCase == Case::title && !follows_cased) || (kCase == Case::swap && is_lower);
    const bool ok = p.value >= kInvalidByte ? out.add(text[at])
                                            : out.add_point(up ? to_upper(p.value) : to_lower(p.value));
    if (!ok) return false;
    follows_cased = has_case(p.value);
    at += p.bytes;
  }
  return c.give(out.value());
}

template <bool kLeft, bool kRight>
bool strip_sides(Call& c) {
  std::string_view text = c.self.view(), set;
  const bool has_set = c.at[0] && !c.at[0]->is(Type::none);
  if ((has_set && !c.text(0, "", set)) || !c.run.spend(text.size() / 16 * (1 + set.size() / 16)))
    return false;
  if (kLeft) text = has_set ? strip_left(text, set) : strip_left(text);
  if (kRight) text = has_set ? strip_right(text, set) : strip_right(text);
  return c.give(string(text));
}

// The part of the text that the parameters `start` and `end` at i and i + 1 leave; `before`: code points
// before it. False in `inside` when it starts beyond the end.
bool window(Call& c, size_t i, std::string_view& text, int64_t& before, bool& inside) {
  text = c.self.view(), before = 0, inside = true;
  if (!c.run.spend_bytes(text.size())) return false;
  if (!c.at[i] && !c.at[i + 1]) return true;
  const auto n = int64_t(count_points(text));
  int64_t bound[2] = {0, n};
  for (size_t k = 0; k < 2; ++k) {
    if (!c.at[i + k] || c.at[i + k]->is(Type::none)) continue;
    if (!c.whole(i + k, 0, bound[k])) return false;
    if (bound[k] < 0) bound[k] = std::max<int64_t>(0, bound[k] + n);
  }
  inside = bound[0] <= n && bound[0] <= bound[1];
  if (!inside) return true;
  before = bound[0];
  text = text.substr(point_at(text, size_t(before)));
  text = text.substr(0, point_at(text, size_t(bound[1] - before)));
  return true;
}

template <bool kStart>
bool touches(Call& c) {
  std::string_view text;
  int64_t before = 0;
  bool inside = false;
  if (!window(c, 1, text, before, inside)) return false;
  Sequence options;
  options.of = *c.at[0], options.size = 1;
  const bool is_tuple = c.at[0]->is(Type::tuple);
  if (is_tuple && !c.run.sequence(*c.at[0], options)) return false;
  for (uint32_t i = 0; i < options.size; ++i) {
    const Value affix = is_tuple ? options.at(i) : *c.at[0];
    if (!affix.is_string())
      return c.run.wrong(kStart ? "startswith" : "endswith", " of a value of type ", type_name(affix));
    if (!c.run.spend(1) || !c.run.spend_bytes(affix.size)) return false;
    if (inside && (kStart ? text.starts_with(affix.view()) : text.ends_with(affix.view())))
      return c.give(boolean(true));
  }
  return c.give(boolean(false));
}

template <bool kLast, bool kMustFind>
bool find(Call& c) {
  std::string_view text, wanted;
  int64_t before = 0;
  bool inside = false;
  if (!c.text(0, "", wanted) || !window(c, 1, text, before, inside)) return false;
  size_t at = text.npos;
  if (inside && !c.run.search(text, wanted, kLast, at)) return false;
  if (at == text.npos && kMustFind) return c.run.wrong("a text that is not found in another");
  return c.give(integer(at == text.npos ? -1 : before + int64_t(count_points(text.substr(0, at)))));
}

bool count(Call& c) {
  std::string_view text, wanted;
  int64_t before = 0, n = 0;
  bool inside = false;
  if (!c.text(0, "", wanted) || !window(c, 1, text, before, inside)) return false;
  if (!inside) return c.give(integer(0));
  if (wanted.empty()) return c.give(integer(int64_t(count_points(text)) + 1));
  for (size_t at = 0;; ++n) {
    if (!c.run.spend(1) || !c.run.search(text, wanted, false, at)) return false;
    if (at == text.npos) break;
    text.remove_prefix(at + wanted.size());
  }
  return c.give(integer(n));
}

bool replace(Call& c) {
  std::string_view text = c.self.view(), old, fresh;
  int64_t most = -1;
  if (!c.run.to_text(*c.at[0], old) || !c.run.to_text(*c.at[1], fresh)) return false;
  if (c.at[2] && !c.at[2]->is(Type::none) && !c.whole(2, -1, most)) return false;
  Builder out(c.run);
  for (; most != 0; --most) {
    size_t found = 0;
    if (!c.run.spend(1) || !c.run.search(text, old, false, found)) return false;
    if (found == text.npos) break;
    if (!out.add(text.substr(0, found)) || !out.add(fresh)) return false;
    text.remove_prefix(found + old.size());
    if (!old.empty()) continue;
    if (text.empty()) break;
    const size_t n = decode_utf8(text, 0).bytes;
    if (!out.add(text.substr(0, n))) return false;
    text.remove_prefix(n);
  }
  return out.add(text) && c.give(out.value());
}

enum class Side { left, right, both };

// Fills up to `width` on the side away from the text.
template <Side kSide>
bool justify(Call& c) {
  std::string_view text = c.self.view(), fill;
  int64_t width = 0;
  if (!c.whole(0, 0, width) || !c.text(1, " ", fill) || !c.run.spend_bytes(text.size())) return false;
  if (count_points(fill) != 1) return c.run.wrong("a fill of ", count_points(fill), " characters, wanted 1");
  const auto n = int64_t(count_points(text));
  const int64_t room = width > n ? width - n : 0;
  const int64_t before = kSide == Side::left    ? 0
                         : kSide == Side::right ? room
                                                : room / 2 + (room & width & 1);
  Builder out(c.run);
  return out.add_fill(size_t(before), fill) && out.add(text) && out.add_fill(size_t(room - before), fill) &&
         c.give(out.value());
}

bool zfill(Call& c) {
  std::string_view text = c.self.view();
  int64_t width = 0;
  if (!c.whole(0, 0, width) || !c.run.spend_bytes(text.size())) return false;
  const auto n = int64_t(count_points(text));
  const bool has_sign = !text.empty() && (text[0] == '-' || text[0] == '+');
  Builder out(c.run);
  if (!out.add(text.substr(0, has_sign)) || !out.add_fill(width > n ? size_t(width - n) : 0, "0"))
    return false;
  return out.add(text.substr(has_sign)) && c.give(out.value());
}

bool is_cased(uint32_t p) { return has_case(p); }
bool is_letter(uint32_t p) { return char_class(p) == CharClass::letter; }
bool is_number(uint32_t p) { return p < 128 ? p >= '0' && p <= '9' : char_class(p) == CharClass::number; }
bool is_letter_or_number(uint32_t p) { return is_letter(p) || is_number(p); }
bool is_ascii(uint32_t p) { return p < 128; }
bool is_upper(uint32_t p) { return to_lower(p) != p; }
bool is_lower(uint32_t p) { return to_upper(p) != p; }

// All characters are kIs; kEmpty: so it is when there is none.
template <bool (*kIs)(uint32_t), bool kEmpty>
bool all(Call& c) {
  const std::string_view text = c.self.view();
  if (!c.run.spend_points(text.size())) return false;
  bool holds = kEmpty || !text.empty();
  for (size_t at = 0; at < text.size() && holds;) {
    const CodePoint p = decode_utf8(text, at);
    holds = kIs(p.value), at += p.bytes;
  }
  return c.give(boolean(holds));
}

template <bool (*kNot)(uint32_t)>
bool cased_but_none(Call& c) {
  const std::string_view text = c.self.view();
  if (!c.run.spend_points(text.size())) return false;
  bool any = false, none_is = true;
  for (size_t at = 0; at < text.size();) {
    const CodePoint p = decode_utf8(text, at);
    any |= is_cased(p.value), none_is &= !kNot(p.value), at += p.bytes;
  }
  return c.give(boolean(any && none_is));
}

bool join(Call& c) {
  Sequence parts;
  if (!c.run.sequence(*c.at[0], parts)) return false;
  Builder out(c.run);
  for (uint32_t i = 0; i < parts.size; ++i) {
    const Value part = parts.at(i);
    if (!part.is_string())
      return c.run.wrong("join: item ", i, " is of type ", type_name(part), ", wanted a text");
    if (!c.run.spend(1) || (i && !out.add(c.self.view())) || !out.add(part.view())) return false;
  }
  return c.give(out.value());
}

template <bool kPrefix>
bool remove_affix(Call& c) {
  std::string_view text = c.self.view(), affix;
  if (!c.text(0, "", affix)) return false;
  if (kPrefix && text.starts_with(affix)) text.remove_prefix(affix.size());
  if (!kPrefix && text.ends_with(affix)) text.remove_suffix(affix.size());
  return c.give(string(text));
}

bool format(Call& c) { return c.run.format_braces(c.self.view(), c.arguments, c.result); }

constexpr FunctionRow kRows[] = {
    {"upper", "", map_case<Case::upper>},
    {"lower", "", map_case<Case::lower>},
    {"casefold", "", map_case<Case::lower>},
    {"capitalize", "", map_case<Case::capitalize>},
    {"title", "", map_case<Case::title>},
    {"swapcase", "", map_case<Case::swap>},
    {"strip", "chars", strip_sides<true, true>},
    {"lstrip", "chars", strip_sides<true, false>},
    {"rstrip", "chars", strip_sides<false, true>},
    {"startswith", "prefix! start end", touches<true>},
    {"endswith", "suffix! start end", touches<false>},
    {"find", "sub! start end", find<false, false>},
    {"rfind", "sub! start end", find<true, false>},
    {"index", "sub! start end", find<false, true>},
    {"rindex", "sub! start end", find<true, true>},
    {"count", "sub! start end", count},
    {"replace", "old! new! count", replace},
    {"ljust", "width! fillchar", justify<Side::left>},
    {"rjust", "width! fillchar", justify<Side::right>},
    {"center", "width! fillchar", justify<Side::both>},
    {"zfill", "width!", zfill},
    {"isalpha", "", all<is_letter, false>},
    {"isdigit", "", all<is_number, false>},
    {"isdecimal", "", all<is_number, false>},
    {"isnumeric", "", all<is_number, false>},
    {"isalnum", "", all<is_letter_or_number, false>},
    {"isspace", "", all<is_space, false>},
    {"isascii", "", all<is_ascii, true>},
    {"isupper", "", cased_but_none<is_lower>},
    {"islower", "", cased_but_none<is_upper>},
    {"join", "iterable!", join},
    {"removeprefix", "prefix!", remove_affix<true>},
    {"removesuffix", "suffix!", remove_affix<false>},
    {"format", "*", format},
};

}  // namespace

std::span<const FunctionRow> string_methods() { return kRows; }

}  // namespace synapse::jinja
