// The families that come with the library: the JSON of models/, embedded, so that a browser page or a board
// needs the model file alone.
#pragma once
#include <span>
#include <string_view>

namespace synapse {

struct Family {
  std::string_view name;          // its folder
  std::string_view model_json;    // wiring
  std::string_view weights_json;  // foreign names
};

std::span<const Family> families();

}  // namespace synapse
