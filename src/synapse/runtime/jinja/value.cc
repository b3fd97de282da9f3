#include "synapse/runtime/jinja/value.h"

#include "synapse/base/status.h"

namespace synapse::jinja {

Value none() {
  Value v;
  v.type = Type::none;
  return v;
}

Value boolean(bool b) {
  Value v;
  v.type = Type::boolean, v.boolean = b;
  return v;
}

Value integer(int64_t i) {
  Value v;
  v.type = Type::integer, v.integer = i;
  return v;
}

Value real(double f) {
  Value v;
  v.type = Type::real, v.real = f;
  return v;
}

Value string(std::string_view text) {
  Value v;
  v.type = Type::string, v.text = text.data(), v.size = uint32_t(text.size());
  return v;
}

Value undefined(std::string_view name) {
  Value v;
  v.text = name.data(), v.size = uint32_t(name.size());
  return v;
}

Value list_value(Type type, List* list) {
  Value v;
  v.type = type, v.list = list;
  return v;
}

Value dict_value(Type type, Dict* dict) {
  Value v;
  v.type = type, v.dict = dict;
  return v;
}

Value Sequence::at(uint32_t i) const {
  SYN_CHECK(i < size);
  if (of.is(Type::range)) return integer(of.range->start + int64_t(i) * of.range->step);
  return of.is_list() ? of.list->items[i] : of.dict->entries[i].key;
}

uint32_t nesting(const Value& v) {
  return v.is_list() ? v.list->nesting : v.is(Type::dict) ? v.dict->nesting : 0;
}

bool truth(const Value& v) {
  switch (v.type) {
    case Type::undefined:
    case Type::none: return false;
    case Type::boolean: return v.boolean;
    case Type::integer: return v.integer != 0;
    case Type::real: return v.real != 0;
    case Type::string: return v.size != 0;
    case Type::list:
    case Type::tuple:
    case Type::view: return v.list->size != 0;
    case Type::range: return v.range->size != 0;
    case Type::dict: return v.dict->size != 0;
    default: return true;
  }
}

std::string_view type_name(const Value& v) {
  constexpr std::string_view names[] = {"Undefined", "NoneType", "bool",      "int",      "float",
                                        "str",       "list",     "tuple",     "dict view", "generator",
                                        "range",     "dict",     "Namespace", "LoopContext", "Macro",
                                        "function",  "method",   "Cycler",    "Joiner"};
  return names[size_t(v.type)];
}

static bool equal_lists(const List& a, const List& b, int64_t& budget) {
  if (a.size != b.size) return false;
  for (uint32_t i = 0; i < a.size && budget >= 0; ++i)
    if (!equal(a.items[i], b.items[i], budget)) return false;
  return true;
}

static bool equal_dicts(const Dict& a, const Dict& b, int64_t& budget) {
  if (a.size != b.size) return false;
  for (uint32_t i = 0; i < a.size; ++i) {
    uint32_t j = 0;
    while (j < b.size && budget >= 0 && !equal(a.entries[i].key, b.entries[j].key, budget)) ++j;
    if (budget < 0 || j == b.size || !equal(a.entries[i].value, b.entries[j].value, budget)) return false;
  }
  return true;
}

bool equal(const Value& a, const Value& b, int64_t& budget) {
  if (--budget < 0) return false;
  if (a.is_whole() && b.is_whole()) return a.whole() == b.whole();
  if (a.is_number() && b.is_number()) return a.number() == b.number();
  if (a.type != b.type) return false;
  switch (a.type) {
    case Type::undefined:
    case Type::none: return true;
    case Type::string:
      if (a.size != b.size) return false;
      budget -= a.size / 32;
      return a.view() == b.view();
    case Type::list:
    case Type::tuple:
    case Type::view: return a.list == b.list || equal_lists(*a.list, *b.list, budget);
    case Type::dict: return a.dict == b.dict || equal_dicts(*a.dict, *b.dict, budget);
    case Type::range:
      return a.range->size == b.range->size &&
             (a.range->size == 0 ||
              (a.range->start == b.range->start && (a.range->size == 1 || a.range->step == b.range->step)));
    case Type::method: return a.method->row == b.method->row && a.method->self.list == b.method->self.list;
    default: return a.list == b.list;  // the same thing
  }
}

}  // namespace synapse::jinja
