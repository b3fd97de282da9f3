// Values as text: Python's str(), repr() and json.dumps().
#include "synapse/runtime/jinja/number.h"
#include "synapse/runtime/jinja/run.h"
#include "synapse/runtime/unicode.h"

namespace synapse::jinja {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";

bool add_hex(Builder& out, std::string_view prefix, uint32_t value, int digits) {
  if (!out.add(prefix)) return false;
  while (digits-- > 0)
    if (!out.add(kHex[value >> 4 * digits & 15])) return false;
  return true;
}

bool add_real(Run& run, double x, Builder& out) {
  char digits[kRealBytes];
  return run.spend(128) && out.add({digits, write_real(x, digits)});
}

// In the quotes that need fewest escapes.
bool add_quoted(std::string_view text, Builder& out) {
  const bool has_single = text.find('\'') != text.npos, has_double = text.find('"') != text.npos;
  const char quote = has_single && !has_double ? '"' : '\'';
  if (!out.add(quote)) return false;
  size_t begin = 0;  // of what needs no escape
  for (size_t at = 0; at < text.size();) {
    const CodePoint c = decode_utf8(text, at);
    constexpr std::string_view special = "\\\n\r\t", letters = "\\nrt";
    const size_t found = c.value < 128 ? special.find(char(c.value)) : special.npos;
    const bool is_quote = c.value == uint32_t(quote),
               is_control = c.value < 32 || (c.value >= 127 && c.value <= 160);
    const bool is_unseen = is_control || c.value == 0xAD || (c.value >= 0x2000 && c.value <= 0x200F) ||
                           c.value >= kInvalidByte || (c.value >= 0x2028 && c.value <= 0x202F) ||
                           c.value == 0x3000 || c.value == 0xFEFF;
    const size_t next = at + c.bytes;
    if (found != special.npos || is_quote || is_unseen) {
      if (!out.add(text.substr(begin, at - begin))) return false;
      if (found != special.npos || is_quote) {
        if (!out.add('\\') || !out.add(is_quote ? quote : letters[found])) return false;
      } else if (c.value < 256 || c.value >= kInvalidByte) {
        if (!add_hex(out, "\\x", c.value & 255, 2)) return false;
      } else if (!add_hex(out, "\\u", c.value, 4)) {
        return false;
      }
      begin = next;
    }
    at = next;
  }
  return out.add(text.substr(begin)) && out.add(quote);
}

bool add_json_text(std::string_view text, bool ascii, Builder& out) {
  if (!out.add('"')) return false;
  size_t begin = 0;  // of what needs no escape
  for (size_t at = 0; at < text.size();) {
    constexpr std::string_view special = "\"\\\b\f\n\r\t", letters = "\"\\bfnrt";
    const CodePoint c = decode_utf8(text, at);
    const bool is_plain = c.value >= 32 && c.value != '"' && c.value != '\\' && (c.value < 128 || !ascii);
    const size_t next = at + c.bytes;
    if (!is_plain) {
      if (!out.add(text.substr(begin, at - begin))) return false;
      const size_t found = c.value < 128 ? special.find(char(c.value)) : special.npos;
      const bool is_long = c.value >= 0x10000 && c.value < kInvalidByte;
      const uint32_t high = 0xD7C0 + (c.value >> 10), low = 0xDC00 + (c.value & 1023);
      const bool ok = found != special.npos ? out.add('\\') && out.add(letters[found])
                      : is_long             ? add_hex(out, "\\u", high, 4) && add_hex(out, "\\u", low, 4)
                      : c.value >= kInvalidByte ? out.add("\\ufffd")
                                                : add_hex(out, "\\u", c.value, 4);
      if (!ok) return false;
      begin = next;
    }
    at = next;
  }
  return out.add(text.substr(begin)) && out.add('"');
}

}  // namespace

bool Run::to_text(const Value& v, std::string_view& out) {
  if (v.is_string()) return out = v.view(), true;
  Builder text(*this);
  if (!print(v, text)) return false;
  return out = text.view(), true;
}

bool Run::print(const Value& v, Builder& out) {
  if (v.is_string()) return out.add(v.view());
  return v.is(Type::undefined) || print_repr(v, out);
}

bool Run::print_repr(const Value& v, Builder& out) {
  if (!spend(1)) return false;
  switch (v.type) {
    case Type::undefined: return out.add("Undefined");
    case Type::none: return out.add("None");
    case Type::boolean: return out.add(v.boolean ? "True" : "False");
    case Type::integer: return out.add(Text<24>(v.integer).view());
    case Type::real: return add_real(*this, v.real, out);
    case Type::string: return spend_bytes(v.size) && add_quoted(v.view(), out);
    case Type::list:
    case Type::tuple:
    case Type::view: {
      const bool is_tuple = v.is(Type::tuple);
      if (v.is(Type::view) && (!out.add(v.list->name) || !out.add('('))) return false;
      if (!out.add(is_tuple ? '(' : '[')) return false;
      for (uint32_t i = 0; i < v.list->size; ++i)
        if ((i && !out.add(", ")) || !print_repr(v.list->items[i], out)) return false;
      if (is_tuple && v.list->size == 1 && !out.add(',')) return false;
      return out.add(is_tuple ? ')' : ']') && (!v.is(Type::view) || out.add(')'));
    }
    case Type::dict: {
      if (!out.add('{')) return false;
      for (uint32_t i = 0; i < v.dict->size; ++i) {
        const Entry& entry = v.dict->entries[i];
        if ((i && !out.add(", ")) || !print_repr(entry.key, out) || !out.add(": ") ||
            !print_repr(entry.value, out))
          return false;
      }
      return out.add('}');
    }
    case Type::range: {
      const Range& r = *v.range;
      return out.add(Text<80>("range(", r.start, ", ", r.stop, r.step == 1 ? ")" : ", ").view()) &&
             (r.step == 1 || out.add(Text<40>(r.step, ")").view()));
    }
    default: return out.add('<') && out.add(type_name(v)) && out.add('>');
  }
}

bool Run::print_json(const Value& v, const JsonStyle& style, size_t level, Builder& out) {
  if (!spend(1)) return false;
  switch (v.type) {
    case Type::none: return out.add("null");
    case Type::boolean: return out.add(v.boolean ? "true" : "false");
    case Type::integer: return out.add(Text<24>(v.integer).view());
    case Type::real:
      if (v.real != v.real) return out.add("NaN");
      if (v.real - v.real != 0) return out.add(v.real < 0 ? "-Infinity" : "Infinity");
      return add_real(*this, v.real, out);
    case Type::string: return spend_bytes(v.size) && add_json_text(v.view(), style.ascii, out);
    case Type::list:
    case Type::tuple:
    case Type::dict: return print_json_items(v, style, level, out);
    case Type::undefined: return wrong("tojson of '", v.view(), "', which is undefined");
    default: return wrong("tojson of a value of type ", type_name(v));
  }
}

bool Run::print_json_items(const Value& v, const JsonStyle& style, size_t level, Builder& out) {
  const bool is_dict = v.is(Type::dict);
  Dict sorted;
  if (is_dict) sorted = *v.dict;
  if (is_dict && style.sorts && !sort_dict(sorted)) return false;
  const auto line = [&](size_t at) {
    return !style.has_lines || (out.add('\n') && out.add_fill(at, style.indent));
  };
  const uint32_t n = is_dict ? v.dict->size : v.list->size;
  if (!out.add(is_dict ? '{' : '[')) return false;
  for (uint32_t i = 0; i < n; ++i) {
    if ((i && !out.add(style.comma)) || !line(level + 1)) return false;
    if (is_dict) {
      const Value& key = sorted.entries[i].key;
      Builder plain(*this);
      if (!key.is_string() && !key.is_number() && !key.is(Type::none))
        return wrong("tojson of a dict with a key of type ", type_name(key));
      if (!key.is_string() && !print_json(key, style, 0, plain)) return false;
      if (!add_json_text(key.is_string() ? key.view() : plain.view(), style.ascii, out) ||
          !out.add(style.colon))
        return false;
    }
    if (!print_json(is_dict ? sorted.entries[i].value : v.list->items[i], style, level + 1, out))
      return false;
  }
  return (n == 0 || line(level)) && out.add(is_dict ? '}' : ']');
}

}  // namespace synapse::jinja
