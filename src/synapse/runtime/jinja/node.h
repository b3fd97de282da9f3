// A parsed template: statements and expressions as one kind of node. Which members a node uses is said at its
// kind.
#pragma once
#include <span>
#include <string_view>

#include "synapse/runtime/jinja/value.h"

namespace synapse::jinja {

struct Node;
struct FunctionRow;
using Nodes = std::span<Node* const>;

enum class Kind : uint8_t {
  // Expressions
  constant,    // value
  name,        // symbol, name
  list,        // items
  tuple,       // items
  dict,        // items: key, value, key, value ...
  attribute,   // a.name
  item,        // a[b]
  slice,       // a[items]: start, stop, step; null where not given
  call,        // a(items)
  keyword,     // among a call's items: name = a
  splat,       // among a call's items: *a
  splat_dict,  // among a call's items: **a
  filter,  // a | name(items): row, null when there is none of that name; a is null for the text of a block
  test,    // a is name(items), row as with filter
  negate,  // -a
  plus,    // +a
  logical_not,   // not a
  logical_and,   // a and b
  logical_or,    // a or b
  binary,        // a op b
  concat,        // items ~ ...
  compare,       // a, then items: operand nodes of kind compare_with
  compare_with,  // op a
  conditional,   // b if a else c; c may be null
  // Statements
  text,          // value
  output,        // a
  branch,        // items: condition, block, condition, block ...; the last condition may be null: else
  block,         // items
  loop,          // for a in b if c: items[0] is the body, items[1] the else block or null
  set,           // a = b
  set_block,     // a = the text of c through the filters b, null or a chain of filters
  macro,         // symbol, name, items: parameters; a: body
  parameter,     // symbol, name, a: default or null
  call_block,    // a: the call; b: a macro named caller
  filter_block,  // b: chain of filters, c: block
  scope,         // items: parameter nodes whose values are set, a: block
  break_loop,
  continue_loop,
};

enum class Op : uint8_t {
  add,
  subtract,
  multiply,
  divide,
  floor_divide,
  modulo,
  power,
  eq,
  ne,
  lt,
  le,
  gt,
  ge,
  in,
  not_in
};

struct Node {
  Kind kind = Kind::constant;
  Op op = Op::add;
  bool has_varargs = false, has_kwargs = false, has_caller = false;  // macro: its body names them
  uint32_t line = 0;
  uint32_t symbol = 0;
  const Node* a = nullptr;
  const Node* b = nullptr;
  const Node* c = nullptr;
  Nodes items;
  std::string_view name;
  Value value;
  const FunctionRow* row = nullptr;
};

struct Program {
  const Node* root;
  std::span<const std::string_view> symbols;  // every name, by its number
  uint32_t loop, caller, varargs, kwargs;     // the numbers of names that the engine itself binds
};

}  // namespace synapse::jinja
