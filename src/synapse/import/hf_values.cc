#include "synapse/import/hf_values.h"

#include <algorithm>
#include <cmath>

namespace synapse {

std::optional<double> HfValues::factor(std::string_view name) const {
  if (!name.empty() && name[0] >= '0' && name[0] <= '9') return parse_decimal(name);
  if (const auto known = known_.find(name); known != known_.end()) return known->second;
  if (const size_t open = name.find('['); open != name.npos && name.ends_with(']')) {
    const auto i = parse_decimal(name.substr(open + 1, name.size() - open - 2));
    return i && *i >= 0 && *i < 1e6 ? (*this)[name.substr(0, open)].at(size_t(*i)).as_number() : std::nullopt;
  }
  return (*this)[name].as_number();
}

std::optional<double> HfValues::product(std::string_view expression) const {
  constexpr std::string_view kRoot = "sqrt(";
  double product = 1;
  for (bool divides = false;;) {
    const size_t end = expression.find_first_of("*/");
    std::string_view name = expression.substr(0, end);
    const bool is_root = name.starts_with(kRoot) && name.ends_with(")");
    if (is_root) name = name.substr(kRoot.size(), name.size() - kRoot.size() - 1);
    auto x = factor(name);
    if (!x) return {};
    if (is_root) x = std::sqrt(*x);
    product = divides ? product / *x : product * *x;
    if (end == expression.npos) break;
    divides = expression[end] == '/';
    expression.remove_prefix(end + 1);
  }
  return product;
}

std::optional<double> HfValues::number(std::string_view expression) const {
  double sum = 0;
  for (double sign = 1;;) {
    const size_t end = std::min(expression.find(" + "), expression.find(" - "));
    const auto x = product(expression.substr(0, end));
    if (!x) return {};
    sum += sign * *x;
    if (end == expression.npos) break;
    sign = expression[end + 1] == '-' ? -1 : 1;
    expression.remove_prefix(end + 3);
  }
  return std::isfinite(sum) ? std::optional(sum) : std::nullopt;
}

std::string shown(JsonValue v) {
  switch (v.type()) {
    case JsonType::null:
      return "nothing";
    case JsonType::boolean:
      return *v.as_bool() ? "true" : "false";
    case JsonType::number:
      return std::string(v.number_text().substr(0, 40));
    case JsonType::string:
      return '"' + std::string(v.as_string().substr(0, 40)) + '"';
    case JsonType::array:
      return "an array";
    case JsonType::object:
      return "an object";
  }
  return {};
}

}  // namespace synapse
