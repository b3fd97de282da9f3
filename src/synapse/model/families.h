// The families of models. Those that come with the library are the JSON of models/, embedded, so that a browser page or a
// board needs the model file alone; more can be given at run time.
#pragma once
#include <span>
#include <string_view>

namespace synapse {

struct Family {
  std::string_view name;          // its folder
  std::string_view model_json;    // wiring; empty where a family has another one's, by its architecture
  std::string_view weights_json;  // foreign names
};

// The most that parse_json may take for a model.json.
inline constexpr size_t kWiringBytes = 1 << 16;

std::span<const Family> families();

// The families that a model is looked up in: `added` before those of the library, so that it can replace them.
struct FamilyList {
  std::span<const Family> added = {};

  size_t size() const { return added.size() + families().size(); }
  const Family& operator[](size_t i) const { return i < added.size() ? added[i] : families()[i - added.size()]; }
};

}  // namespace synapse
