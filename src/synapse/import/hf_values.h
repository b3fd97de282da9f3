// What the keys of a config.json stand for: those of its text_config first, where there is one, then those of the whole;
// and what metadata rows made of absent ones.
#pragma once
#include <map>
#include <optional>
#include <string>

#include "synapse/base/json.h"

namespace synapse {

class HfValues {
 public:
  explicit HfValues(JsonValue config) : own_(config["text_config"]), whole_(config) {}

  JsonValue operator[](std::string_view key) const {
    const JsonValue v = own_[key];
    return v.is_null() ? whole_[key] : v;
  }
  // What `key`, a key of the config or of GGUF without its architecture, stands for from now on.
  void set(std::string_view key, double value) { known_[std::string(key)] = value; }

  // Names of numbers, elements name[i] of lists, sqrt(name) and numbers, with * and / between, and " + " and " - " between
  // such products. Nothing when one of its names stands for no number, or the result is none.
  std::optional<double> number(std::string_view expression) const;

 private:
  std::optional<double> factor(std::string_view name) const;
  std::optional<double> product(std::string_view expression) const;

  JsonValue own_, whole_;
  std::map<std::string, double, std::less<>> known_;
};

// As a message shows a value of the wrong kind.
std::string shown(JsonValue v);

}  // namespace synapse
