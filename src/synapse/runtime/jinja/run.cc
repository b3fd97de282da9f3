#include "synapse/runtime/jinja/run.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "synapse/runtime/jinja/number.h"
#include "synapse/runtime/jinja/text.h"
#include "synapse/runtime/unicode.h"

namespace synapse {

Result<std::string_view> Template::render(JsonValue context, const TemplateClock& clock,
                                          TemplateLimits limits, Arena& arena) const {
  if (!context.is_object()) return fail(Code::invalid, "context: wanted an object");
  SYN_CHECK(clock.month >= 1 && clock.month <= 12);
  limits.steps = std::min<int64_t>(limits.steps, INT64_MAX / 4);
  limits.steps_per_value = std::min<int64_t>(limits.steps_per_value, 1 << 20);
  limits.text_bytes = std::min<size_t>(limits.text_bytes, INT32_MAX);
  return jinja::Run(*program_, clock, limits, arena).render(context);
}

namespace jinja {

Result<std::string_view> Run::render(JsonValue context) {
  Builder out(*this);
  out_ = &out;
  if (!bind_globals(context)) return error_;
  scope_ = open_scope(nullptr);
  if (!scope_ || exec(*program_.root) == Flow::failed) return error_;
  return out.view();
}

bool Run::bind_globals(JsonValue context) {
  globals_ = make<Value>(program_.symbols.size());
  if (!globals_) return false;
  for (size_t i = 0; i < program_.symbols.size(); ++i) {
    const std::string_view name = program_.symbols[i];
    globals_[i] = undefined(name);
    if (!spend(1 + context.size() / 4)) return false;
    bool found = false;
    for (const JsonMember m : context.members()) {
      if (m.key != name) continue;
      found = true;
      if (!import(m.value, 0, globals_[i])) return false;
    }
    const FunctionRow* row = found ? nullptr : find_function(name);
    if (row) globals_[i].type = Type::function, globals_[i].function = row;
  }
  return true;
}

bool Run::import(JsonValue json, uint32_t depth, Value& out) {
  steps_ += limits_.steps_per_value;
  if (depth > kMaxNesting) return wrong("context: more than ", kMaxNesting, " containers inside each other");
  switch (json.type()) {
    case JsonType::null: return out = none(), true;
    case JsonType::boolean: return out = boolean(*json.as_bool()), true;
    case JsonType::string: return out = string(json.as_string()), true;
    case JsonType::number: {
      const std::string_view text = json.number_text();
      const bool is_whole = text.find_first_of(".eE") == text.npos;
      const auto value = parse_whole(is_whole ? text : "0", 10);
      if (!value) return wrong("context: the number ", text.substr(0, 40), ", wanted one of 64 bits");
      return out = is_whole ? integer(*value) : real(parse_real(text).value_or(json.as_number().value_or(0))),
             true;
    }
    case JsonType::array: {
      List* list = make_list(json.size());
      if (!list) return false;
      for (const JsonValue element : json.elements()) {
        Value item;
        if (!import(element, depth + 1, item) || !push(list, item)) return false;
      }
      return out = list_value(Type::list, list), true;
    }
    case JsonType::object: {
      Dict* dict = make_dict(json.size());
      if (!dict) return false;
      for (const JsonMember m : json.members()) {  // the keys differ: the parser saw to it
        Entry& entry = dict->entries[dict->size];
        if (!import(m.value, depth + 1, entry.value)) return false;
        entry.key = string(m.key);
        dict->nesting = std::max(dict->nesting, 1 + nesting(entry.value));
        ++dict->size;
      }
      return out = dict_value(Type::dict, dict), true;
    }
  }
  return true;
}

bool Run::out_of_steps() { return wrong("stopped: it takes too many steps"); }

void Run::out_of_memory() { wrong("stopped at ", arena_.capacity(), " bytes of memory"); }

List* Run::make_list(size_t capacity) {
  List* list = make<List>();
  Value* items = list && capacity ? make<Value>(capacity) : nullptr;
  if (!list || (capacity && !items)) return nullptr;
  *list = {items, 0, uint32_t(capacity), 1, 0, ""};
  return list;
}

Dict* Run::make_dict(size_t capacity) {
  Dict* dict = make<Dict>();
  Entry* entries = dict && capacity ? make<Entry>(capacity) : nullptr;
  if (!dict || (capacity && !entries)) return nullptr;
  *dict = {entries, 0, uint32_t(capacity), 1};
  return dict;
}

bool Run::push(List* list, const Value& item) {
  if (!list) return false;
  if (list->size == list->capacity) {
    const uint32_t capacity = std::max<uint32_t>(4, 2 * list->capacity);
    Value* items = make<Value>(capacity);
    if (!items || !spend(list->size / 2)) return false;
    std::copy(list->items, list->items + list->size, items);
    list->items = items, list->capacity = capacity;
  }
  list->nesting = std::max(list->nesting, 1 + nesting(item));
  if (list->nesting > kMaxNesting) return wrong("more than ", kMaxNesting, " containers inside each other");
  list->items[list->size++] = item;
  return true;
}

bool Run::put(Dict* dict, const Value& key, const Value& value) {
  if (!dict) return false;
  if (key.is(Type::list) || key.is(Type::dict)) return wrong("a ", type_name(key), " as a key");
  const Value* known = nullptr;
  if (!find(*dict, key, known)) return false;
  dict->nesting = std::max({dict->nesting, 1 + nesting(value), 1 + nesting(key)});
  if (dict->nesting > kMaxNesting) return wrong("more than ", kMaxNesting, " containers inside each other");
  if (known) return *const_cast<Value*>(known) = value, true;
  if (dict->size == dict->capacity) {
    const uint32_t capacity = std::max<uint32_t>(4, 2 * dict->capacity);
    Entry* entries = make<Entry>(capacity);
    if (!entries) return false;
    std::copy(dict->entries, dict->entries + dict->size, entries);
    dict->entries = entries, dict->capacity = capacity;
  }
  dict->entries[dict->size++] = {key, value};
  return true;
}

bool Run::find(const Dict& dict, const Value& key, const Value*& out) {
  out = nullptr;
  if (!spend(dict.size / 4)) return false;
  for (uint32_t i = 0; i < dict.size && !out; ++i)
    if (equal(dict.entries[i].key, key, steps_)) out = &dict.entries[i].value;
  return steps_ >= 0 || out_of_steps();
}

const Value* Run::find(const Dict& dict, std::string_view key) {
  const Value* found = nullptr;
  return find(dict, string(key), found) ? found : nullptr;
}

bool Run::equals(const Value& a, const Value& b, bool& out) {
  out = equal(a, b, steps_);
  return steps_ >= 0 || out_of_steps();
}

bool Run::search(std::string_view text, std::string_view wanted, bool last, size_t& at) {
  at = text.npos;
  if (wanted.size() > text.size()) return true;
  if (wanted.empty()) return at = last ? text.size() : 0, true;
  const size_t n = text.size() - wanted.size() + 1;  // places where it could stand
  uint64_t work = 0;
  for (size_t i = 0; i < n; ++i) {
    size_t place = n - 1 - i;
    if (!last) {
      const void* next = std::memchr(text.data() + i, wanted[0], n - i);
      if (!next) return spend_bytes(work + n - i);
      place = size_t(static_cast<const char*>(next) - text.data());
      work += (place - i) / 4, i = place;
    }
    size_t same = 0;
    while (same < wanted.size() && text[place + same] == wanted[same]) ++same;
    work += 8 + same;
    if (same == wanted.size()) return at = place, spend_bytes(work);
    if (work >= 4096 && !spend_bytes(std::exchange(work, 0))) return false;
  }
  return spend_bytes(work);
}

bool Run::is_iterable(const Value& v) const {
  return v.is_list() || v.is_string() || v.is(Type::undefined) || v.is(Type::range) || v.is(Type::dict) ||
         v.is(Type::loop);
}

bool Run::sequence(const Value& v, Sequence& out) {
  out = {};
  out.of = v;
  switch (v.type) {
    case Type::undefined: return true;  // nothing to walk
    case Type::list:
    case Type::tuple:
    case Type::view: return out.size = v.list->size, true;
    case Type::range: return out.size = v.range->size, true;
    case Type::dict: return out.size = v.dict->size, true;
    case Type::iterator: {
      List* rest = make_list(0);
      if (!rest) return false;
      *rest = *v.list;
      rest->items += v.list->next, rest->size -= v.list->next;
      rest->next = 0;
      v.list->next = v.list->size;
      out.of.list = rest, out.size = rest->size;
      return true;
    }
    case Type::string: {
      List* points = make_list(0);
      if (!points || !spend(v.size)) return false;
      for (size_t at = 0; at < v.size;) {
        const size_t n = decode_utf8(v.view(), at).bytes;
        if (!push(points, string(v.view().substr(at, n)))) return false;
        at += n;
      }
      out.of = list_value(Type::list, points), out.size = points->size;
      return true;
    }
    default: return wrong("a value of type ", type_name(v), " cannot be walked over");
  }
}

bool Run::to_list(const Value& v, List*& out) {
  Sequence items;
  if (!sequence(v, items) || !spend(items.size / 2)) return false;
  out = make_list(items.size);
  if (!out) return false;
  for (uint32_t i = 0; i < items.size; ++i)
    if (!push(out, items.at(i))) return false;
  return true;
}

bool Run::length(const Value& v, uint64_t& out) {
  switch (v.type) {
    case Type::undefined: return out = 0, true;
    case Type::list:
    case Type::tuple:
    case Type::view: return out = v.list->size, true;
    case Type::range: return out = v.range->size, true;
    case Type::dict: return out = v.dict->size, true;
    case Type::loop: return out = v.loop->items.size, true;
    case Type::string:
      out = count_points(v.view());
      return spend_bytes(v.size);
    default: return wrong("a value of type ", type_name(v), " has no length");
  }
}

bool Builder::add(std::string_view text) {
  if (text.size() > run_.limits().text_bytes - size_)
    return run_.wrong("a text of more than ", run_.limits().text_bytes, " bytes");
  if (!run_.spend_bytes(text.size())) return false;
  if (size_ + text.size() > capacity_) {
    const size_t capacity = std::max<size_t>({64, 2 * capacity_, size_ + text.size()});
    char* data = run_.make<char>(capacity);
    if (!data || !run_.spend_bytes(size_)) return false;
    std::copy(data_, data_ + size_, data);
    data_ = data, capacity_ = capacity;
  }
  std::copy(text.begin(), text.end(), data_ + size_);
  size_ += text.size();
  return true;
}

bool Builder::add_point(uint32_t code_point) {
  char bytes[4];
  return add({bytes, encode_utf8(code_point, bytes)});
}

bool Builder::add_fill(size_t n, std::string_view fill) {
  for (size_t i = 0; i < n; ++i)
    if (!run_.spend(1) || !add(fill)) return false;
  return true;
}

Scope* Run::open_scope(Scope* parent) {
  Scope* scope = free_scopes_;
  if (scope) {
    free_scopes_ = scope->parent;
  } else {
    scope = make<Scope>();
  }
  if (scope) *scope = {nullptr, parent, false};
  return scope;
}

void Run::close_scope(Scope* scope) {
  if (scope->is_kept) return;
  while (Binding* binding = scope->first) {
    scope->first = binding->next;
    binding->next = free_bindings_, free_bindings_ = binding;
  }
  scope->parent = free_scopes_, free_scopes_ = scope;
}

Binding* Run::binding(const Scope& scope, uint32_t symbol) {
  Binding* b = scope.first;
  uint32_t n = 0;
  for (; b && b->symbol != symbol; b = b->next) ++n;
  steps_ -= n / 16;  // whoever spends next sees it
  return b;
}

bool Run::bind(uint32_t symbol, const Value& value) {
  if (Binding* known = binding(*scope_, symbol)) return known->value = value, true;
  Binding* added = free_bindings_;
  if (added) {
    free_bindings_ = added->next;
  } else {
    added = make<Binding>();
  }
  if (!added) return false;
  *added = {symbol, scope_->first, value};
  scope_->first = added;
  return true;
}

Value Run::lookup(uint32_t symbol) {
  for (const Scope* scope = scope_; scope; scope = scope->parent)
    if (const Binding* b = binding(*scope, symbol)) return b->value;
  return globals_[symbol];
}

}  // namespace jinja
}  // namespace synapse
