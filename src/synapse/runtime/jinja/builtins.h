// What templates can name without having made it: filters, tests, functions and the methods of values, as
// tables of rows. A row's parameters are their names in order, apart by spaces; one that must be given ends
// in !; a lone * says that the function reads its arguments itself.
#pragma once
#include <span>
#include <string_view>

#include "synapse/runtime/jinja/value.h"

namespace synapse::jinja {

class Run;

struct NamedValue {
  std::string_view name;
  Value value;
};

struct Arguments {
  std::span<const Value> positional;
  std::span<const NamedValue> named;
};

// One use of a row: the value it is applied to, what was given, and what comes out.
struct Call {
  static constexpr size_t kMost = 6;
  Run& run;
  Value self;
  Arguments arguments;
  const Value* at[kMost] = {};  // by parameter; null: not given
  Value result;

  bool give(const Value& v) { return result = v, true; }
  bool flag(size_t i, bool otherwise) const { return at[i] ? truth(*at[i]) : otherwise; }
  // The text or whole number given for parameter i; an error when it is something else.
  bool text(size_t i, std::string_view otherwise, std::string_view& out);
  bool whole(size_t i, int64_t otherwise, int64_t& out);
};

struct FunctionRow {
  std::string_view name;
  std::string_view parameters;
  bool (*run)(Call&);  // null: refused, since it would change its value
};

// Null when there is none of that name.
const FunctionRow* find_filter(std::string_view name);
const FunctionRow* find_test(std::string_view name);
const FunctionRow* find_function(std::string_view name);
const FunctionRow* find_method(Type type, std::string_view name);

// The tables, one for each file.
std::span<const FunctionRow> text_filters();
std::span<const FunctionRow> number_filters();
std::span<const FunctionRow> sequence_filters();
std::span<const FunctionRow> choice_filters();
std::span<const FunctionRow> test_rows();
std::span<const FunctionRow> function_rows();
std::span<const FunctionRow> string_methods();
std::span<const FunctionRow> split_methods();
std::span<const FunctionRow> container_methods(Type type);

const FunctionRow* find_row(std::span<const FunctionRow> rows, std::string_view name);

}  // namespace synapse::jinja
