// Filters of texts and numbers: x | NAME.
#include <algorithm>
#include <limits>

#include "synapse/runtime/jinja/number.h"
#include "synapse/runtime/jinja/run.h"
#include "synapse/runtime/jinja/text.h"
#include "synapse/runtime/unicode.h"

namespace synapse::jinja {
namespace {

// Applies a method of texts to what the value is as a text.
template <size_t kMethod>
bool as_text(Call& c) {
  constexpr std::string_view names[] = {"upper", "lower", "capitalize", "strip", "replace", "center"};
  std::string_view text;
  if (!c.run.to_text(c.self, text)) return false;
  c.self = string(text);
  c.self.is_safe = false;
  return find_method(Type::string, names[kMethod])->run(c);
}

bool trim(Call& c) {
  const bool is_safe = c.self.is_string() && c.self.is_safe;
  if (!as_text<3>(c)) return false;
  return c.result.is_safe = is_safe, true;
}

bool center(Call& c) {
  const Value width = integer(80);
  if (!c.at[0]) c.at[0] = &width;
  return as_text<5>(c);
}

// Words begin after white space and opening brackets.
bool title(Call& c) {
  std::string_view text;
  if (!c.run.to_text(c.self, text) || !c.run.spend_points(text.size())) return false;
  Builder out(c.run);
  bool begins = true;
  for (size_t at = 0; at < text.size();) {
    const CodePoint p = decode_utf8(text, at);
    const bool ok = p.value >= kInvalidByte ? out.add(text[at])
                                            : out.add_point(begins ? to_upper(p.value) : to_lower(p.value));
    if (!ok) return false;
    begins = is_space(p.value) || p.value == '-' || p.value == '(' || p.value == '{' || p.value == '[' ||
             p.value == '<';
    at += p.bytes;
  }
  return c.give(out.value());
}

bool to_string(Call& c) {
  std::string_view text;
  if (c.self.is_string()) return c.give(c.self);
  return c.run.to_text(c.self, text) && c.give(string(text));
}

bool safe(Call& c) {
  if (!to_string(c)) return false;
  return c.result.is_safe = true;
}

bool escape(Call& c) {
  if (c.self.is_string() && c.self.is_safe) return c.give(c.self);
  std::string_view text;
  if (!c.run.to_text(c.self, text)) return false;
  Builder out(c.run);
  size_t begin = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    constexpr std::string_view letters = "&<>'\"", codes[] = {"&amp;", "&lt;", "&gt;", "&#39;", "&#34;"};
    const size_t found = letters.find(text[at]);
    if (found == letters.npos) continue;
    if (!out.add(text.substr(begin, at - begin)) || !out.add(codes[found])) return false;
    begin = at + 1;
  }
  if (!out.add(text.substr(begin))) return false;
  c.result = out.value();
  return c.result.is_safe = true;
}

// A text to indent with: spaces, or as given.
bool indentation(Call& c, const Value& width, std::string_view& out) {
  if (width.is_string()) return out = width.view(), true;
  if (!width.is_whole()) return c.run.wrong("an indentation of type ", type_name(width));
  Builder spaces(c.run);
  if (!spaces.add_fill(size_t(std::max<int64_t>(0, width.whole())), " ")) return false;
  return out = spaces.view(), true;
}

bool indent(Call& c) {
  std::string_view text, margin;
  if (!c.run.to_text(c.self, text) || !indentation(c, c.at[0] ? *c.at[0] : integer(4), margin)) return false;
  const bool first = c.flag(1, false), blank = c.flag(2, false);
  Builder out(c.run);
  for (size_t at = 0, line = 0; at <= text.size(); ++line) {
    size_t end = at, next = text.size() + 1;
    for (; end < text.size(); end += decode_utf8(text, end).bytes) {
      if (!is_line_end(decode_utf8(text, end).value)) continue;
      next = end + decode_utf8(text, end).bytes;
      if (text[end] == '\r' && next < text.size() && text[next] == '\n') ++next;
      break;
    }
    if (line && !out.add('\n')) return false;
    const bool indents = line == 0 ? first : blank || end > at;
    if ((indents && !out.add(margin)) || !out.add(text.substr(at, end - at)) || !c.run.spend_points(end - at))
      return false;
    at = next;
  }
  return c.give(out.value());
}

bool wordcount(Call& c) {
  std::string_view text;
  if (!c.run.to_text(c.self, text) || !c.run.spend_points(text.size())) return false;
  int64_t n = 0;
  bool inside = false;
  for (size_t at = 0; at < text.size();) {
    const CodePoint p = decode_utf8(text, at);
    const CharClass kind = char_class(p.value);
    const bool is_word = kind == CharClass::letter || kind == CharClass::number || p.value == '_';
    n += is_word && !inside;
    inside = is_word, at += p.bytes;
  }
  return c.give(integer(n));
}

bool truncate(Call& c) {
  std::string_view text, end;
  int64_t length = 0, leeway = 0;
  if (!c.run.to_text(c.self, text) || !c.whole(0, 255, length) || !c.text(2, "...", end) ||
      !c.whole(3, 5, leeway))
    return false;
  const auto end_points = int64_t(count_points(end)), points = int64_t(count_points(text));
  if (!c.run.spend_points(text.size())) return false;
  if (length < end_points || leeway < 0) return c.run.wrong("truncate to ", length, " characters");
  if (points - leeway <= length) return c.give(string(text));
  text = text.substr(0, point_at(text, size_t(length - end_points)));
  if (!c.flag(1, false)) text = text.substr(0, text.rfind(' '));
  Builder out(c.run);
  return out.add(text) && out.add(end) && c.give(out.value());
}

bool format(Call& c) {
  std::string_view text;
  if (!c.run.to_text(c.self, text)) return false;
  List* list = c.run.make_list(c.arguments.positional.size());
  for (const Value& v : c.arguments.positional)
    if (!c.run.push(list, v)) return false;
  return list && c.run.format_percent(text, list_value(Type::tuple, list), c.result);
}

bool tojson(Call& c) {
  JsonStyle style;
  style.ascii = c.flag(0, false), style.sorts = c.flag(3, false);
  style.has_lines = c.at[1] && !c.at[1]->is(Type::none);
  if (style.has_lines) {
    if (!indentation(c, *c.at[1], style.indent)) return false;
    style.comma = ",";
  }
  if (c.at[2] && !c.at[2]->is(Type::none)) {
    Sequence parts;
    if (!c.run.sequence(*c.at[2], parts)) return false;
    if (parts.size != 2 || !parts.at(0).is_string() || !parts.at(1).is_string())
      return c.run.wrong("tojson: separators wants two texts");
    style.comma = parts.at(0).view(), style.colon = parts.at(1).view();
  }
  Builder out(c.run);
  return c.run.print_json(c.self, style, 0, out) && c.give(out.value());
}

bool length(Call& c) {
  uint64_t n = 0;
  return c.run.length(c.self, n) && c.give(integer(int64_t(n)));
}

bool absolute(Call& c) {
  if (!c.self.is_number()) return false;
  const bool is_negative = c.self.number() < 0;
  Value negated = c.self;
  if (is_negative && !c.run.negate(c.self, negated)) return false;
  return c.give(negated.is(Type::boolean) ? integer(negated.whole()) : negated);
}

bool to_int(Call& c) {
  int64_t base = 10;
  if (!c.whole(1, 10, base)) return false;
  const Value otherwise = c.at[0] ? *c.at[0] : integer(0);
  if (c.self.is(Type::undefined)) return c.run.undefined_used(c.self);
  if (c.self.is_whole()) return c.give(integer(c.self.whole()));
  std::optional<double> x;
  if (c.self.is_string()) {
    if (!c.run.spend_points(c.self.size)) return false;
    const auto value = base >= 2 && base <= 36 ? parse_whole(c.self.view(), int32_t(base)) : std::nullopt;
    if (value) return c.give(integer(*value));
    x = parse_real(c.self.view());
  } else if (c.self.is(Type::real)) {
    x = c.self.real;
  }
  if (!x || !(*x > -9.2e18 && *x < 9.2e18)) return c.give(otherwise);
  return c.give(integer(int64_t(*x)));
}

bool to_float(Call& c) {
  const Value otherwise = c.at[0] ? *c.at[0] : real(0);
  if (c.self.is(Type::undefined)) return c.run.undefined_used(c.self);
  if (c.self.is_number()) return c.give(real(c.self.number()));
  const auto x = c.self.is_string() ? parse_real(c.self.view()) : std::nullopt;
  return c.give(x ? real(*x) : otherwise);
}

// Half to even, on the exact value; `digits` may be negative.
double round_real(double x, int64_t digits) {
  if (!(x > -9007199254740992.0 && x < 9007199254740992.0) || digits > 22) return x;
  char text[kRealBytes];
  if (digits >= 0) return parse_real({text, write_fixed(x, int32_t(digits), text)}).value_or(x);
  double unit = 1;
  for (int64_t i = std::max<int64_t>(digits, -20); i < 0; ++i) unit *= 10;
  return parse_real({text, write_fixed(x / unit, 0, text)}).value_or(0) * unit;
}

bool round(Call& c) {
  int64_t digits = 0;
  std::string_view method;
  if (!c.whole(0, 0, digits) || !c.text(1, "common", method) || !c.run.spend(512)) return false;
  digits = std::clamp<int64_t>(digits, -300, 300);
  if (method != "common" && method != "ceil" && method != "floor")
    return c.run.wrong("round: ", method, ", wanted common, ceil or floor");
  if (!c.self.is_number()) return false;
  if (method == "common" && c.self.is_whole() && digits >= 0) return c.give(integer(c.self.whole()));
  const double x = c.self.number();
  if (method == "common") {
    const double rounded = round_real(x, digits);
    return c.give(c.self.is_whole() ? integer(int64_t(rounded)) : real(rounded));
  }
  double unit = 1;
  for (int64_t i = 0; i < (digits < 0 ? -digits : digits); ++i) unit *= 10;
  const double scaled = digits < 0 ? x / unit : x * unit;
  const double whole = method == "floor" ? floor_real(scaled) : -floor_real(-scaled);
  return c.give(real(digits < 0 ? whole * unit : whole / unit));
}

constexpr FunctionRow kTextRows[] = {
    {"upper", "", as_text<0>},
    {"lower", "", as_text<1>},
    {"capitalize", "", as_text<2>},
    {"title", "", title},
    {"trim", "chars", trim},
    {"replace", "old! new! count", as_text<4>},
    {"center", "width", center},
    {"string", "", to_string},
    {"safe", "", safe},
    {"escape", "", escape},
    {"e", "", escape},
    {"indent", "width first blank", indent},
    {"wordcount", "", wordcount},
    {"truncate", "length killwords end leeway", truncate},
    {"format", "*", format},
    {"tojson", "ensure_ascii indent separators sort_keys", tojson},
    {"length", "", length},
    {"count", "", length},
};

constexpr FunctionRow kNumberRows[] = {
    {"abs", "", absolute},
    {"int", "default base", to_int},
    {"float", "default", to_float},
    {"round", "precision method", round},
};

}  // namespace

std::span<const FunctionRow> text_filters() { return kTextRows; }
std::span<const FunctionRow> number_filters() { return kNumberRows; }

}  // namespace synapse::jinja
