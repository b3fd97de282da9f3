#include "synapse/cpu/kernels/packed.h"

#include <cstring>

namespace synapse {
namespace {

// Calls f(at, unit) for every unit of a block.
template <typename F>
void each_unit(DType format, F&& f) {
  size_t at = 0;
  for (const PackedField& field : packed_fields(format))
    for (const size_t end = at + field.bytes; at < end; at += field.unit) f(at, size_t(field.unit));
}

template <size_t kUnit>
void pack_unit(uint8_t* to, const uint8_t* const rows[kTileRows], size_t from) {
  for (size_t r = 0; r < size_t(kTileRows); ++r) std::memcpy(to + r * kUnit, rows[r] + from, kUnit);
}

}  // namespace

std::span<const PackedField> packed_fields(DType format) {
  static constexpr PackedField half_nibbles[] = {{2, 2}, {16, 4}}, two_halves_nibbles[] = {{2, 2}, {2, 2}, {16, 4}},
                               fives[] = {{2, 2}, {20, 4}}, two_halves_fives[] = {{2, 2}, {2, 2}, {20, 4}}, bytes[] = {{2, 2}, {32, 4}},
                               two_bits[] = {{2, 2}, {8, 4}}, exponent_nibbles[] = {{1, 1}, {16, 4}};
  static constexpr PackedField q2_k[] = {{80, 4}, {2, 2}, {2, 2}}, q3_k[] = {{108, 4}, {2, 2}}, q4_k[] = {{2, 2}, {2, 2}, {140, 4}},
                               q5_k[] = {{2, 2}, {2, 2}, {172, 4}}, q6_k[] = {{208, 4}, {2, 2}}, iq4_xs[] = {{2, 2}, {2, 2}, {132, 4}}, tq2_0[] = {{64, 4}, {2, 2}}, int8[] = {{36, 4}};
  switch (format) {
    case DType::q4_0: case DType::iq4_nl: case DType::q2_64: return half_nibbles;
    case DType::q4_1: return two_halves_nibbles;
    case DType::q5_0: return fives;
    case DType::q5_1: return two_halves_fives;
    case DType::q8_0: return bytes;
    case DType::q2_32: return two_bits;
    case DType::mxfp4: return exponent_nibbles;
    case DType::q2_k: return q2_k;
    case DType::q3_k: return q3_k;
    case DType::q4_k: return q4_k;
    case DType::q5_k: return q5_k;
    case DType::q6_k: return q6_k;
    case DType::iq4_xs: return iq4_xs;
    case DType::tq2_0: return tq2_0;
    case DType::int8: return int8;
    default: return {};
  }
}

void pack_rows(uint8_t* to, DType format, const uint8_t* const rows[kTileRows], size_t n_blocks) {
  const size_t block_bytes = size_t(info(format).block_bytes);
  for (size_t block = 0; block < n_blocks; ++block) {
    const size_t first = block * block_bytes;
    each_unit(format, [&](size_t at, size_t unit) {
      uint8_t* const out = to + size_t(kTileRows) * (first + at);
      if (unit == 4) pack_unit<4>(out, rows, first + at);
      else if (unit == 2) pack_unit<2>(out, rows, first + at);
      else pack_unit<1>(out, rows, first + at);
    });
  }
}

void unpack_row(uint8_t* to, DType format, const uint8_t* group, int32_t row, size_t n_blocks) {
  const size_t block_bytes = size_t(info(format).block_bytes);
  for (size_t block = 0; block < n_blocks; ++block) {
    const size_t first = block * block_bytes;
    each_unit(format, [&](size_t at, size_t unit) {
      std::memcpy(to + first + at, group + size_t(kTileRows) * (first + at) + size_t(row) * unit, unit);
    });
  }
}

}  // namespace synapse
