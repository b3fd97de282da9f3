// 'text %s' % values, and 'text {}'.format(values): the conversions of strings, whole numbers and reals, with
// fill, alignment, sign, width, grouping by commas and precision.
#include <algorithm>

#include "synapse/runtime/jinja/number.h"
#include "synapse/runtime/jinja/run.h"
#include "synapse/runtime/jinja/text.h"
#include "synapse/runtime/unicode.h"

namespace synapse::jinja {
namespace {

struct Spec {
  std::string_view fill = " ";
  char align = '\0';  // < > ^ =; none: by the type
  char sign = '-';
  bool alternate = false, grouped = false;
  int64_t width = 0, precision = -1;
  char type = '\0';
};

// Reads digits; -1 when there are none.
int64_t read_number(std::string_view text, size_t& at) {
  int64_t value = -1;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9' && value < 1000000; ++at)
    value = std::max<int64_t>(value, 0) * 10 + (text[at] - '0');
  return value;
}

// The sign and prefix apart from the digits, so that fill can go between.
bool add_number(Run& run, const Value& v, const Spec& spec, Builder& prefix, Builder& body) {
  if (!v.is_number()) return run.wrong("a value of type ", type_name(v), " formatted as a number");
  const bool is_real =
      spec.type == 'f' || spec.type == 'F' || spec.type == '%' || (spec.type == '\0' && v.is(Type::real));
  const bool is_negative = v.number() < 0;
  if ((is_negative || spec.sign != '-') && !prefix.add(is_negative ? '-' : spec.sign)) return false;
  char text[kRealBytes];
  size_t n = 0;
  if (is_real) {
    const double x = (is_negative ? -v.number() : v.number()) * (spec.type == '%' ? 100 : 1);
    if (spec.precision > 60) return run.wrong("a precision of ", spec.precision, ", at most 60");
    if (!run.spend(x < 1e17 ? 512 : 3072)) return false;
    n = spec.type == '\0' && spec.precision < 0
            ? write_real(x, text)
            : write_fixed(x, int32_t(spec.precision < 0 ? 6 : spec.precision), text);
  } else {
    if (v.is(Type::real) && !(v.real > -9.2e18 && v.real < 9.2e18))
      return run.wrong("a number that does not fit 64 bits");
    const int64_t whole = v.is(Type::real) ? int64_t(v.real) : v.whole();
    uint64_t rest = whole < 0 ? 0 - uint64_t(whole) : uint64_t(whole);
    const uint32_t base = (spec.type | 32) == 'x' ? 16 : spec.type == 'o' ? 8 : spec.type == 'b' ? 2 : 10;
    const std::string_view digits = spec.type == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    do text[n++] = digits[rest % base];
    while (rest /= base);
    std::reverse(text, text + n);
    if (spec.alternate && base != 10 && (!prefix.add('0') || !prefix.add(spec.type))) return false;
  }
  const std::string_view all(text, n);
  const size_t whole_digits = std::min(all.find_first_not_of("0123456789"), n);
  for (size_t i = 0; i < n; ++i) {
    if (spec.grouped && i && i < whole_digits && (whole_digits - i) % 3 == 0 && !body.add(',')) return false;
    if (!body.add(text[i])) return false;
  }
  return spec.type != '%' || body.add('%');
}

bool add_value(Run& run, const Value& v, const Spec& spec, Builder& out) {
  Builder prefix(run), body(run);
  const bool is_text = spec.type == 's' || (spec.type == '\0' && !v.is(Type::integer) && !v.is(Type::real));
  if (is_text) {
    std::string_view text;
    if (!run.to_text(v, text)) return false;
    if (spec.precision >= 0) text = text.substr(0, point_at(text, size_t(spec.precision)));
    if (!body.add(text)) return false;
  } else if (!add_number(run, v, spec, prefix, body)) {
    return false;
  }
  const auto size = int64_t(count_points(prefix.view()) + count_points(body.view()));
  const auto room = size_t(std::max<int64_t>(0, spec.width - size));
  const char align = spec.align ? spec.align : is_text ? '<' : '>';
  const size_t before = align == '>' ? room : align == '^' ? room / 2 : 0;
  return out.add_fill(before, spec.fill) && out.add(prefix.view()) &&
         out.add_fill(align == '=' ? room : 0, spec.fill) && out.add(body.view()) &&
         out.add_fill(align == '=' ? 0 : room - before, spec.fill);
}

// [[fill]align][sign][#][0][width][,][.precision][type]
bool parse_spec(Run& run, std::string_view text, Spec& spec) {
  size_t at = 0;
  const auto is_align = [&](size_t i) {
    return i < text.size() && std::string_view("<>^=").find(text[i]) != std::string_view::npos;
  };
  const size_t fill = text.empty() ? 0 : decode_utf8(text, 0).bytes;
  if (fill && is_align(fill)) {
    spec.fill = text.substr(0, fill), spec.align = text[fill], at = fill + 1;
  } else if (is_align(0)) {
    spec.align = text[0], at = 1;
  }
  if (at < text.size() && std::string_view("+- ").find(text[at]) != std::string_view::npos)
    spec.sign = text[at++];
  if (at < text.size() && text[at] == '#') spec.alternate = true, ++at;
  if (at < text.size() && text[at] == '0') {
    ++at;
    if (!spec.align) spec.fill = "0", spec.align = '=';
  }
  spec.width = std::max<int64_t>(0, read_number(text, at));
  if (at < text.size() && text[at] == ',') spec.grouped = true, ++at;
  if (at < text.size() && text[at] == '.') spec.precision = read_number(text, ++at);
  if (at < text.size()) spec.type = text[at++];
  const bool is_known = std::string_view("\0sdfFxXob%", 10).find(spec.type) != std::string_view::npos;
  if (at < text.size() || !is_known) return run.wrong("the format ", text.substr(0, 40), " is not supported");
  return true;
}

}  // namespace

bool Run::format_percent(std::string_view format, const Value& values, Value& out) {
  const bool is_tuple = values.is(Type::tuple);
  uint32_t next = 0;
  Builder text(*this);
  for (size_t at = 0; at < format.size();) {
    const size_t percent = std::min(format.find('%', at), format.size());
    if (!spend(1) || !text.add(format.substr(at, percent - at))) return false;
    at = percent + 1;
    if (percent == format.size()) break;
    Spec spec;
    Value v = values;
    bool has_key = false, pads_zero = false;
    if (at < format.size() && format[at] == '(') {
      const size_t close = format.find(')', at);
      if (close == format.npos || !values.is(Type::dict))
        return wrong("a named conversion in a format, wanted a dict");
      const Value key = string(format.substr(at + 1, close - at - 1));
      const Value* found = nullptr;
      if (!find(*values.dict, key, found)) return false;
      if (!found) return wrong("a format wants ", key.view(), ", which is not there");
      v = *found, has_key = true, at = close + 1;
    }
    for (; at < format.size() && std::string_view("-+ 0#").find(format[at]) != std::string_view::npos; ++at) {
      if (format[at] == '-') spec.align = '<';
      if (format[at] == '+' || (format[at] == ' ' && spec.sign == '-')) spec.sign = format[at];
      if (format[at] == '0') pads_zero = true;
      if (format[at] == '#') spec.alternate = true;
    }
    spec.width = std::max<int64_t>(0, read_number(format, at));
    if (at < format.size() && format[at] == '.')
      spec.precision = std::max<int64_t>(0, read_number(format, ++at));
    spec.type = at < format.size() ? format[at++] : ' ';
    if (spec.type == '%') {
      if (!text.add('%')) return false;
      continue;
    }
    if (std::string_view("srdiufFxXo").find(spec.type) == std::string_view::npos)
      return wrong("the conversion %", spec.type, " is not supported");
    if (!has_key && is_tuple && next == values.list->size)
      return wrong("a format wants more than ", next, " values");
    if (!has_key && !is_tuple && next) return wrong("a format wants more than 1 value");
    if (!has_key) v = is_tuple ? values.list->items[next] : values, ++next;
    Builder quoted(*this);
    if (spec.type == 'r') {
      if (!print_repr(v, quoted)) return false;
      v = quoted.value();
    }
    if (spec.type == 'r' || spec.type == 's') spec.type = 's';
    if (spec.type == 'i' || spec.type == 'u') spec.type = 'd';
    if (!spec.align) spec.align = '>';
    if (pads_zero && spec.align == '>' && spec.type != 's') spec.fill = "0", spec.align = '=';
    if (!add_value(*this, v, spec, text)) return false;
  }
  const bool all_used = is_tuple ? next == values.list->size : next || values.is(Type::dict);
  if (!all_used) return wrong("a format wants ", next, " values, found more");
  return out = text.value(), true;
}

bool Run::format_braces(std::string_view format, const Arguments& arguments, Value& out) {
  Builder text(*this);
  size_t next = 0;
  bool counts = false, numbers = false;  // {} and {0}: a format has one of them
  for (size_t at = 0; at < format.size();) {
    const size_t brace = std::min(format.find_first_of("{}", at), format.size());
    if (!spend(1) || !text.add(format.substr(at, brace - at))) return false;
    at = brace;
    if (at == format.size()) break;
    if (format.substr(at, 2) == "{{" || format.substr(at, 2) == "}}") {
      if (!text.add(format[at])) return false;
      at += 2;
      continue;
    }
    const size_t close = format.find('}', at);
    if (format[at] == '}' || close == format.npos) return wrong("a single brace in a format");
    std::string_view field = format.substr(at + 1, close - at - 1);
    at = close + 1;
    const size_t colon = std::min(field.find(':'), field.size());
    Spec spec;
    if (colon < field.size() && !parse_spec(*this, field.substr(colon + 1), spec)) return false;
    field = field.substr(0, colon);
    const bool quotes = field.ends_with("!r");
    if (quotes || field.ends_with("!s")) field.remove_suffix(2);
    const size_t name_end = std::min(field.find_first_of(".["), field.size());
    const std::string_view name = field.substr(0, name_end);
    size_t digits = 0;
    const int64_t number = read_number(name, digits);
    Value v;
    bool found = false;
    if (name.empty() || (number >= 0 && digits == name.size())) {
      (name.empty() ? counts : numbers) = true;
      if (counts && numbers) return wrong("both {} and {0} in a format");
      const size_t i = name.empty() ? next++ : size_t(number);
      found = i < arguments.positional.size();
      if (found) v = arguments.positional[i];
    }
    for (const NamedValue& named : arguments.named)
      if (!found && named.name == name) v = named.value, found = true;
    if (!found)
      return wrong("a format wants ", name.empty() ? std::string_view("more values") : name,
                   ", which is not there");
    for (std::string_view rest = field.substr(name_end); !rest.empty();) {
      const bool in_brackets = rest[0] == '[';
      const size_t end = in_brackets ? rest.find(']') : std::min(rest.find_first_of(".[", 1), rest.size());
      if (end == rest.npos || !spend(1)) return wrong("a [ in a format that does not end");
      const std::string_view key = rest.substr(1, end - 1);
      const auto index = in_brackets ? parse_whole(key, 10) : std::nullopt;
      const Value from = v;
      if (!item(from, index ? integer(*index) : string(key), v)) return false;
      rest.remove_prefix(end + in_brackets);
      if (!rest.empty() && rest[0] != '.' && rest[0] != '[')
        return wrong("the field ", field.substr(0, 40), " in a format");
    }
    Builder quoted(*this);
    if (quotes && !print_repr(v, quoted)) return false;
    if (!add_value(*this, quotes ? quoted.value() : v, spec, text)) return false;
  }
  return out = text.value(), true;
}

}  // namespace synapse::jinja
