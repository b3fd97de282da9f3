#include "synapse/import/metadata.h"

#include <algorithm>
#include <cstring>

namespace synapse {

std::vector<MetaEntry>::iterator Metadata::at(std::string_view key) {
  return std::ranges::find(entries_, key, &MetaEntry::key);
}

void Metadata::put(std::string_view key, const MetaValue& value) {
  MetaValue own = value;
  if (value.type == MetaType::string) own.text = memory_.emplace_back(value.text);
  if (value.type == MetaType::array) {
    const std::string& bytes =
        memory_.emplace_back(reinterpret_cast<const char*>(value.bytes.data()), value.bytes.size());
    own.bytes = {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
  }
  if (const auto old = at(key); old != entries_.end()) {
    old->value = own;
  } else {
    entries_.push_back({memory_.emplace_back(key), own});
  }
}

void Metadata::texts(std::string_view key, std::span<const std::string_view> values) {
  std::string bytes;
  for (const std::string_view text : values) {
    const uint64_t size = text.size();
    bytes.append(reinterpret_cast<const char*>(&size), sizeof size).append(text);
  }
  MetaValue array;
  array.type = MetaType::array, array.element = MetaType::string, array.count = values.size();
  array.bytes = {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
  put(key, array);
}

void Metadata::drop(std::string_view key) {
  if (const auto old = at(key); old != entries_.end()) entries_.erase(old);
}

const MetaValue* Metadata::find(std::string_view key) const {
  const auto found = std::ranges::find(entries_, key, &MetaEntry::key);
  return found == entries_.end() ? nullptr : &found->value;
}

Checkpoint Metadata::checkpoint() const {
  Checkpoint all;
  all.metadata = entries_;
  return all;
}

}  // namespace synapse
