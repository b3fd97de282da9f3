// What .name, [key] and [a:b:c] find in a value.
#include <algorithm>

#include "synapse/runtime/jinja/number.h"
#include "synapse/runtime/jinja/run.h"
#include "synapse/runtime/jinja/text.h"
#include "synapse/runtime/unicode.h"

namespace synapse::jinja {

bool Run::attribute(const Value& v, std::string_view name, Value& out) {
  if (v.is(Type::undefined)) return undefined_used(v);
  if (v.is(Type::loop)) return loop_attribute(*v.loop, name, out);
  if (const FunctionRow* row = find_method(v.type, name)) {
    if (!row->run) return wrong(name, " would change a ", type_name(v), ", which templates may not");
    Method* method = make<Method>();
    if (!method) return false;
    *method = {v, row};
    out = {};
    return out.type = Type::method, out.method = method, true;
  }
  out = undefined(name);
  if (v.is(Type::dict) || v.is(Type::space)) {
    const Value* found = nullptr;
    if (!find(*v.dict, string(name), found)) return false;
    if (found) out = *found;
  }
  if (v.is(Type::tuple) && v.list->name == std::string_view("group")) {
    if (name == "grouper") out = v.list->items[0];
    if (name == "list") out = v.list->items[1];
  }
  if (v.is(Type::macro) && name == "name") out = string(v.macro->node->name);
  if (v.is(Type::cycler) && name == "current")
    out = v.cycler->items->items[v.cycler->next % v.cycler->items->size];
  return true;
}

bool Run::loop_attribute(Loop& loop, std::string_view name, Value& out) {
  struct Row {
    std::string_view name;
    int64_t value;
  };
  const int64_t i = loop.index, n = loop.items.size;
  const Row numbers[] = {{"index", i + 1}, {"index0", i}, {"revindex", n - i}, {"revindex0", n - i - 1},
                         {"length", n},    {"depth", 1},  {"depth0", 0}};
  for (const Row& row : numbers)
    if (row.name == name) return out = integer(row.value), true;
  if (name == "first") return out = boolean(i == 0), true;
  if (name == "last") return out = boolean(i + 1 == n), true;
  if (name == "previtem") return out = i > 0 ? loop.items.at(uint32_t(i - 1)) : undefined(name), true;
  if (name == "nextitem") return out = i + 1 < n ? loop.items.at(uint32_t(i + 1)) : undefined(name), true;
  out = undefined(name);
  const FunctionRow* row = find_method(Type::loop, name);
  if (!row) return true;
  Method* method = make<Method>();
  if (!method) return false;
  *method = {{}, row};
  method->self.type = Type::loop, method->self.loop = &loop;
  return out.type = Type::method, out.method = method, true;
}

// A key that is no index of v may still name an attribute.
bool Run::item(const Value& v, const Value& key, Value& out) {
  if (v.is(Type::undefined)) return undefined_used(v);
  if (v.is(Type::dict)) {
    const Value* found = nullptr;
    if (!find(*v.dict, key, found)) return false;
    if (found) return out = *found, true;
  }
  if (key.is_whole()) {
    uint64_t n = 0;
    const bool is_indexable = v.is(Type::list) || v.is(Type::tuple) || v.is(Type::range) || v.is_string();
    if (is_indexable && !length(v, n)) return false;
    const int64_t i = key.whole() < 0 ? key.whole() + int64_t(n) : key.whole();
    out = undefined("an item");
    if (i < 0 || i >= int64_t(n)) return true;
    if (v.is_string()) {
      const size_t at = point_at(v.view(), size_t(i));
      return out = string(v.view().substr(at, decode_utf8(v.view(), at).bytes)), true;
    }
    Sequence items;
    if (!sequence(v, items)) return false;
    return out = items.at(uint32_t(i)), true;
  }
  if (key.is_string()) return attribute(v, key.view(), out);
  return out = undefined("an item"), true;
}

bool Run::slice(const Value& v, const Value& start, const Value& stop, const Value& step, Value& out) {
  if (v.is(Type::undefined)) return undefined_used(v);
  for (const Value* part : {&start, &stop, &step})
    if (!part->is(Type::none) && !part->is_whole()) return out = undefined("a slice"), true;
  if (!v.is(Type::list) && !v.is(Type::tuple) && !v.is(Type::range) && !v.is_string())
    return out = undefined("a slice"), true;
  uint64_t length_of_v = 0;
  if (!length(v, length_of_v)) return false;
  const auto n = int64_t(length_of_v);
  const int64_t by = step.is(Type::none) ? 1 : step.whole();
  if (by == 0) return wrong("a slice with step 0");
  const auto bound = [&](const Value& part, int64_t otherwise) {
    if (part.is(Type::none)) return otherwise;
    const int64_t i = part.whole() < 0 ? part.whole() + n : part.whole();
    return std::clamp<int64_t>(i, by < 0 ? -1 : 0, by < 0 ? n - 1 : n);
  };
  const int64_t from = bound(start, by < 0 ? n - 1 : 0), to = bound(stop, by < 0 ? -1 : n);
  const int64_t room = by > 0 ? to - from : from - to;
  const uint64_t size = by > INT64_MIN ? uint64_t(by < 0 ? -by : by) : uint64_t(1) << 63;
  const uint64_t count = room > 0 ? (uint64_t(room) - 1) / size + 1 : 0;
  if (v.is_string() && by == 1) {
    const size_t begin = point_at(v.view(), size_t(from));
    const std::string_view rest = v.view().substr(begin);
    out = string(rest.substr(0, point_at(rest, count))), out.is_safe = v.is_safe;
    return true;
  }
  Sequence items;
  if (!sequence(v, items) || !spend(count / 2)) return false;
  List* list = make_list(v.is_string() ? 0 : count);
  Builder text(*this);
  for (uint64_t k = 0; list && k < count; ++k) {
    const Value item = items.at(uint32_t(from + int64_t(k) * by));
    if (v.is_string() ? !text.add(item.view()) || !spend(1) : !push(list, item)) return false;
  }
  if (!list) return false;
  return out = v.is_string() ? text.value() : list_value(v.is(Type::tuple) ? Type::tuple : Type::list, list),
         true;
}

bool Run::path(const Value& v, const Value& steps, const Value* otherwise, Value& out) {
  const auto fill = [&] {
    if (otherwise && !otherwise->is(Type::none) && out.is(Type::undefined)) out = *otherwise;
    return true;
  };
  if (!steps.is_string()) return item(v, steps, out) && fill();
  out = v;
  for (std::string_view rest = steps.view();;) {
    const size_t end = rest.find('.');
    const std::string_view name = rest.substr(0, end);
    const auto index =
        name.find_first_not_of("0123456789") == name.npos ? parse_whole(name, 10) : std::nullopt;
    const Value from = out;
    if (!spend(1) || !item(from, index ? integer(*index) : string(name), out) || !fill()) return false;
    if (end == rest.npos) return true;
    rest.remove_prefix(end + 1);
  }
}

}  // namespace synapse::jinja
