#include "synapse/runtime/vocabulary.h"

#include <algorithm>

namespace synapse {
namespace {

constexpr std::string_view kSpace = "\u2581";

}  // namespace

bool Vocabulary::reserve(std::span<const std::string_view> tokens, Arena& arena) {
  if (tokens.size() > size_t(kMaxTokens)) return false;
  uint64_t bytes = 0;
  for (const std::string_view t : tokens) bytes += t.size();
  if (bytes > UINT32_MAX) return false;
  const size_t n_slots = tokens.size() + tokens.size() / 2 + 2;
  auto* offsets = arena.array<uint32_t>(tokens.size() + 1);
  bytes_ = arena.array<char>(bytes);
  auto* slots = arena.array<Slot>(n_slots);
  if (!offsets || !bytes_ || !slots) return false;
  offsets_ = {offsets, tokens.size() + 1};
  slots_ = {slots, n_slots};
  return true;
}

void Vocabulary::fill(std::span<const std::string_view> tokens) {
  uint32_t at = 0;
  for (size_t i = 0; i < tokens.size(); ++i) {
    offsets_[i] = at;
    if (!tokens[i].empty()) std::memcpy(bytes_ + at, tokens[i].data(), tokens[i].size());
    at += uint32_t(tokens[i].size());
    max_token_bytes_ = std::max(max_token_bytes_, tokens[i].size());
  }
  offsets_[tokens.size()] = at;

  std::fill(slots_.begin(), slots_.end(), Slot{0, -1});
  for (int32_t id = 0; id < size(); ++id) {
    const std::string_view t = text(id);
    if (t.empty()) continue;
    const uint64_t hash = mix64(hash64(t.data(), t.size()));
    size_t slot = slot_of(hash);
    while (slots_[slot].id >= 0 && (slots_[slot].tag != tag_of(hash) || text(slots_[slot].id) != t)) slot = next_slot(slot);
    slots_[slot] = {tag_of(hash), id};
  }
}

int32_t Vocabulary::find(std::string_view left, std::string_view right) const {
  if (left.size() + right.size() > max_token_bytes_) return -1;
  return find_hashed(hash64(right.data(), right.size(), hash64(left.data(), left.size())), left, right);
}

int32_t Vocabulary::find_hashed(uint64_t unmixed, std::string_view left, std::string_view right) const {
  const uint64_t hash = mix64(unmixed);
  for (size_t slot = slot_of(hash); slots_[slot].id >= 0; slot = next_slot(slot)) {
    if (slots_[slot].tag != tag_of(hash)) continue;
    const std::string_view t = text(slots_[slot].id);
    if (t.size() == left.size() + right.size() && t.starts_with(left) && t.ends_with(right)) return slots_[slot].id;
  }
  return -1;
}

int32_t Vocabulary::find_spaced(std::string_view spaced) const {
  uint64_t hash = hash64("", 0);
  size_t bytes = 0;
  for (const char& c : spaced) {
    const std::string_view part = c == ' ' ? kSpace : std::string_view(&c, 1);
    hash = hash64(part.data(), part.size(), hash);
    bytes += part.size();
    if (bytes > max_token_bytes_) return -1;
  }
  const auto equals = [spaced](std::string_view t) {
    for (const char& c : spaced) {
      const std::string_view part = c == ' ' ? kSpace : std::string_view(&c, 1);
      if (!t.starts_with(part)) return false;
      t.remove_prefix(part.size());
    }
    return t.empty();
  };
  hash = mix64(hash);
  for (size_t slot = slot_of(hash); slots_[slot].id >= 0; slot = next_slot(slot)) {
    if (slots_[slot].tag == tag_of(hash) && equals(text(slots_[slot].id))) return slots_[slot].id;
  }
  return -1;
}

}  // namespace synapse
