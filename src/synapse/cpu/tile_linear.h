// Rows of x times 16 rows of a weight: the unit of work of linears and of expert linears.
#pragma once
#include "synapse/cpu/run.h"

namespace synapse::cpu {

inline constexpr int32_t kRowBlock = 256;  // rows of x that meet an unpacked tile: their accumulators stay in L1

// Rows of x as a weight reads them: floats, or quantised where its format has a group.
struct InputRows {
  int32_t group = 0;
  const float* x = nullptr;  // (n_rows, n); group 0
  QuantRows quantised = {};
};

// A weight (out, n), and its packed form if it has one.
struct Matrix {
  Tensor w;
  const uint8_t* packed;
};
inline Matrix matrix_of(const Run& run, const Tensor& w) { return {w, run.packed ? run.packed->find(w) : nullptr}; }
// Of a weight (E, out, n) those of one expert.
Matrix matrix_of_expert(const Matrix& all, int32_t expert);

// Room for n_rows rows of n elements, quantised in groups.
QuantRows take_quantised(Arena& arena, int32_t n_rows, int32_t n, int32_t group);
// x (n) becomes row `row` of what take_quantised gave.
void quantise_into(const Kernels& kernels, const QuantRows& rows, int32_t row, const float* x, int32_t group);

// How many of the 16 output columns of this group exist; the last group of a weight may have fewer.
inline int32_t columns_of(const Tensor& w, int32_t group) {
  const int32_t left = w.rows() - group * kTileRows;
  return left < kTileRows ? left : kTileRows;
}

// Whether multiply_row does it.
bool takes_rows(const Run& run, const Matrix& a, const Matrix& b);
// acc (2, 16) = row `row` of x times a group of each of two packed weights of one format.
void multiply_row(const Run& run, const Matrix& a, int32_t group_a, const Matrix& b, int32_t group_b, const InputRows& x,
                  int32_t row, float* acc);

// acc (n_rows, 16) = rows first_row .. of x times rows 16 group .. of w (out, n), those past its end repeating the
// last. `tile` is scratch for quantised weights.
void multiply(const Run& run, const Matrix& m, const InputRows& x, int32_t group, int32_t first_row, int32_t n_rows,
              Tile* tile, float* acc);

}  // namespace synapse::cpu
