// SHA-256 (FIPS 180-4): names a file or text beyond doubt.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace synapse {

std::string sha256_hex(std::span<const uint8_t> bytes);
inline std::string sha256_hex(std::string_view text) {
  return sha256_hex(std::span(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
}

}  // namespace synapse
