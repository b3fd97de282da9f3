// The methods that cut texts into pieces, and the methods of lists, dicts and loops.
#include <algorithm>

#include "synapse/runtime/jinja/run.h"
#include "synapse/runtime/jinja/text.h"
#include "synapse/runtime/unicode.h"

namespace synapse::jinja {
namespace {

void reverse(List& list) { std::reverse(list.items, list.items + list.size); }

// By runs of white space; what is left when no more cuts are allowed keeps its far end as it is.
bool split_space(Call& c, int64_t most, bool from_right, List* out) {
  std::string_view rest = from_right ? strip_right(c.self.view()) : strip_left(c.self.view());
  for (; !rest.empty(); --most) {
    size_t cut = 0;  // bytes of the next piece
    if (most == 0) {
      cut = rest.size();
    } else if (from_right) {
      while (
          cut < rest.size() &&
          !is_space(decode_utf8(rest, rest.size() - cut - last_point_bytes(rest.substr(0, rest.size() - cut)))
                        .value))
        cut += last_point_bytes(rest.substr(0, rest.size() - cut));
    } else {
      while (cut < rest.size() && !is_space(decode_utf8(rest, cut).value))
        cut += decode_utf8(rest, cut).bytes;
    }
    if (!c.run.push(out, string(from_right ? rest.substr(rest.size() - cut) : rest.substr(0, cut))))
      return false;
    rest = from_right ? strip_right(rest.substr(0, rest.size() - cut)) : strip_left(rest.substr(cut));
    if (most == 0) break;
  }
  return true;
}

bool split_at(Call& c, std::string_view separator, int64_t most, bool from_right, List* out) {
  std::string_view rest = c.self.view();
  for (; most != 0; --most) {
    size_t found = 0;
    if (!c.run.spend(1) || !c.run.search(rest, separator, from_right, found)) return false;
    if (found == rest.npos) break;
    const size_t after = found + separator.size();
    if (!c.run.push(out, string(from_right ? rest.substr(after) : rest.substr(0, found)))) return false;
    rest = from_right ? rest.substr(0, found) : rest.substr(after);
  }
  return c.run.push(out, string(rest));
}

template <bool kFromRight>
bool split(Call& c) {
  std::string_view separator;
  int64_t most = -1;
  const bool by_space = !c.at[0] || c.at[0]->is(Type::none);
  if ((!by_space && !c.text(0, "", separator)) || !c.whole(1, -1, most)) return false;
  if (!by_space && separator.empty()) return c.run.wrong("split at an empty text");
  List* out = c.run.make_list(0);
  if (!out || (by_space && !c.run.spend_points(c.self.size))) return false;
  if (!(by_space ? split_space(c, most, kFromRight, out) : split_at(c, separator, most, kFromRight, out)))
    return false;
  if (kFromRight) reverse(*out);
  return c.give(list_value(Type::list, out));
}

bool splitlines(Call& c) {
  const std::string_view text = c.self.view();
  const bool keeps_ends = c.flag(0, false);
  List* out = c.run.make_list(0);
  if (!out || !c.run.spend_points(text.size())) return false;
  for (size_t at = 0; at < text.size();) {
    size_t end = at;
    while (end < text.size() && !is_line_end(decode_utf8(text, end).value))
      end += decode_utf8(text, end).bytes;
    size_t next = end < text.size() ? end + decode_utf8(text, end).bytes : end;
    if (next < text.size() && text[end] == '\r' && text[next] == '\n') ++next;
    if (!c.run.push(out, string(text.substr(at, (keeps_ends ? next : end) - at)))) return false;
    at = next;
  }
  return c.give(list_value(Type::list, out));
}

template <bool kLast>
bool partition(Call& c) {
  std::string_view text = c.self.view(), separator;
  if (!c.text(0, "", separator)) return false;
  if (separator.empty()) return c.run.wrong("partition at an empty text");
  size_t found = 0;
  if (!c.run.search(text, separator, kLast, found)) return false;
  std::string_view parts[3] = {kLast ? "" : text, "", kLast ? text : ""};
  if (found != text.npos)
    parts[0] = text.substr(0, found), parts[1] = separator, parts[2] = text.substr(found + separator.size());
  List* out = c.run.make_list(3);
  for (const std::string_view part : parts)
    if (!c.run.push(out, string(part))) return false;
  return c.give(list_value(Type::tuple, out));
}

bool dict_get(Call& c) {
  const Value* found = nullptr;
  if (!c.run.find(*c.self.dict, *c.at[0], found)) return false;
  return c.give(found ? *found : c.at[1] ? *c.at[1] : none());
}

enum class Part { keys, values, items };

template <Part kPart>
bool dict_view(Call& c) {
  const Dict& dict = *c.self.dict;
  List* out = c.run.make_list(dict.size);
  if (!out || !c.run.spend(dict.size)) return false;
  for (uint32_t i = 0; i < dict.size; ++i) {
    const Entry& entry = dict.entries[i];
    Value item = kPart == Part::keys ? entry.key : entry.value;
    if (kPart == Part::items) {
      List* pair = c.run.make_list(2);
      if (!c.run.push(pair, entry.key) || !c.run.push(pair, entry.value)) return false;
      item = list_value(Type::tuple, pair);
    }
    if (!c.run.push(out, item)) return false;
  }
  out->name = kPart == Part::keys ? "dict_keys" : kPart == Part::values ? "dict_values" : "dict_items";
  return c.give(list_value(Type::view, out));
}

bool dict_copy(Call& c) {
  Dict* copy = c.run.make_dict(c.self.dict->size);
  if (!copy || !c.run.spend(c.self.dict->size)) return false;
  std::copy(c.self.dict->entries, c.self.dict->entries + c.self.dict->size, copy->entries);
  copy->size = c.self.dict->size, copy->nesting = c.self.dict->nesting;
  return c.give(dict_value(Type::dict, copy));
}

bool list_copy(Call& c) {
  List* copy = nullptr;
  return c.run.to_list(c.self, copy) && c.give(list_value(Type::list, copy));
}

bool list_index(Call& c) {
  const List& list = *c.self.list;
  for (uint32_t i = 0; i < list.size; ++i) {
    bool same = false;
    if (!c.run.equals(list.items[i], *c.at[0], same)) return false;
    if (same) return c.give(integer(i));
  }
  return c.run.wrong("index of an item that is not in the list");
}

bool list_count(Call& c) {
  const List& list = *c.self.list;
  int64_t n = 0;
  for (uint32_t i = 0; i < list.size; ++i) {
    bool same = false;
    if (!c.run.equals(list.items[i], *c.at[0], same)) return false;
    n += same;
  }
  return c.give(integer(n));
}

// The one method that the sandbox lets change a list.
bool list_pop(Call& c) {
  List& list = *c.self.list;
  int64_t i = -1;
  if (!c.whole(0, -1, i) || !c.run.spend(list.size / 8)) return false;
  if (i < 0) i += list.size;
  if (i < 0 || i >= list.size) return c.run.wrong("pop of item ", i, " of ", list.size);
  c.result = list.items[i];
  std::copy(list.items + i + 1, list.items + list.size, list.items + i);
  return --list.size, true;
}

bool loop_cycle(Call& c) {
  const auto items = c.arguments.positional;
  if (items.empty()) return c.run.wrong("cycle of nothing");
  return c.give(items[c.self.loop->index % items.size()]);
}

bool loop_changed(Call& c) {
  List* now = c.run.make_list(c.arguments.positional.size());
  for (const Value& v : c.arguments.positional)
    if (!c.run.push(now, v)) return false;
  if (!now) return false;
  const Value value = list_value(Type::tuple, now);
  bool same = false;
  if (!c.run.equals(value, c.self.loop->changed, same)) return false;
  c.self.loop->changed = value;
  return c.give(boolean(!same));
}

bool cycler_next(Call& c) {
  Cycler& cycler = *c.self.cycler;
  return c.give(cycler.items->items[cycler.next++ % cycler.items->size]);
}

bool cycler_reset(Call& c) { return c.self.cycler->next = 0, c.give(none()); }

constexpr FunctionRow kSplitRows[] = {
    {"split", "sep maxsplit", split<false>},
    {"rsplit", "sep maxsplit", split<true>},
    {"splitlines", "keepends", splitlines},
    {"partition", "sep!", partition<false>},
    {"rpartition", "sep!", partition<true>},
};

constexpr FunctionRow kDictRows[] = {
    {"get", "key! default", dict_get},
    {"keys", "", dict_view<Part::keys>},
    {"values", "", dict_view<Part::values>},
    {"items", "", dict_view<Part::items>},
    {"copy", "", dict_copy},
    {"pop", "*", nullptr},
    {"popitem", "*", nullptr},
    {"clear", "*", nullptr},
    {"update", "*", nullptr},
    {"setdefault", "*", nullptr},
};

constexpr FunctionRow kListRows[] = {
    {"index", "value!", list_index},
    {"count", "value!", list_count},
    {"copy", "", list_copy},
    {"pop", "index", list_pop},
    {"append", "*", nullptr},
    {"extend", "*", nullptr},
    {"insert", "*", nullptr},
    {"remove", "*", nullptr},
    {"reverse", "*", nullptr},
    {"sort", "*", nullptr},
    {"clear", "*", nullptr},
};

constexpr FunctionRow kLoopRows[] = {{"cycle", "*", loop_cycle}, {"changed", "*", loop_changed}};
constexpr FunctionRow kCyclerRows[] = {{"next", "", cycler_next}, {"reset", "", cycler_reset}};

}  // namespace

std::span<const FunctionRow> split_methods() { return kSplitRows; }

std::span<const FunctionRow> container_methods(Type type) {
  switch (type) {
    case Type::dict: return kDictRows;
    case Type::list: return kListRows;
    case Type::tuple: return std::span(kListRows).first(2);
    case Type::loop: return kLoopRows;
    case Type::cycler: return kCyclerRows;
    default: return {};
  }
}

}  // namespace synapse::jinja
