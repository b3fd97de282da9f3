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
  Packed packed;
};
inline Matrix matrix_of(const Run& run, const Tensor& w) { return {w, run.packed ? run.packed->find(w) : Packed{}}; }
// A group of one in two planes.
PlaneRows planes_of(const Matrix& m, int32_t group);
// Of a weight (E, out, n) those of one expert.
Matrix matrix_of_expert(const Matrix& all, int32_t expert);

// Room for n_rows rows of n elements, quantised in groups.
QuantRows take_quantised(Arena& arena, int32_t n_rows, int32_t n, int32_t group);
// x (n) becomes row `row` of what take_quantised gave.
void quantise_into(const Kernels& kernels, const QuantRows& rows, int32_t row, const float* x, int32_t group);

// How many of the 16 output columns of this group exist; the last group of a weight may have fewer.
inline int32_t columns_of(int32_t n_columns, int32_t group) {
  const int32_t left = n_columns - group * kTileRows;
  return left < kTileRows ? left : kTileRows;
}

// A group of 16 rows of each of two weights of one shape and format, or the same group twice.
struct Pair {
  Matrix m[2];
  int32_t group[2];
};
// Pair i of the groups of one weight: one of its first half and one of its second, each in order, so that who takes neighbouring
// pairs reads two streams of memory. In the last pair of an odd number both are the same.
inline int32_t n_pairs_of(const Tensor& w) { return ceil_div(ceil_div(w.rows(), kTileRows), 2); }
Pair pair_of(const Matrix& m, int32_t i);

// acc (2, n_rows, 16) = rows first_row .. of x times the pair's weights; rows past the end of one repeat its last. `tiles` are
// two, scratch for quantised weights.
void multiply(const Run& run, const Pair& pair, const InputRows& x, int32_t first_row, int32_t n_rows, Tile* tiles, float* acc);

}  // namespace synapse::cpu
