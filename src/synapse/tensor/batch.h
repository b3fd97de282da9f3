// What one call of the model works on: rows of several streams, and where each keeps its keys and
// values. Lies below ops so that ops and devices can read it; nn/state.h fills it.
#pragma once
#include <cstdint>
#include <span>

#include "synapse/base/dtype.h"

namespace synapse {

inline constexpr int32_t kPageRows = 64;   // positions in a page, and the tile of attention
inline constexpr int32_t kKeyLanes = 16;   // keys stored side by side

// 64 positions of one layer and one KV head. Rows never written are zero; rows at or past the stream's position are
// never read.
//   k: d-major in groups of 16 keys: element (row, d) at ((row / 16) * D + d) * 16 + row % 16
//   v: row-major: element (row, d) at row * D + d
// Of a quantised format k and v are both rows of D / 32 blocks, of rows rotated by Walsh-Hadamard (docs/numerics.md).
struct KvPage {
  void* k = nullptr;
  void* v = nullptr;
  DType k_dtype = DType::f16;
  DType v_dtype = DType::f16;
  int32_t base = 0;                     // position of row 0
  const int32_t* positions = nullptr;   // of each row; null: base + row
  int32_t n_owners = 0;                 // streams that hold it; one that is shared is copied before a write
};

// One stream's pages. Page p of KV slot s (a layer's KV head) is pages[s * max_pages + p] and holds
// positions 64 p ..; null where a window freed it.
struct KvTable {
  KvPage** pages = nullptr;
  int32_t max_pages = 0;
};

// The rows of one stream in this call.
struct Stream {
  const KvTable* kv = nullptr;  // null: no state (training on whole sequences)
  int32_t first_row = 0;        // in x
  int32_t n_rows = 0;
  int32_t position = 0;         // of its first row
  int32_t context = 0;          // positions that the stream was opened for
  float* rows = nullptr;        // recurrent state of all layers, a device address, 64-byte aligned, updated in place;
                                // null: begin with zeros and keep nothing
};

struct Batch {
  std::span<const Stream> streams;
  int32_t n_rows = 0;  // of all streams: x is (n_rows, C)
  bool quantised_kv = false;  // whether any page of theirs is: attention then needs room to widen one
  const int32_t* types = nullptr;  // (n_rows) the segment of each row, device address; null: all 0
};

}  // namespace synapse
