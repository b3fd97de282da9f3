// The functions that every template can call.
#include <algorithm>

#include "synapse/runtime/jinja/run.h"

namespace synapse::jinja {
namespace {

bool range(Call& c) {
  int64_t part[3] = {0, 0, 1};
  const size_t n = c.arguments.positional.size();
  if (n == 0 || n > 3) return c.run.wrong("range of ", n, " arguments, wanted 1 to 3");
  for (size_t i = 0; i < n; ++i)
    if (!c.whole(i, 0, part[i])) return false;
  if (n == 1) std::swap(part[0], part[1]);
  const int64_t step = part[2];
  if (step == 0) return c.run.wrong("range with step 0");
  const bool is_empty = step > 0 ? part[1] <= part[0] : part[0] <= part[1];
  const uint64_t room =
      step > 0 ? uint64_t(part[1]) - uint64_t(part[0]) : uint64_t(part[0]) - uint64_t(part[1]);
  const uint64_t size = is_empty ? 0 : (room - 1) / (step > 0 ? uint64_t(step) : 0 - uint64_t(step)) + 1;
  constexpr uint64_t kMost = 100000;
  if (size > kMost) return c.run.wrong("a range of more than ", kMost, " numbers");
  Range* made = c.run.make<Range>();
  if (!made) return false;
  *made = {part[0], part[1], step, uint32_t(size)};
  Value v;
  v.type = Type::range, v.range = made;
  return c.give(v);
}

// dict(mapping or pairs, name=value ...); namespace() takes the same.
template <Type kType>
bool dict(Call& c) {
  const auto [positional, named] = c.arguments;
  if (positional.size() > 1) return c.run.wrong("a dict of ", positional.size(), " arguments, at most 1");
  Dict* made = c.run.make_dict(named.size());
  if (!positional.empty() && positional[0].is(Type::dict)) {
    const Dict& from = *positional[0].dict;
    for (uint32_t i = 0; i < from.size; ++i)
      if (!c.run.put(made, from.entries[i].key, from.entries[i].value)) return false;
  } else if (!positional.empty()) {
    Sequence items, pair;
    if (!c.run.sequence(positional[0], items)) return false;
    for (uint32_t i = 0; i < items.size; ++i) {
      if (!c.run.sequence(items.at(i), pair)) return false;
      if (pair.size != 2) return c.run.wrong("a dict of items with ", pair.size, " parts, wanted 2");
      if (!c.run.put(made, pair.at(0), pair.at(1))) return false;
    }
  }
  for (const NamedValue& v : named)
    if (!c.run.put(made, string(v.name), v.value)) return false;
  return made && c.give(dict_value(kType, made));
}

bool raise_exception(Call& c) {
  std::string_view message;
  return c.run.to_text(*c.at[0], message) && c.run.wrong(message);
}

bool cycle_of(Call& c, Type type, std::span<const Value> items) {
  List* list = c.run.make_list(items.size());
  for (const Value& v : items)
    if (!c.run.push(list, v)) return false;
  Cycler* made = c.run.make<Cycler>();
  if (!list || !made) return false;
  *made = {list, 0};
  Value v;
  v.type = type, v.cycler = made;
  return c.give(v);
}

bool cycler(Call& c) {
  if (c.arguments.positional.empty()) return c.run.wrong("cycler of nothing");
  return cycle_of(c, Type::cycler, c.arguments.positional);
}

bool joiner(Call& c) {
  const Value comma = c.at[0] ? *c.at[0] : string(", ");
  return cycle_of(c, Type::joiner, {&comma, 1});
}

struct Days {
  std::string_view name;
  int32_t before;  // days of a common year
};
constexpr Days kMonths[] = {{"January", 0},     {"February", 31}, {"March", 59},     {"April", 90},
                            {"May", 120},       {"June", 151},    {"July", 181},     {"August", 212},
                            {"September", 243}, {"October", 273}, {"November", 304}, {"December", 334}};
constexpr std::string_view kWeekdays[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                          "Thursday", "Friday", "Saturday"};

bool is_leap(int32_t year) { return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0; }

int32_t day_of_year(const TemplateClock& t) {
  return kMonths[t.month - 1].before + t.day + (t.month > 2 && is_leap(t.year));
}

int32_t weekday(const TemplateClock& t) {  // 0: Sunday
  const int32_t y = t.year - 1;
  return (y * 365 + y / 4 - y / 100 + y / 400 + day_of_year(t)) % 7;
}

// One conversion of strftime in the C locale; `pad`: what a two-digit number begins with, 0 for nothing.
bool add_time(Run& run, const TemplateClock& t, char what, char pad, Builder& out) {
  const auto number = [&](int32_t value, int32_t digits, char fill) {
    int32_t limit = 10;
    for (int32_t i = 1; i < digits; ++i, limit *= 10) {
      if (fill && value < limit && !out.add(fill)) return false;
    }
    return out.add(Text<12>(value).view());
  };
  const auto padded = [&](int32_t value, char fill) {
    return number(value, 2, pad == '0' ? fill : pad == '-' ? '\0' : ' ');
  };
  const auto all = [&](std::string_view parts) {
    for (const char part : parts) {
      const bool is_letter = (part | 32) >= 'a' && (part | 32) <= 'z';
      if (is_letter ? !add_time(run, t, part, '0', out) : !out.add(part)) return false;
    }
    return true;
  };
  const int32_t hour12 = t.hour % 12 == 0 ? 12 : t.hour % 12;
  switch (what) {
    case 'Y': return number(t.year, 1, '0');
    case 'y': return number(t.year % 100, 2, '0');
    case 'm': return padded(t.month, '0');
    case 'd': return padded(t.day, '0');
    case 'e': return number(t.day, 2, pad == '-' ? '\0' : ' ');
    case 'H': return padded(t.hour, '0');
    case 'I': return padded(hour12, '0');
    case 'M': return padded(t.minute, '0');
    case 'S': return padded(t.second, '0');
    case 'j': return number(day_of_year(t), 3, pad == '-' ? '\0' : '0');
    case 'f': return out.add("000000");
    case 'p': return out.add(t.hour < 12 ? "AM" : "PM");
    case 'B': return out.add(kMonths[t.month - 1].name);
    case 'b':
    case 'h': return out.add(kMonths[t.month - 1].name.substr(0, 3));
    case 'A': return out.add(kWeekdays[weekday(t)]);
    case 'a': return out.add(kWeekdays[weekday(t)].substr(0, 3));
    case 'w': return number(weekday(t), 1, '0');
    case 'u': return number(weekday(t) == 0 ? 7 : weekday(t), 1, '0');
    case 'F': return all("Y-m-d");
    case 'D':
    case 'x': return all("m/d/y");
    case 'T':
    case 'X': return all("H:M:S");
    case 'R': return all("H:M");
    case 'c': return all("a b e H:M:S Y");
    case 'Z':
    case 'z': return true;  // a time without a zone
    case 'n': return out.add('\n');
    case 't': return out.add('\t');
    case '%': return out.add('%');
    default: return run.wrong("strftime_now: %", what, " is not supported");
  }
}

bool strftime_now(Call& c) {
  std::string_view format;
  if (!c.text(0, "", format)) return false;
  Builder out(c.run);
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%' || i + 1 == format.size()) {
      if (!out.add(format[i])) return false;
      continue;
    }
    const bool has_flag = format[i + 1] == '-' && i + 2 < format.size();
    i += has_flag ? 2 : 1;
    if (!c.run.spend(1) || !add_time(c.run, c.run.clock(), format[i], has_flag ? '-' : '0', out))
      return false;
  }
  return c.give(out.value());
}

constexpr FunctionRow kRows[] = {
    {"range", "start stop step", range},
    {"dict", "*", dict<Type::dict>},
    {"namespace", "*", dict<Type::space>},
    {"raise_exception", "message!", raise_exception},
    {"strftime_now", "format!", strftime_now},
    {"cycler", "*", cycler},
    {"joiner", "sep", joiner},
};

}  // namespace

std::span<const FunctionRow> function_rows() { return kRows; }

}  // namespace synapse::jinja

namespace synapse {

Result<TemplateClock> parse_clock(std::string_view text) {
  TemplateClock t;
  const auto number = [text](size_t at, size_t digits) {
    int32_t value = 0;
    for (size_t i = at; i < at + digits; ++i) {
      if (i >= text.size() || text[i] < '0' || text[i] > '9') return int32_t(-1);
      value = value * 10 + (text[i] - '0');
    }
    return value;
  };
  const bool has_time =
      text.size() == 19 && (text[10] == 'T' || text[10] == ' ') && text[13] == ':' && text[16] == ':';
  const bool has_date = (has_time || text.size() == 10) && text[4] == '-' && text[7] == '-';
  if (has_date) t = {number(0, 4), number(5, 2), number(8, 2), 0, 0, 0};
  if (has_time) t.hour = number(11, 2), t.minute = number(14, 2), t.second = number(17, 2);
  constexpr int32_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool is_month = t.month >= 1 && t.month <= 12;
  const int32_t most = is_month ? days[t.month - 1] + (t.month == 2 && jinja::is_leap(t.year)) : 0;
  const bool is_time =
      t.hour >= 0 && t.hour < 24 && t.minute >= 0 && t.minute < 60 && t.second >= 0 && t.second < 60;
  if (!has_date || t.year < 1 || !is_month || t.day < 1 || t.day > most || !is_time)
    return fail(Code::invalid, "time: \"", text.substr(0, 40), "\", wanted one like 2024-07-26T12:00:00");
  return t;
}

}  // namespace synapse
