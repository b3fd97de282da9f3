// What +, <, in and their like do, as in Python; whole numbers have 64 bits and say so when they would need
// more.
#include <algorithm>
#include <limits>

#include "synapse/base/math.h"
#include "synapse/runtime/jinja/number.h"
#include "synapse/runtime/jinja/run.h"

namespace synapse::jinja {
namespace {

constexpr std::string_view kSigns[] = {
    "+", "-", "*", "/", "//", "%", "**", "==", "!=", "<", "<=", ">", ">=", "in", "not in"};

std::string_view sign(Op op) { return kSigns[size_t(op)]; }

// nullopt beyond 64 bits. REQUIRES b != 0 for // and %, b >= 0 for **.
std::optional<int64_t> compute(Op op, int64_t a, int64_t b) {
  int64_t out = 0;
  switch (op) {
    case Op::add: return __builtin_add_overflow(a, b, &out) ? std::nullopt : std::optional(out);
    case Op::subtract: return __builtin_sub_overflow(a, b, &out) ? std::nullopt : std::optional(out);
    case Op::multiply: return __builtin_mul_overflow(a, b, &out) ? std::nullopt : std::optional(out);
    case Op::floor_divide:
      if (a == INT64_MIN && b == -1) return std::nullopt;
      return a / b - (a % b != 0 && (a < 0) != (b < 0));
    case Op::modulo:
      if (b == -1) return 0;
      out = a % b;
      return out != 0 && (out < 0) != (b < 0) ? out + b : out;
    default: {  // power
      out = 1;
      if (a == 0 || a == 1) return b ? a : 1;
      if (a == -1) return b % 2 ? -1 : 1;
      for (; b > 0; --b)
        if (__builtin_mul_overflow(out, a, &out)) return std::nullopt;
      return out;
    }
  }
}

std::optional<double> power(double a, double b) {
  if (b == 0 || a == 1) return 1;
  const bool is_whole = floor_real(b) == b && b > -1024 && b < 1024;
  if (is_whole) {
    double out = 1;
    for (double i = b < 0 ? -b : b; i > 0; --i) out *= a;
    if (b < 0 && a == 0) return std::nullopt;
    return b < 0 ? 1 / out : out;
  }
  if (a == 0 && b > 0) return 0;
  if (!(a > 0)) return std::nullopt;
  return pow_f64(a, b);
}

}  // namespace

bool Run::binary(Op op, const Value& a, const Value& b, Value& out) {
  if (a.is(Type::undefined)) return undefined_used(a);
  if (b.is(Type::undefined) && !(op == Op::modulo && a.is_string())) return undefined_used(b);
  if (a.is_whole() && b.is_whole() && op != Op::divide && !(op == Op::power && b.whole() < 0)) {
    if ((op == Op::floor_divide || op == Op::modulo) && b.whole() == 0) return wrong("division by zero");
    const auto value = compute(op, a.whole(), b.whole());
    if (!value) return wrong(a.whole(), " ", sign(op), " ", b.whole(), " does not fit 64 bits");
    return out = integer(*value), true;
  }
  if (a.is_number() && b.is_number()) {
    const double x = a.number(), y = b.number();
    if (y == 0 && (op == Op::divide || op == Op::floor_divide || op == Op::modulo))
      return wrong("division by zero");
    switch (op) {
      case Op::add: return out = real(x + y), true;
      case Op::subtract: return out = real(x - y), true;
      case Op::multiply: return out = real(x * y), true;
      case Op::divide: return out = real(x / y), true;
      case Op::floor_divide: return out = real(floor_real(x / y)), true;
      case Op::modulo: return spend(512) && (out = real(remainder_real(x, y)), true);
      default: {
        const auto value = power(x, y);
        if (!value) return wrong("a power that is no real number");
        return spend(64) && (out = real(*value), true);
      }
    }
  }
  if (op == Op::add && a.is_string() && b.is_string()) {
    Builder text(*this);
    const bool is_safe = a.is_safe || b.is_safe;
    for (const Value* part : {&a, &b}) {
      Value escaped = *part;
      if (is_safe && !part->is_safe && !apply(find_filter("escape"), "filter", "escape", *part, {}, escaped))
        return false;
      if (!text.add(escaped.view())) return false;
    }
    out = text.value(), out.is_safe = is_safe;
    return true;
  }
  if (op == Op::add && a.type == b.type && (a.is(Type::list) || a.is(Type::tuple))) {
    List* all = make_list(size_t(a.list->size) + b.list->size);
    if (!all || !spend((size_t(a.list->size) + b.list->size) / 2)) return false;
    for (const List* part : {a.list, b.list})
      for (uint32_t i = 0; i < part->size; ++i)
        if (!push(all, part->items[i])) return false;
    return out = list_value(a.type, all), true;
  }
  if (op == Op::multiply && (a.is_whole() || b.is_whole())) {
    const Value& what = a.is_whole() ? b : a;
    const auto times = uint64_t(std::max<int64_t>(0, (a.is_whole() ? a : b).whole()));
    if (what.is_string()) {
      Builder text(*this);
      if (what.size == 0) return out = what, true;
      return text.add_fill(times, what.view()) && (out = text.value(), true);
    }
    if (what.is(Type::list) || what.is(Type::tuple)) {
      List* all = make_list(0);
      for (uint64_t n = 0; n < times && what.list->size; ++n)
        for (uint32_t i = 0; i < what.list->size; ++i)
          if (!spend(1) || !push(all, what.list->items[i])) return false;
      return all && (out = list_value(what.type, all), true);
    }
  }
  if (op == Op::modulo && a.is_string()) return format_percent(a.view(), b, out);
  return wrong(sign(op), " between values of types ", type_name(a), " and ", type_name(b));
}

bool Run::negate(const Value& v, Value& out) {
  if (v.is(Type::undefined)) return undefined_used(v);
  if (v.is(Type::real)) return out = real(-v.real), true;
  if (!v.is_whole()) return wrong("- of a value of type ", type_name(v));
  return binary(Op::subtract, integer(0), v, out);
}

bool Run::compare(Op op, const Value& a, const Value& b, bool& out) {
  if (op == Op::eq || op == Op::ne) {
    if (!equals(a, b, out)) return false;
    return out = out == (op == Op::eq), true;
  }
  if (op == Op::in || op == Op::not_in) {
    if (!contains(b, a, out)) return false;
    return out = out == (op == Op::in), true;
  }
  if (a.is_number() && b.is_number() && (a.number() != a.number() || b.number() != b.number()))
    return out = false, true;
  int relation = 0;
  if (!order(a, b, relation)) return false;
  out = op == Op::lt   ? relation < 0
        : op == Op::le ? relation <= 0
        : op == Op::gt ? relation > 0
                       : relation >= 0;
  return true;
}

bool Run::order(const Value& a, const Value& b, int& out) {
  if (!spend(1)) return false;
  if (a.is_whole() && b.is_whole()) {
    out = a.whole() < b.whole() ? -1 : a.whole() > b.whole();
  } else if (a.is_number() && b.is_number()) {
    out = a.number() < b.number() ? -1 : a.number() > b.number();
  } else if (a.is_string() && b.is_string()) {  // the order of UTF-8 is that of code points
    const int relation = a.view().compare(b.view());
    out = relation < 0 ? -1 : relation > 0;
    return spend_bytes(std::min(a.size, b.size));
  } else if (a.type == b.type && (a.is(Type::list) || a.is(Type::tuple))) {
    out = 0;
    for (uint32_t i = 0; i < std::min(a.list->size, b.list->size); ++i) {
      bool same = false;
      if (!equals(a.list->items[i], b.list->items[i], same)) return false;
      if (!same) return order(a.list->items[i], b.list->items[i], out);
    }
    out = a.list->size < b.list->size ? -1 : a.list->size > b.list->size;
  } else {
    for (const Value* v : {&a, &b})
      if (v->is(Type::undefined)) return undefined_used(*v);
    return wrong("values of types ", type_name(a), " and ", type_name(b), " have no order");
  }
  return true;
}

bool Run::contains(const Value& container, const Value& item, bool& out) {
  if (container.is_string()) {
    if (!item.is_string()) return wrong("in of a text wants a text, found ", type_name(item));
    size_t at = 0;
    if (!search(container.view(), item.view(), false, at)) return false;
    return out = at != std::string_view::npos, true;
  }
  if (container.is(Type::dict)) {
    const Value* found = nullptr;
    if (item.is(Type::list) || item.is(Type::dict)) return wrong("a ", type_name(item), " as a key");
    if (!find(*container.dict, item, found)) return false;
    return out = found, true;
  }
  Sequence items;
  if (!sequence(container, items)) return false;
  out = false;
  for (uint32_t i = 0; i < items.size && !out; ++i)
    if (!equals(items.at(i), item, out)) return false;
  return true;
}

}  // namespace synapse::jinja
