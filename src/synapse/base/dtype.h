// The storage formats: a number type or a quantised block, told apart by one byte.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace synapse {

enum class DType : uint8_t {
#define SYN_DTYPE(name, label, gguf_id, block_elements, block_bytes) name,
#include "synapse/base/dtype.def"
#undef SYN_DTYPE
};

inline constexpr uint32_t kNoGgufId = 0xFFFFFFFF;  // of a format of our own

struct DTypeInfo {
  std::string_view label;  // as people write it: Q4_0
  uint32_t gguf_id;        // ggml_type in a file
  int32_t block_elements;
  int32_t block_bytes;
};

inline constexpr DTypeInfo kDTypes[] = {
#define SYN_DTYPE(name, label, gguf_id, block_elements, block_bytes) {label, gguf_id, block_elements, block_bytes},
#include "synapse/base/dtype.def"
#undef SYN_DTYPE
};
inline constexpr size_t kNDTypes = sizeof kDTypes / sizeof kDTypes[0];

constexpr const DTypeInfo& info(DType t) { return kDTypes[size_t(t)]; }
constexpr std::string_view label(DType t) { return info(t).label; }
constexpr bool is_float(DType t) { return t == DType::f32 || t == DType::f16 || t == DType::bf16 || t == DType::f64; }
constexpr bool is_quantised(DType t) { return info(t).block_elements > 1; }
constexpr bool is_own(DType t) { return info(t).gguf_id == kNoGgufId; }

// Bytes of one row of n elements. REQUIRES n to be a multiple of block_elements and n >= 0.
constexpr size_t row_bytes(DType t, int64_t n) {
  return size_t(n / info(t).block_elements) * size_t(info(t).block_bytes);
}

std::optional<DType> dtype_from_gguf(uint32_t gguf_id);
std::optional<DType> dtype_from_label(std::string_view label);  // any case

}  // namespace synapse
