#include "synapse/runtime/jinja/builtins.h"

namespace synapse::jinja {

const FunctionRow* find_row(std::span<const FunctionRow> rows, std::string_view name) {
  for (const FunctionRow& row : rows)
    if (row.name == name) return &row;
  return nullptr;
}

const FunctionRow* find_filter(std::string_view name) {
  for (const auto rows : {text_filters(), number_filters(), sequence_filters(), choice_filters()})
    if (const FunctionRow* row = find_row(rows, name)) return row;
  return nullptr;
}

const FunctionRow* find_test(std::string_view name) { return find_row(test_rows(), name); }

const FunctionRow* find_function(std::string_view name) { return find_row(function_rows(), name); }

const FunctionRow* find_method(Type type, std::string_view name) {
  if (type != Type::string) return find_row(container_methods(type), name);
  const FunctionRow* row = find_row(string_methods(), name);
  return row ? row : find_row(split_methods(), name);
}

}  // namespace synapse::jinja
