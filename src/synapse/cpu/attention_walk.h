// Queries of one stream and KV head on their way over its pages.
#pragma once
#include "synapse/cpu/run.h"

namespace synapse::cpu {

inline constexpr int32_t kMostBlocks = 4;  // blocks of queries that walk together, so that one widening of a page serves all

inline const KvPage& page_of(const Stream& s, int32_t slot, int32_t page) {
  SYN_CHECK(s.kv && page < s.kv->max_pages);
  const KvPage* p = s.kv->pages[size_t(slot) * size_t(s.kv->max_pages) + size_t(page)];
  SYN_CHECK(p && !p->positions && p->base == page * kPageRows);
  return *p;
}

// Keys first .. last-1 that a query sees.
struct Keys {
  int32_t first;
  int32_t last;

  // Of a page, as rows of it; empty when first >= last.
  void see(Attending& a, int32_t page) const {
    const int32_t base = page * kPageRows;
    a.first = first > base ? first - base : 0;
    a.last = last - base < kPageRows ? last - base : kPageRows;
  }
};

// The queries of one stream and KV head: query i is row i / group of the stream and head i % group of the group.
struct Heads {
  const Run& run;
  const Stream& stream;
  int32_t kv_head;
  int32_t group;
  int32_t D;

  size_t offset(int32_t i) const {  // of query i in q and in the output
    const int32_t H = run.call.in[0].dim(1);
    return (size_t(stream.first_row + i / group) * size_t(H) + size_t(kv_head * group + i % group)) * size_t(D);
  }
  int32_t last_key(int32_t i) const {
    return stream.position + (run.call.attrs.causal ? i / group : stream.n_rows - 1);
  }
  int32_t first_key(int32_t i) const {
    const int32_t window = run.call.attrs.window, last = last_key(i);
    return window > 0 && last >= window ? last - window + 1 : 0;
  }
  Keys keys(int32_t i) const { return {first_key(i), last_key(i) + 1}; }
  const KvPage& page(int32_t i) const { return page_of(stream, run.call.attrs.kv_slot + kv_head, i); }
};

inline Heads heads_of(const Run& run, const Stream& stream, int32_t kv_head) {
  const Tensor& q = run.call.in[0];
  return {run, stream, kv_head, q.dim(1) / run.call.attrs.n_kv_heads, q.cols()};
}

inline int32_t padded(int32_t D) { return (D + 15) / 16 * 16; }
inline int32_t smaller(int32_t a, int32_t b) { return a < b ? a : b; }

// What a thread works in; null where it is not needed.
struct Room {
  float* q;        // queries, one block of them interleaved after another
  float* rotated;  // the same, for rotated keys
  float* page;     // keys or values of a page as f32, values in rows of padded(D)
  float* rows;     // kKeyLanes of D, before they are interleaved
  float* p;        // (n, kPageRows)
  float* tile;     // (kQueryBlock, padded(D)): what one page gives
  float* o;        // of the queries so far, (n, padded(D))
};
struct Rooms {
  Room first;
  size_t stride;  // floats from one thread's room to the next
  Room of(int32_t thread) const {
    Room room = first;
    for (float** part : {&room.q, &room.rotated, &room.page, &room.rows, &room.p, &room.tile, &room.o})
      if (*part) *part += size_t(thread) * stride;
    return room;
  }
};
inline Rooms take_rooms(const OpCall& call, int32_t n_threads, Arena& arena) {
  const int32_t D = call.in[0].cols(), group = call.in[0].dim(1) / call.attrs.n_kv_heads;
  int32_t most = 0;  // queries of a stream and KV head
  for (const Stream& s : call.batch->streams) most = s.n_rows * group > most ? s.n_rows * group : most;
  const bool quantised = call.batch->quantised_kv, widens = quantised || most >= kQueryBlock || D % 16;
  const size_t n = size_t(smaller(most, kMostBlocks * kQueryBlock)), row = size_t(padded(D));
  Rooms rooms = {};
  Room& room = rooms.first;
  const struct { float** part; size_t floats; } parts[] = {
      {&room.q, n * row}, {&room.rotated, quantised ? n * row : 0}, {&room.page, widens ? kPageRows * row : 0},
      {&room.rows, quantised ? kKeyLanes * row : 0}, {&room.p, n * kPageRows}, {&room.tile, kQueryBlock * row}, {&room.o, n * row}};
  for (const auto& part : parts) rooms.stride += part.floats;
  float* at = arena.array<float>(size_t(n_threads) * rooms.stride, Arena::kAlign);
  for (const auto& part : parts) *part.part = part.floats ? at : nullptr, at += part.floats;
  return rooms;
}

// The largest power of two that divides D.
inline size_t rotated_block(int32_t D) { return size_t(D & -D); }

// Rows of a page, from one on, as f32.
inline void widen(const Heads& heads, float* y, DType dtype, const void* page, int32_t row, int32_t n_rows) {
  SYN_CHECK(y);
  const uint8_t* const from = static_cast<const uint8_t*>(page) + size_t(row) * row_bytes(dtype, heads.D);
  heads.run.kernels.formats[size_t(dtype)].dequantize(y, from, size_t(n_rows) * size_t(heads.D));
}

// Keys as the kernels read them, rows first .. last-1 at least. Quantised ones are widened and stay rotated; f16 is widened
// where that pays.
inline PageRows view_keys(const Heads& heads, const KvPage& page, int32_t first, int32_t last, const Room& room, bool widen_f16) {
  const size_t D = size_t(heads.D);
  first = first / kKeyLanes * kKeyLanes, last = ceil_div(last, kKeyLanes) * kKeyLanes;
  if (is_quantised(page.k_dtype)) {
    const float* rows[kKeyLanes];
    for (int32_t i = 0; i < kKeyLanes; ++i) rows[i] = room.rows + size_t(i) * D;
    for (int32_t row = first; row < last; row += kKeyLanes) {
      widen(heads, room.rows, page.k_dtype, page.k, row, kKeyLanes);
      heads.run.kernels.interleave_rows(room.page + size_t(row) * D, rows, kKeyLanes, D);
    }
  } else if (page.k_dtype == DType::f16 && widen_f16) {
    widen(heads, room.page + size_t(first) * D, page.k_dtype, page.k, first, last - first);
  } else {
    return {page.k, page.k_dtype, 0, {page.k, 0}};
  }
  return {room.page, DType::f32, 0, {room.page, 0}};
}

// Values, likewise; in rows of whole sixteens.
inline PageRows view_values(const Heads& heads, const KvPage& page, int32_t first, int32_t last, const Room& room, bool widen_f16) {
  const size_t D = size_t(heads.D), stride = size_t(padded(heads.D));
  if (D % 16) {
    for (int32_t row = first; row < last; ++row) widen(heads, room.page + size_t(row) * stride, page.v_dtype, page.v, row, 1);
  } else if (is_quantised(page.v_dtype) || (page.v_dtype == DType::f16 && widen_f16)) {
    widen(heads, room.page + size_t(first) * D, page.v_dtype, page.v, first, last - first);
  } else {
    return {page.v, page.v_dtype, D, {page.v, 0}};
  }
  return {room.page, DType::f32, stride, {room.page, 0}};
}

// `next`, which is read after these rows, comes while they are.
inline Ahead ahead_of(const PageRows& rows, const void* next, DType dtype, int32_t D) {
  const size_t bytes = row_bytes(dtype, D), pace = row_bytes(rows.dtype, D);
  int32_t shift = 0;
  while ((bytes << (shift + 1)) <= pace + pace / 8) ++shift;
  return {next, shift};
}

// Queries first .. +n of one KV head, at most kMostBlocks blocks, on their way from page to page.
struct Walk {
  Heads heads;
  int32_t first;
  int32_t n;
  Keys keys[kMostBlocks * kQueryBlock];

  Walk(const Heads& of, int32_t first_query, int32_t n_queries) : heads(of), first(first_query), n(n_queries) {
    for (int32_t i = 0; i < n; ++i) keys[i] = heads.keys(first + i);
  }
  int32_t first_page() const { return keys[0].first / kPageRows; }
  int32_t last_page() const { return (keys[n - 1].last - 1) / kPageRows; }
};

inline void take_queries(const Walk& walk, const Room& room) {
  const Run& run = walk.heads.run;
  const size_t D = size_t(walk.heads.D);
  for (int32_t b = 0; b < walk.n; b += kQueryBlock) {
    const int32_t n = smaller(walk.n - b, kQueryBlock);
    const float* rows[kQueryBlock];
    for (int32_t i = 0; i < n; ++i) rows[i] = f32(run.call.in[0]) + walk.heads.offset(walk.first + b + i);
    run.kernels.interleave_rows(room.q + size_t(b) * D, rows, n, D);
    if (!room.rotated) continue;
    for (int32_t i = 0; i < n; ++i) {
      float* const turned = room.rows + size_t(i) * D;
      run.kernels.hadamard(turned, rows[i], rotated_block(walk.heads.D), D), rows[i] = turned;
    }
    run.kernels.interleave_rows(room.rotated + size_t(b) * D, rows, n, D);
  }
}

// done(first query of a block, n, tiles, whether their o is rotated) for each block, if anything of the page is seen.
template <typename F>
void attend_page(const Walk& walk, int32_t i_page, const Room& room, F&& done) {
  const Heads& heads = walk.heads;
  const Run& run = heads.run;
  const size_t D = size_t(heads.D);
  Attending tiles[kMostBlocks * kQueryBlock];
  int32_t first_row = kPageRows, last_row = 0;
  for (int32_t i = 0; i < walk.n; ++i) {
    Attending& tile = tiles[i];
    tile = {room.tile + size_t(i % kQueryBlock) * size_t(padded(heads.D)), 0, 0, 0, 0};
    walk.keys[i].see(tile, i_page);
    if (tile.first >= tile.last) continue;
    first_row = tile.first < first_row ? tile.first : first_row;
    last_row = tile.last > last_row ? tile.last : last_row;
  }
  if (first_row >= last_row) return;
  const KvPage& page = heads.page(i_page);
  const bool widen_f16 = walk.n >= kQueryBlock;
  const float* const q = is_quantised(page.k_dtype) ? room.rotated : room.q;
  auto* const p = reinterpret_cast<float(*)[kPageRows]>(room.p);
  // The first block asks for what comes next, if all of that is read.
  const auto each_block = [&](PageRows rows, bool asks, const void* next, DType dtype, auto&& f) {
    const Ahead nothing = rows.ahead;
    if (asks) rows.ahead = ahead_of(rows, next, dtype, heads.D);
    for (int32_t b = 0; b < walk.n; b += kQueryBlock, rows.ahead = nothing) f(rows, b, smaller(walk.n - b, kQueryBlock));
  };
  const PageRows keys = view_keys(heads, page, first_row, last_row, room, widen_f16);
  each_block(keys, last_row - first_row == kPageRows, page.v, page.v_dtype, [&](const PageRows& rows, int32_t b, int32_t n) {
    run.kernels.scores(p + b, tiles + b, n, q + size_t(b) * D, &rows, run.call.attrs.factor, run.call.attrs.softcap, D);
  });
  const PageRows values = view_values(heads, page, first_row, last_row, room, widen_f16);
  const bool goes_on = walk.keys[walk.n - 1].last >= (i_page + 2) * kPageRows;
  const KvPage& next = goes_on ? heads.page(i_page + 1) : page;
  each_block(values, goes_on, next.k, next.k_dtype, [&](const PageRows& rows, int32_t b, int32_t n) {
    run.kernels.values(tiles + b, n, p + b, &rows, D);
    done(b, n, tiles + b, is_quantised(page.v_dtype));
  });
}

}  // namespace synapse::cpu
