// Filters that walk over a value and keep its items as they are, in whole or in part.
#include <algorithm>

#include "synapse/runtime/jinja/run.h"

namespace synapse::jinja {
namespace {

bool give_list(Call& c, Type type, List* list) { return list && c.give(list_value(type, list)); }

bool first(Call& c) {
  Sequence items;
  if (!c.run.sequence(c.self, items)) return false;
  return c.give(items.size ? items.at(0) : undefined("the first item"));
}

bool last(Call& c) {
  Sequence items;
  if (c.self.is(Type::iterator)) return false;
  if (!c.run.sequence(c.self, items)) return false;
  return c.give(items.size ? items.at(items.size - 1) : undefined("the last item"));
}

bool list(Call& c) {
  List* all = nullptr;
  return c.run.to_list(c.self, all) && give_list(c, Type::list, all);
}

bool reverse(Call& c) {
  List* all = nullptr;
  if (!c.run.to_list(c.self, all)) return false;
  std::reverse(all->items, all->items + all->size);
  if (!c.self.is_string()) return give_list(c, Type::iterator, all);
  Builder text(c.run);
  for (uint32_t i = 0; i < all->size; ++i)
    if (!c.run.spend(1) || !text.add(all->items[i].view())) return false;
  return c.give(text.value());
}

// What an item is compared by: itself or the attributes named, apart by commas; texts in lower case unless
// `case_sensitive`.
bool key_of(Run& run, const Value& item, const Value* attribute, const Value* otherwise, bool case_sensitive,
            Value& out) {
  if (!attribute || attribute->is(Type::none))
    return case_sensitive ? (out = item, true) : run.fold_case(item, out);
  Value found;
  if (!attribute->is_string() || attribute->view().find(',') == std::string_view::npos) {
    return run.path(item, *attribute, otherwise, found) &&
           (case_sensitive ? (out = found, true) : run.fold_case(found, out));
  }
  List* keys = run.make_list(0);
  for (std::string_view rest = attribute->view();;) {
    const size_t comma = rest.find(',');
    Value key;
    if (!run.path(item, string(rest.substr(0, comma)), otherwise, found)) return false;
    if (!(case_sensitive ? (key = found, true) : run.fold_case(found, key)) || !run.push(keys, key))
      return false;
    if (comma == rest.npos) return out = list_value(Type::list, keys), true;
    rest.remove_prefix(comma + 1);
  }
}

bool keyed(Call& c, const Value* attribute, const Value* otherwise, bool case_sensitive, Keyed*& out,
           uint32_t& n) {
  Sequence items;
  if (!c.run.sequence(c.self, items)) return false;
  out = c.run.make<Keyed>(items.size);
  n = items.size;
  if (!out) return false;
  for (uint32_t i = 0; i < n; ++i) {
    out[i].value = items.at(i);
    if (!key_of(c.run, out[i].value, attribute, otherwise, case_sensitive, out[i].key)) return false;
  }
  return true;
}

bool sort(Call& c) {
  Keyed* items = nullptr;
  uint32_t n = 0;
  if (!keyed(c, c.at[2], nullptr, c.flag(1, false), items, n) || !c.run.sort(items, n, c.flag(0, false)))
    return false;
  List* sorted = c.run.make_list(n);
  for (uint32_t i = 0; i < n; ++i)
    if (!c.run.push(sorted, items[i].value)) return false;
  return give_list(c, Type::list, sorted);
}

bool unique(Call& c) {
  Keyed* items = nullptr;
  uint32_t n = 0, n_kept = 0;
  if (!keyed(c, c.at[1], nullptr, c.flag(0, false), items, n)) return false;
  List* kept = c.run.make_list(n);
  for (uint32_t i = 0; i < n; ++i) {
    bool known = false;
    for (uint32_t k = 0; k < n_kept && !known; ++k)
      if (!c.run.equals(items[k].key, items[i].key, known)) return false;
    if (known) continue;
    if (!c.run.push(kept, items[i].value)) return false;
    items[n_kept++].key = items[i].key;
  }
  return give_list(c, Type::iterator, kept);
}

template <bool kMost>
bool extreme(Call& c) {
  Keyed* items = nullptr;
  uint32_t n = 0, best = 0;
  if (!keyed(c, c.at[1], nullptr, c.flag(0, false), items, n)) return false;
  if (n == 0) return c.give(undefined("an item of nothing"));
  for (uint32_t i = 1; i < n; ++i) {
    int relation = 0;
    if (!c.run.order(items[i].key, items[best].key, relation)) return false;
    if (kMost ? relation > 0 : relation < 0) best = i;
  }
  return c.give(items[best].value);
}

bool pair(Run& run, const Value& a, const Value& b, Value& out) {
  List* both = run.make_list(2);
  if (!run.push(both, a) || !run.push(both, b)) return false;
  return out = list_value(Type::tuple, both), true;
}

bool items(Call& c) {
  List* pairs = c.run.make_list(0);
  if (c.self.is(Type::undefined)) return give_list(c, Type::iterator, pairs);
  if (!c.self.is(Type::dict)) return false;
  for (uint32_t i = 0; i < c.self.dict->size; ++i) {
    Value both;
    if (!c.run.spend(1) || !pair(c.run, c.self.dict->entries[i].key, c.self.dict->entries[i].value, both) ||
        !c.run.push(pairs, both))
      return false;
  }
  return give_list(c, Type::iterator, pairs);
}

bool dictsort(Call& c) {
  std::string_view by;
  if (!c.self.is(Type::dict) || !c.text(1, "key", by)) return false;
  if (by != "key" && by != "value") return c.run.wrong("dictsort by ", by, ", wanted key or value");
  const Dict& dict = *c.self.dict;
  Keyed* entries = c.run.make<Keyed>(dict.size);
  if (!entries) return false;
  for (uint32_t i = 0; i < dict.size; ++i) {
    const Value& key = by == "key" ? dict.entries[i].key : dict.entries[i].value;
    if (!key_of(c.run, key, nullptr, nullptr, c.flag(0, false), entries[i].key)) return false;
    if (!pair(c.run, dict.entries[i].key, dict.entries[i].value, entries[i].value)) return false;
  }
  if (!c.run.sort(entries, dict.size, c.flag(2, false))) return false;
  List* sorted = c.run.make_list(dict.size);
  for (uint32_t i = 0; i < dict.size; ++i)
    if (!c.run.push(sorted, entries[i].value)) return false;
  return give_list(c, Type::list, sorted);
}

bool join(Call& c) {
  std::string_view separator;
  Sequence parts;
  if ((c.at[0] && !c.run.to_text(*c.at[0], separator)) || !c.run.sequence(c.self, parts)) return false;
  Builder out(c.run);
  for (uint32_t i = 0; i < parts.size; ++i) {
    Value part = parts.at(i);
    if (c.at[1] && !c.at[1]->is(Type::none) && !c.run.path(parts.at(i), *c.at[1], nullptr, part))
      return false;
    if (!c.run.spend(1) || (i && !out.add(separator)) || !c.run.print(part, out)) return false;
  }
  return c.give(out.value());
}

bool sum(Call& c) {
  Sequence parts;
  Value total = c.at[1] ? *c.at[1] : integer(0);
  if (!c.run.sequence(c.self, parts)) return false;
  for (uint32_t i = 0; i < parts.size; ++i) {
    Value part = parts.at(i), before = total;
    if (c.at[0] && !c.at[0]->is(Type::none) && !c.run.path(parts.at(i), *c.at[0], nullptr, part))
      return false;
    if (!c.run.binary(Op::add, before, part, total)) return false;
  }
  return c.give(total);
}

bool batch(Call& c) {
  Sequence all;
  int64_t size = 0;
  if (!c.whole(0, 0, size) || !c.run.sequence(c.self, all)) return false;
  if (size < 1 || size > 100000) return c.run.wrong("batch of ", size, " items");
  List* batches = c.run.make_list(0);
  List* row = nullptr;
  for (uint32_t i = 0; i < all.size; ++i) {
    if (i % size == 0 && !(row = c.run.make_list(0))) return false;
    if (!c.run.spend(1) || !c.run.push(row, all.at(i))) return false;
    if ((i + 1) % size == 0 && !c.run.push(batches, list_value(Type::list, row))) return false;
  }
  if (all.size % size) {
    while (c.at[1] && !c.at[1]->is(Type::none) && row->size < size)
      if (!c.run.spend(1) || !c.run.push(row, *c.at[1])) return false;
    if (!c.run.push(batches, list_value(Type::list, row))) return false;
  }
  return give_list(c, Type::iterator, batches);
}

bool slice(Call& c) {
  List* all = nullptr;
  int64_t n = 0;
  if (!c.whole(0, 0, n) || !c.run.to_list(c.self, all)) return false;
  if (n < 1 || n > 100000) return c.run.wrong("slice into ", n, " parts");
  List* slices = c.run.make_list(0);
  for (int64_t k = 0, at = 0; k < n; ++k) {
    const int64_t size = all->size / n + (k < all->size % n);
    List* part = c.run.make_list(size_t(size) + 1);
    for (int64_t i = 0; i < size; ++i)
      if (!c.run.push(part, all->items[at++])) return false;
    const bool fills = c.at[1] && !c.at[1]->is(Type::none) && all->size % n && k >= all->size % n;
    if (!part || !c.run.spend(1) || (fills && !c.run.push(part, *c.at[1])) ||
        !c.run.push(slices, list_value(Type::list, part)))
      return false;
  }
  return give_list(c, Type::iterator, slices);
}

bool groupby(Call& c) {
  Keyed* items = nullptr;
  uint32_t n = 0;
  if (!keyed(c, c.at[0], c.at[1], c.flag(2, false), items, n)) return false;
  if (!c.run.sort(items, n, false)) return false;
  List* groups = c.run.make_list(0);
  for (uint32_t i = 0; i < n;) {
    List* members = c.run.make_list(0);
    Value grouper, both;
    if (!c.run.path(items[i].value, *c.at[0], c.at[1], grouper)) return false;
    const uint32_t begin = i;
    for (bool same = true; i < n && same;) {
      if (!c.run.equals(items[i].key, items[begin].key, same)) return false;
      if (same && !c.run.push(members, items[i++].value)) return false;
    }
    if (!members || !pair(c.run, grouper, list_value(Type::list, members), both)) return false;
    both.list->name = "group";
    if (!c.run.push(groups, both)) return false;
  }
  return give_list(c, Type::list, groups);
}

constexpr FunctionRow kRows[] = {
    {"first", "", first},
    {"last", "", last},
    {"list", "", list},
    {"reverse", "", reverse},
    {"sort", "reverse case_sensitive attribute", sort},
    {"unique", "case_sensitive attribute", unique},
    {"min", "case_sensitive attribute", extreme<false>},
    {"max", "case_sensitive attribute", extreme<true>},
    {"items", "", items},
    {"dictsort", "case_sensitive by reverse", dictsort},
    {"join", "d attribute", join},
    {"sum", "attribute start", sum},
    {"batch", "linecount! fill_with", batch},
    {"slice", "slices! fill_with", slice},
    {"groupby", "attribute! default case_sensitive", groupby},
};

}  // namespace

std::span<const FunctionRow> sequence_filters() { return kRows; }

}  // namespace synapse::jinja
