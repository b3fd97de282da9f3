// One CPU's compute as a table of functions over raw memory. They never allocate, fail or see a
// Tensor; n counts elements; pointers are aligned for their type and no further, blocks and rows of weights
// not at all; outputs do not alias inputs unless stated. What each computes, to the bit: docs/numerics.md. Every variant agrees with scalar
// except where `fast` says so.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include "synapse/base/dtype.h"

namespace synapse {

inline constexpr int32_t kTileRows = 16;      // output rows computed together: one to a lane
inline constexpr int32_t kBlock = 32;         // the unit of a tile along K
inline constexpr int32_t kTileBlocks = 16;    // K is walked in runs of this many blocks, so that two tiles stay in L1
inline constexpr int32_t kSumElements = 16;   // activations are summed in sixteens: the smallest group with its own scale
inline constexpr int32_t kQueryBlock = 16;    // queries attended together
inline constexpr int32_t kAttendKeys = 64;    // keys of a page

// 16 rows of weights along one run of 32-blocks, unpacked: weight = d * w, or (d * scale) * w - m * minimum, where w is q less the
// offset of its format (tile.inl). d and m are of the format's blocks (of 32, 64 or 256 weights: the first, second ... of the run),
// scale and minimum of parts of 32 or 16 weights.
struct alignas(64) Tile {
  int8_t q[kTileBlocks][kBlock / 4][kTileRows][4];
  float d[kTileBlocks][kTileRows];
  float m[kTileBlocks][kTileRows];            // formats with a minimum; 32-blocks: weight = d * w + m
  int32_t scale[kTileBlocks][2][kTileRows];   // 256-blocks: of the parts of each 32 weights
  int32_t minima[kTileBlocks][kTileRows];     // 256-blocks: of two parts, as two int16
};

// 16 rows of weights as they lie in a file, or packed: side by side, field by field of their blocks (packed.h). `ahead` is where
// what will be read later lies, as if packed; it need not exist.
struct FileRows {
  static constexpr bool kByBlock = false;  // what a format's struct calls `at`: a byte of a row, or the number of a block
  const uint8_t* const* rows;
  const uint8_t* ahead;
  uint8_t byte(int r, size_t at) const { return rows[r][at]; }
};
struct PackedRows {
  static constexpr bool kByBlock = false;
  const uint8_t* group;
  const uint8_t* ahead;
  uint8_t byte(int r, size_t at) const { return group[kTileRows * at + size_t(r)]; }
};

// 16 packed rows in two planes (planes.h): bytes of a block of them, and where its nibbles and norms begin in the high one.
inline constexpr size_t kHighBytes = 304, kLowBytes = 256, kHighNibbles = 32, kHighNorms = 288;
struct PlaneRows {
  static constexpr bool kByBlock = true;
  const uint8_t* high;
  const uint8_t* low;
};

// Rows of activations as the quantised linear reads them. Row r starts at q + r * n, d + r * (n / group)
// and sums16 + r * (n / kSumElements).
struct QuantRows {
  int8_t* q;
  float* d;
  int32_t* sums16;  // of the q of every 16
  int32_t n;        // elements in a row
};

// What a storage format can do; null where it cannot.
struct Format {
  // n elements, whole blocks. K-quants and IQ4 by fit.h; the others give the bytes of ggml's reference quantiser.
  void (*quantize)(void* blocks, const float* x, size_t n);
  void (*dequantize)(float* y, const void* blocks, size_t n);

  // Quantised formats: 32-blocks first_block .. +n_blocks of 16 rows, whole blocks of the format, into a tile (n_blocks <= kTileBlocks),
  // and two such tiles times n_rows rows of x: acc (2, n_rows, 16) goes on from what it holds.
  int32_t group;  // elements that share one scale of activations; 0 in float formats
  void (*unpack)(Tile* tile, const FileRows& w, int32_t first_block, int32_t n_blocks);
  void (*unpack_packed)(Tile* tile, const PackedRows& w, int32_t first_block, int32_t n_blocks);
  void (*dot)(float* acc, const Tile* tiles, const QuantRows* x, int32_t n_rows, int32_t first_block,
              int32_t n_blocks);

  // acc (2, n_rows, 16) = up to most_packed_rows rows of x times two groups of packed rows, n_blocks 32-blocks each: unpack_packed
  // and dot of whole rows in one. For more rows, which may be any at all, these two are faster.
  int32_t most_packed_rows;
  void (*dot_packed)(float* acc, const PackedRows* w, const QuantRows* x, int32_t n_rows, int32_t n_blocks);

  // The same of rows in two planes, for formats that have them (planes.h); dot_planes and screen are null where not faster.
  void (*unpack_planes)(Tile* tile, const PlaneRows& w, int32_t first_block, int32_t n_blocks);
  void (*dot_planes)(float* acc, const PlaneRows* w, const QuantRows* x, int32_t n_rows, int32_t n_blocks);
  // Of one row of x and two groups: no product that dot_planes gives is above upper (2, 16); most (2) is the largest of each
  // group, best (2) the largest product of its high plane. norms: of the blocks of x (planes.h).
  void (*screen)(float* upper, float* most, float* best, const uint8_t* const* high, const QuantRows* x, const float* norms, int32_t n_blocks);

  // Float formats: acc (n_x, 16), of which n_w columns are written, = x (n_x, n) times n_w rows of weights.
  using Linear = void (*)(float* acc, const float* x, int32_t n_x, const uint8_t* const rows[kTileRows], int32_t n_w,
                          int32_t n);
  Linear exact;  // 16 lanes, two roundings
  Linear fast;   // the same order with fused multiply-adds where the CPU has them
};

// Memory to ask for while something else is read: with byte `at` of that, byte at / 2^shift of this.
struct Ahead {
  const void* from;
  int32_t shift;
};

// Keys or values of a page of the cache as attention reads them: keys d-major in groups of 16, values row-major and readable
// up to the next multiple of 16 dims.
struct PageRows {
  const void* rows;
  DType dtype;    // f32 or f16
  size_t stride;  // of values: elements from one row to the next
  Ahead ahead;    // while these are read
};

// A query's softmax, of one page or of all so far. It sees keys first .. last-1 of the page at hand.
struct Attending {
  float* o;  // (D)
  float m, l;
  int32_t first, last;
};

// Up to 16 channels of a causal convolution over the rows of one stream: y[t] = b + sum_k w[k] x[t - n_taps + 1 + k].
inline constexpr int32_t kMaxConv = 16;
struct Conv1d {
  float* y;              // row t at y + t * stride
  const float* x;        // the same
  float* history;        // (n_taps - 1) rows before the first, the oldest first, left as those before the next call;
  size_t history_stride; // null: zeros
  const float* w;        // (n_channels, n_taps)
  const float* b;        // or null
  int32_t n_rows, n_taps, n_channels;
  size_t stride;
  bool silu;             // of the result
};

// Up to 16 channels of Mamba's recurrence.
struct SelectiveScan {
  float* y;
  const float *x, *dt;   // row t at + t * stride; dt before softplus
  const float *B, *C;    // (n_rows, n_state)
  const float* A;        // (n_state, 16)
  const float* D;
  float* h;              // (n_state, 16)
  int32_t n_rows, n_state, n_channels;
  size_t stride;
};

// One head of Mamba-2's recurrence.
struct SsdScan {
  float* y;                  // row t at + t * y_stride
  const float *x, *B, *C;    // row t at + t * stride
  const float* dt;           // row t at + t * dt_stride, before bias, softplus and clamping
  float* h;                  // (n_values / 16 rounded up, n_state, 16)
  float A, D, dt_bias, dt_min, dt_max;
  int32_t n_rows, n_values, n_state;
  size_t y_stride, stride, dt_stride;
};

// One head of RWKV-7's time mixing. State S (head_dim / 16 rounded up, head_dim, 16): lanes are values.
struct Wkv7 {
  float* y;
  const float *r, *w, *k, *v, *a;                     // row t at + t * stride; w and a before their sigmoids
  const float *k_k, *k_a, *r_k, *norm_w, *norm_b;     // (head_dim)
  float* S;
  float* scratch;                                     // 4 * head_dim
  int32_t n_rows, head_dim;
  size_t stride;
  float eps;
};

// One value head of Gated DeltaNet. State S (n_values / 16 rounded up, n_keys, 16).
struct GatedDelta {
  float* y;                     // row t at + t * y_stride
  const float *q, *k, *v;       // row t at + t * stride
  const float *dt, *beta;       // row t at + t * gate_stride; before softplus and sigmoid
  float* S;
  float* scratch;               // 5 * n_keys
  float A, dt_bias, factor, eps;  // factor: of q
  int32_t n_rows, n_keys, n_values;
  size_t y_stride, stride, gate_stride;
};

inline constexpr int32_t kActs = 8;  // none, silu, gelu, gelu_tanh, relu, sigmoid, tanh, relu2

struct Kernels {
  const char* isa;

  // n_rounds of products of bytes, or of floats, as fast as this instruction set can: returns the multiply-adds done. For measuring.
  int64_t (*peak_bytes)(int64_t n_rounds, float* sink);
  int64_t (*peak_floats)(int64_t n_rounds, float* sink);
  // Reads n bytes, a multiple of 512, as fast as this instruction set can; returns something of all of them.
  int32_t (*peak_read)(const uint8_t* bytes, size_t n);
  Format formats[kNDTypes];

  // y may alias its inputs.
  void (*activate[kActs])(float* y, const float* x, size_t n);
  void (*gate[kActs])(float* y, const float* g, const float* u, size_t n);  // act(g) * u
  void (*add)(float* y, const float* a, const float* b, size_t n);
  void (*scale)(float* y, const float* x, float factor, size_t n);
  void (*divide)(float* y, const float* x, float divisor, size_t n);
  void (*add_scaled)(float* y, const float* x, float factor, size_t n);  // y + x * factor, into y
  void (*lerp)(float* y, const float* a, const float* b, const float* t, size_t n);  // a + (b - a) * t
  void (*soft_cap)(float* y, const float* x, float cap, size_t n);  // cap * tanh(x / cap)

  // One row; w has n elements, b too or is null. y may alias x.
  void (*rms_norm)(float* y, const float* x, const float* w, const float* b, float eps, size_t n);
  void (*layer_norm)(float* y, const float* x, const float* w, const float* b, float eps, size_t n);
  void (*softmax)(float* y, const float* x, size_t n);  // n >= 1; y may alias x

  // One row of activations in groups of `group`, a multiple of 32 that divides n.
  void (*quantize_row)(int8_t* q, float* d, int32_t* sums16, const float* x, size_t n, size_t group);

  // cos and sin of position * inv_freq[i], times factor if that is not 1; then a head of D elements
  // whose first n_rot are turned: pairs (i, i + n_rot / 2), or (2i, 2i + 1).
  void (*rope_angles)(float* c, float* s, int32_t position, const float* inv_freq, float factor, size_t n);
  void (*rope_half)(float* y, const float* x, const float* c, const float* s, size_t n_rot, size_t D);
  void (*rope_interleaved)(float* y, const float* x, const float* c, const float* s, size_t n_rot, size_t D);

  // A head's blocks rotated by Walsh-Hadamard, which undoes itself; `block` is a power of two, at least 16, that divides D.
  // y may be x.
  void (*hadamard)(float* y, const float* x, size_t block, size_t D);
  // Up to 16 rows of D floats side by side: element (row, d) to n_rows * d + row.
  void (*interleave_rows)(float* to, const float* const* rows, int32_t n_rows, size_t D);

  // Up to kQueryBlock queries, interleaved in q, against one page: m, l and p[i][j] = exp(score of key j - m), 0 where query i
  // does not see; written only in sixteens of which it sees some. A `cap` that is not 0 caps the scores. Then o, from
  // scratch, with room for whole sixteens. Those with first >= last are skipped.
  void (*scores)(float (*p)[kAttendKeys], Attending* queries, int32_t n_queries, const float* q, const PageRows* keys,
                 float factor, float cap, size_t D);
  void (*values)(Attending* queries, int32_t n_queries, const float (*p)[kAttendKeys], const PageRows* values, size_t D);
  // A later page's m, l and o of up to kQueryBlock queries into what they hold.
  void (*merge)(Attending* queries, const Attending* tiles, int32_t n_queries, size_t D);
  // sum[j] += p[j] * (exp(m_page - m) / l) over a page
  void (*add_received)(float* sum, const float* p, float m_page, float m, float l);

  // Recurrences over the rows of one stream, in time order; states are read and left for the next call.
  void (*conv1d)(const Conv1d*);
  void (*selective_scan)(const SelectiveScan*);
  void (*ssd_scan)(const SsdScan*);
  void (*wkv7)(const Wkv7*);
  void (*gated_delta)(const GatedDelta*);
};

// The scalar reference, then that table improved by one instruction set after another, as far as the
// running CPU goes.
std::span<const Kernels> kernel_variants();
const Kernels& kernels();                              // the last of them: what the engine uses
const Kernels* find_kernels(std::string_view isa);     // null when this CPU or build has no such variant

// Each replaces the entries that its instruction set does better. select_<cpu>.cc, of which the build
// lists one, knows which of them there are.
void add_scalar(Kernels& k);
void add_avx2(Kernels& k);
void add_avx512(Kernels& k);
void add_avx512vnni(Kernels& k);
void add_amx(Kernels& k);
void add_neon(Kernels& k);
void add_neon_dotprod(Kernels& k);
void add_wasm128(Kernels& k);

}  // namespace synapse
