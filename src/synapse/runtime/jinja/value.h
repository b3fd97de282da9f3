// The values that a chat template computes with: Python's, in 16 bytes. Texts and containers lie in the arena
// of one rendering.
#pragma once
#include <cstdint>
#include <string_view>

namespace synapse::jinja {

enum class Type : uint8_t {
  undefined,  // `text`: what was looked for
  none,
  boolean,
  integer,
  real,
  string,
  list,
  tuple,
  view,      // of a dict: its keys, values or items. Has a length, cannot be indexed
  iterator,  // what map, select and the like give. Always true, walked once
  range,
  dict,
  space,     // namespace(): a dict whose members are attributes
  loop,
  macro,
  function,  // of the environment
  method,    // of a value
  cycler,
  joiner,
};

struct List;
struct Dict;
struct Range;
struct Loop;
struct Macro;
struct Method;
struct Cycler;
struct FunctionRow;

struct Value {
  Type type = Type::undefined;
  bool is_safe = false;  // a string that was marked as HTML: what is added to it is escaped
  uint32_t size = 0;     // bytes of text
  union {
    const char* text = "";
    bool boolean;
    int64_t integer;
    double real;
    List* list;  // list, tuple, view, iterator
    Dict* dict;  // dict, space
    Range* range;
    Loop* loop;
    Macro* macro;
    Method* method;
    Cycler* cycler;  // cycler, joiner
    const FunctionRow* function;
  };

  bool is(Type t) const { return type == t; }
  bool is_string() const { return type == Type::string; }
  bool is_number() const { return type == Type::boolean || type == Type::integer || type == Type::real; }
  bool is_whole() const { return type == Type::boolean || type == Type::integer; }
  bool is_list() const { return type >= Type::list && type <= Type::iterator; }
  std::string_view view() const { return {text, size}; }  // REQUIRES a string or undefined
  int64_t whole() const { return type == Type::boolean ? int64_t(boolean) : integer; }  // REQUIRES is_whole
  double number() const { return type == Type::real ? real : double(whole()); }         // REQUIRES is_number
};

inline constexpr uint32_t kMaxNesting = 100;  // containers inside each other; those who make them check it

struct List {
  Value* items;
  uint32_t size, capacity;
  uint32_t nesting;         // 1 + that of what it holds
  uint32_t next;            // of an iterator: the first that was not walked over
  const char* name;         // of a view: "dict_keys"; of a tuple made by groupby: "group"
};

struct Entry {
  Value key, value;
};

struct Dict {  // in the order of insertion
  Entry* entries;
  uint32_t size, capacity;
  uint32_t nesting;
};

struct Range {
  int64_t start, stop, step;
  uint32_t size;
};

// Something that a loop can walk over, by index.
struct Sequence {
  Value of;  // list, tuple, view, range, dict or space
  uint32_t size = 0;
  Value at(uint32_t i) const;  // REQUIRES i < size
};

struct Loop {
  Sequence items;
  uint32_t index, depth;  // from 0
  Value changed;          // what loop.changed() was last given, a tuple
};

struct Method {
  Value self;
  const FunctionRow* row;
};

struct Cycler {  // cycler: the items in turn; joiner: the one item, but at first nothing
  List* items;
  uint32_t next;
};

Value none();
Value boolean(bool b);
Value integer(int64_t i);
Value real(double f);
Value string(std::string_view text);
Value undefined(std::string_view name);
Value list_value(Type type, List* list);
Value dict_value(Type type, Dict* dict);

uint32_t nesting(const Value& v);  // 0 for what is no list, tuple or dict
bool truth(const Value& v);
// As Python names it in messages: "str", "dict".
std::string_view type_name(const Value& v);
// Python's ==; numbers by value, containers by their elements. `budget` counts down what was compared and
// bounds it: when it falls below 0 the answer means nothing.
bool equal(const Value& a, const Value& b, int64_t& budget);

}  // namespace synapse::jinja
