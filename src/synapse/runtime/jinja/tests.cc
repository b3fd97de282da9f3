// x is NAME: Jinja's tests.
#include "synapse/runtime/jinja/run.h"
#include "synapse/runtime/jinja/text.h"
#include "synapse/runtime/unicode.h"

namespace synapse::jinja {
namespace {

template <Type... kTypes>
bool is_type(Call& c) {
  return c.give(boolean((c.self.is(kTypes) || ...)));
}

template <Op kOp>
bool compares(Call& c) {
  bool holds = false;
  return c.run.compare(kOp, c.self, *c.at[0], holds) && c.give(boolean(holds));
}

bool is_defined(Call& c) { return c.give(boolean(!c.self.is(Type::undefined))); }

template <bool kWanted>
bool is_exactly(Call& c) {
  return c.give(boolean(c.self.is(Type::boolean) && c.self.boolean == kWanted));
}

bool is_sequence(Call& c) {
  const Type t = c.self.type;
  return c.give(boolean(t == Type::string || t == Type::list || t == Type::tuple || t == Type::range ||
                        t == Type::dict || t == Type::undefined));
}

bool is_iterable(Call& c) { return c.give(boolean(c.run.is_iterable(c.self))); }

bool is_callable(Call& c) {
  const Type t = c.self.type;
  return c.give(boolean(t == Type::macro || t == Type::function || t == Type::method || t == Type::joiner));
}

// The remainder of x by n.
bool remainder(Call& c, const Value& n, Value& out) {
  if (!c.self.is_number() || !n.is_number()) return false;
  return c.run.binary(Op::modulo, c.self, n, out);
}

template <int64_t kRest>
bool is_parity(Call& c) {
  Value rest;
  return remainder(c, integer(2), rest) && c.give(boolean(rest.number() == kRest));
}

bool is_divisible(Call& c) {
  Value rest;
  return remainder(c, *c.at[0], rest) && c.give(boolean(rest.number() == 0));
}

template <bool kUpper>
bool is_case(Call& c) {
  std::string_view text;
  if (!c.run.to_text(c.self, text) || !c.run.spend(text.size())) return false;
  bool any = false, all = true;
  for (size_t at = 0; at < text.size();) {
    const CodePoint p = decode_utf8(text, at);
    at += p.bytes;
    any |= has_case(p.value);
    all &= (kUpper ? to_upper(p.value) : to_lower(p.value)) == p.value;
  }
  return c.give(boolean(any && all));
}

bool is_same(Call& c) {
  bool same = false;
  const bool simple = c.self.type <= Type::string;
  if (simple && c.self.type == c.at[0]->type && !c.run.equals(c.self, *c.at[0], same)) return false;
  return c.give(boolean(simple ? same : c.self.type == c.at[0]->type && c.self.list == c.at[0]->list));
}

bool is_escaped(Call& c) { return c.give(boolean(c.self.is_string() && c.self.is_safe)); }
bool is_filter(Call& c) { return c.give(boolean(c.self.is_string() && find_filter(c.self.view()))); }
bool is_test(Call& c) { return c.give(boolean(c.self.is_string() && find_test(c.self.view()))); }

constexpr FunctionRow kRows[] = {
    {"defined", "", is_defined},
    {"undefined", "", is_type<Type::undefined>},
    {"none", "", is_type<Type::none>},
    {"boolean", "", is_type<Type::boolean>},
    {"true", "", is_exactly<true>},
    {"false", "", is_exactly<false>},
    {"integer", "", is_type<Type::integer>},
    {"float", "", is_type<Type::real>},
    {"number", "", is_type<Type::boolean, Type::integer, Type::real>},
    {"string", "", is_type<Type::string>},
    {"mapping", "", is_type<Type::dict>},
    {"sequence", "", is_sequence},
    {"iterable", "", is_iterable},
    {"callable", "", is_callable},
    {"odd", "", is_parity<1>},
    {"even", "", is_parity<0>},
    {"divisibleby", "num!", is_divisible},
    {"lower", "", is_case<false>},
    {"upper", "", is_case<true>},
    {"sameas", "other!", is_same},
    {"escaped", "", is_escaped},
    {"filter", "", is_filter},
    {"test", "", is_test},
    {"in", "seq!", compares<Op::in>},
    {"==", "b!", compares<Op::eq>},
    {"eq", "b!", compares<Op::eq>},
    {"equalto", "b!", compares<Op::eq>},
    {"!=", "b!", compares<Op::ne>},
    {"ne", "b!", compares<Op::ne>},
    {"<", "b!", compares<Op::lt>},
    {"lt", "b!", compares<Op::lt>},
    {"lessthan", "b!", compares<Op::lt>},
    {"<=", "b!", compares<Op::le>},
    {"le", "b!", compares<Op::le>},
    {">", "b!", compares<Op::gt>},
    {"gt", "b!", compares<Op::gt>},
    {"greaterthan", "b!", compares<Op::gt>},
    {">=", "b!", compares<Op::ge>},
    {"ge", "b!", compares<Op::ge>},
};

}  // namespace

std::span<const FunctionRow> test_rows() { return kRows; }

}  // namespace synapse::jinja
