// Counter-based randomness: the value is a function of its coordinates, so the order of calls, the
// batch and the target do not matter. SplitMix64's finaliser (Steele, Lea and Flood 2014).
#pragma once
#include <cstdint>

namespace synapse {

constexpr uint64_t mix64(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

// 64 random bits at index i of the stream that `seed` names.
constexpr uint64_t random_bits(uint64_t seed, uint64_t i) { return mix64(seed + (i + 1) * 0x9E3779B97F4A7C15u); }

// Uniform in [0, 1), 24 bits.
constexpr float random_unit(uint64_t seed, uint64_t i) {
  return float(random_bits(seed, i) >> 40) * (1.0f / 16777216.0f);
}

// FNV-1a: names to seeds, and checksums of small things.
constexpr uint64_t hash64(const void* data, uint64_t n, uint64_t h = 0xCBF29CE484222325u) {
  const auto* p = static_cast<const unsigned char*>(data);
  for (uint64_t i = 0; i < n; ++i) h = (h ^ p[i]) * 0x100000001B3u;
  return h;
}

}  // namespace synapse
