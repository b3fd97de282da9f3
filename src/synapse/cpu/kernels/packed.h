// The packed layout of quantised weights, one for every instruction set: 16 rows side by side. A block consists of fields, a field of
// units of 1, 2 or 4 bytes; the unit at byte `at` of row r's block lies at 16 * at + r * unit of the packed block, so that a
// register is filled by one load with the same weights of 16 rows. No byte is added but for rows that fill up the last 16.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "synapse/base/dtype.h"
#include "synapse/cpu/kernels/kernels.h"

namespace synapse {

struct PackedField {
  uint8_t bytes, unit;
};

// Those of a block in their order; none for formats that are not packed.
std::span<const PackedField> packed_fields(DType format);

// 16 rows of n_blocks blocks each, to 16 * n_blocks * block_bytes bytes. And one row of them back.
void pack_rows(uint8_t* to, DType format, const uint8_t* const rows[kTileRows], size_t n_blocks);
void unpack_row(uint8_t* to, DType format, const uint8_t* group, int32_t row, size_t n_blocks);

}  // namespace synapse
