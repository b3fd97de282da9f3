// Filters that apply a filter or a test, by name, to every item; and those that choose between values.
#include "synapse/runtime/jinja/run.h"

namespace synapse::jinja {
namespace {

const Value* named(const Call& c, std::string_view name) {
  for (const NamedValue& v : c.arguments.named)
    if (v.name == name) return &v.value;
  return nullptr;
}

bool map(Call& c) {
  const auto [positional, all_named] = c.arguments;
  const Value* attribute = positional.empty() ? named(c, "attribute") : nullptr;
  const Value* otherwise = named(c, "default");
  if (positional.empty() && !attribute) return c.run.wrong("map wants the name of a filter, or attribute=");
  if (!attribute && !positional[0].is_string())
    return c.run.wrong("map of a value of type ", type_name(positional[0]), ", wanted a name");
  const FunctionRow* filter = attribute ? nullptr : find_filter(positional[0].view());
  Sequence items;
  if (!c.run.sequence(c.self, items)) return false;
  List* out = c.run.make_list(items.size);
  for (uint32_t i = 0; i < items.size; ++i) {
    Value mapped;
    const bool ok = attribute
                        ? c.run.path(items.at(i), *attribute, otherwise, mapped)
                        : c.run.spend(1) && c.run.apply(filter, "filter", positional[0].view(), items.at(i),
                                                        {positional.subspan(1), all_named}, mapped);
    if (!ok) return false;
    if (!c.run.push(out, mapped)) return false;
  }
  return out && c.give(list_value(Type::iterator, out));
}

// Keeps the items, or with kAttribute those whose attribute, for which a test (truth when none is named) is
// kWanted.
template <bool kWanted, bool kAttribute>
bool choose(Call& c) {
  auto positional = c.arguments.positional;
  if (kAttribute && positional.empty()) return c.run.wrong("the name of an attribute is wanted");
  const Value attribute = kAttribute ? positional[0] : Value();
  if (kAttribute) positional = positional.subspan(1);
  const bool has_test = !positional.empty();
  if (has_test && !positional[0].is_string())
    return c.run.wrong("a test of type ", type_name(positional[0]), ", wanted a name");
  const FunctionRow* test = has_test ? find_test(positional[0].view()) : nullptr;
  Sequence items;
  if (!c.run.sequence(c.self, items)) return false;
  List* out = c.run.make_list(0);
  for (uint32_t i = 0; i < items.size; ++i) {
    Value judged = items.at(i), verdict;
    if (!c.run.spend(1) || (kAttribute && !c.run.path(items.at(i), attribute, nullptr, judged))) return false;
    verdict = judged;
    if (has_test && !c.run.apply(test, "test", positional[0].view(), judged,
                                 {positional.subspan(1), c.arguments.named}, verdict))
      return false;
    if (truth(verdict) == kWanted && !c.run.push(out, items.at(i))) return false;
  }
  return out && c.give(list_value(Type::iterator, out));
}

bool otherwise(Call& c) {
  const bool replaces = c.self.is(Type::undefined) || (c.flag(1, false) && !truth(c.self));
  return c.give(!replaces ? c.self : c.at[0] ? *c.at[0] : string(""));
}

bool attr(Call& c) {
  std::string_view name;
  if (!c.text(0, "", name)) return false;
  if (!c.self.is(Type::dict)) return c.run.attribute(c.self, name, c.result);
  const Value empty = dict_value(Type::dict, c.run.make_dict(0));  // a dict's own attributes, not its keys
  return empty.dict && c.run.attribute(find_method(Type::dict, name) ? c.self : empty, name, c.result);
}

constexpr FunctionRow kRows[] = {
    {"map", "*", map},
    {"select", "*", choose<true, false>},
    {"reject", "*", choose<false, false>},
    {"selectattr", "*", choose<true, true>},
    {"rejectattr", "*", choose<false, true>},
    {"default", "default_value boolean", otherwise},
    {"d", "default_value boolean", otherwise},
    {"attr", "name!", attr},
};

}  // namespace

std::span<const FunctionRow> choice_filters() { return kRows; }

}  // namespace synapse::jinja
