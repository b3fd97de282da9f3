// Metadata being put together. Owns keys, texts and arrays, which stay where they are when it grows or moves.
#pragma once
#include <deque>
#include <string>
#include <vector>

#include "synapse/io/checkpoint.h"

namespace synapse {

class Metadata {
 public:
  // Instead of the entry of this key, if there is one. The value's texts and arrays are copied.
  void put(std::string_view key, const MetaValue& value);
  void text(std::string_view key, std::string_view value) { put(key, meta_text(value)); }
  void texts(std::string_view key, std::span<const std::string_view> values);
  void drop(std::string_view key);

  const MetaValue* find(std::string_view key) const;
  std::span<const MetaEntry> entries() const { return entries_; }
  // The same without an index, to be read from.
  Checkpoint checkpoint() const;

 private:
  std::vector<MetaEntry>::iterator at(std::string_view key);

  std::vector<MetaEntry> entries_;
  std::deque<std::string> memory_;
};

}  // namespace synapse
