// The cache: rows into pages, and queries against pages.
#include "synapse/cpu/run.h"

namespace synapse::cpu {
namespace {

constexpr int32_t kMostBlocks = 4;         // blocks of queries that walk the pages together, so that one widening serves all
constexpr int32_t kItemsPerThread = 4;     // as many keep all threads busy to the end
constexpr int32_t kTilesPerThread = 256;   // a split walk's tiles that wait for their merge, each of one query
constexpr int32_t kSplitPages = 4;         // a shorter walk is not split

const KvPage& page_of(const Stream& s, int32_t slot, int32_t page) {
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

Heads heads_of(const Run& run, const Stream& stream, int32_t kv_head) {
  const Tensor& q = run.call.in[0];
  return {run, stream, kv_head, q.dim(1) / run.call.attrs.n_kv_heads, q.cols()};
}

struct Softmax {
  float* m;  // final maximum and sum of each row and head, (T, H); null unless `received` is wanted
  float* l;
};
Softmax take_softmax(const OpCall& call, Arena& arena) {
  if (call.n_out < 2) return {nullptr, nullptr};
  const size_t n = size_t(call.in[0].rows());
  float* m = arena.array<float>(n, Arena::kAlign);
  return {m, arena.array<float>(n, Arena::kAlign)};
}

int32_t padded(int32_t D) { return (D + 15) / 16 * 16; }
int32_t smaller(int32_t a, int32_t b) { return a < b ? a : b; }

// What a thread works in. Null where no page is quantised: `rotated`; where none is widened: k and v.
struct Room {
  float* q;        // queries, a block of them interleaved after another
  float* rotated;  // the same, for rotated keys
  float* k;        // a page as f32
  float* v;        // (kPageRows, padded(D))
  float* tile;     // (kQueryBlock, padded(D)): what one page gives
  float* o;        // of the queries, (padded(D)) each
};
struct Rooms {
  Room first;
  size_t stride;  // floats from one thread's room to the next
  Room of(int32_t thread) const {
    const size_t at = size_t(thread) * stride;
    const auto moved = [&](float* p) { return p ? p + at : nullptr; };
    return {first.q + at, moved(first.rotated), moved(first.k), moved(first.v), first.tile + at, first.o + at};
  }
};
Rooms take_rooms(const OpCall& call, int32_t n_threads, Arena& arena) {
  const int32_t D = call.in[0].cols(), group = call.in[0].dim(1) / call.attrs.n_kv_heads;
  int32_t most = 0;  // queries of a stream and KV head
  for (const Stream& s : call.batch->streams) most = s.n_rows * group > most ? s.n_rows * group : most;
  const bool quantised = call.batch->quantised_kv, widens = quantised || most >= kQueryBlock || D % 16;
  const size_t n = size_t(smaller(most, kMostBlocks * kQueryBlock)), room_of_row = size_t(padded(D));
  const size_t q = n * room_of_row, page = size_t(kPageRows) * room_of_row;
  const size_t sizes[] = {q, quantised ? q : 0, widens ? page : 0, widens ? page : 0, kQueryBlock * room_of_row, q};
  float* parts[6];
  size_t stride = 0, at = 0;
  for (const size_t size : sizes) stride += size;
  float* const all = arena.array<float>(size_t(n_threads) * stride, Arena::kAlign);
  for (int i = 0; i < 6; ++i) parts[i] = sizes[i] ? all + at : nullptr, at += sizes[i];
  return {{parts[0], parts[1], parts[2], parts[3], parts[4], parts[5]}, stride};
}

// The softmax of a block of queries over the pages so far.
struct SoFar {
  Attending queries[kQueryBlock];
  bool started[kQueryBlock];
  bool is_rotated[kQueryBlock];    // whether o is, after pages of rotated values
};

// What a split walk leaves behind between its tiles and their merge.
struct Split {
  Attending* tiles;
  float* o;         // of the tiles
  SoFar* so_far;    // of every block
};
Split take_split(const OpCall& call, int32_t n_threads, Arena& arena) {
  if (n_threads == 1) return {};
  const size_t n = size_t(n_threads) * kTilesPerThread;
  return {arena.array<Attending>(n, Arena::kAlign), arena.array<float>(n * size_t(padded(call.in[0].cols())), Arena::kAlign),
          arena.array<SoFar>(size_t(n_threads) * kItemsPerThread, Arena::kAlign)};
}

// The largest power of two that divides D.
size_t rotated_block(int32_t D) { return size_t(D & -D); }

// A page as the kernels read it, rows first .. last-1 at least. Quantised keys and values are widened and stay rotated; f16
// is widened where that pays.
PageView view_page(const Heads& heads, const KvPage& page, int32_t first, int32_t last, const Room& room, bool widen_f16) {
  const size_t D = size_t(heads.D);
  PageView view = {page.k, page.v, page.k_dtype, page.v_dtype, D, {{page.k, 0}, {page.v, 0}}};
  const Kernels& kernels = heads.run.kernels;
  const auto widen = [&](float* y, DType dtype, const void* from, int32_t row, int32_t n_rows) {
    SYN_CHECK(y);
    const uint8_t* const at = static_cast<const uint8_t*>(from) + size_t(row) * row_bytes(dtype, heads.D);
    kernels.formats[size_t(dtype)].dequantize(y, at, size_t(n_rows) * D);
  };
  const int32_t group = first / kKeyLanes * kKeyLanes;
  if (is_quantised(page.k_dtype)) {
    const float* rows[kKeyLanes];
    for (int32_t i = 0; i < kKeyLanes; ++i) rows[i] = room.v + size_t(i) * D;
    for (int32_t row = group; row < last; row += kKeyLanes) {
      widen(room.v, page.k_dtype, page.k, row, kKeyLanes);
      kernels.interleave_rows(room.k + size_t(row) * D, rows, kKeyLanes, D);
    }
  } else if (page.k_dtype == DType::f16 && widen_f16) {
    widen(room.k + size_t(group) * D, page.k_dtype, page.k, group, (last - group + kKeyLanes - 1) / kKeyLanes * kKeyLanes);
  }
  if (is_quantised(page.k_dtype) || widen_f16) view.k = page.k_dtype == DType::f32 ? page.k : room.k, view.k_dtype = DType::f32;
  if (D % 16) {  // in rows of whole sixteens
    view.v = room.v, view.v_dtype = DType::f32, view.v_stride = size_t(padded(heads.D));
    for (int32_t row = first; row < last; ++row) widen(room.v + size_t(row) * view.v_stride, page.v_dtype, page.v, row, 1);
  } else if (page.v_dtype != DType::f32 && (is_quantised(page.v_dtype) || widen_f16)) {
    view.v = room.v, view.v_dtype = DType::f32;
    widen(room.v + size_t(first) * D, page.v_dtype, page.v, first, last - first);
  }
  return view;
}

// What the first block of queries asks for while it reads a page: the rest of it and the next one's keys, or, where a copy of
// it is read, the next one.
void ask_ahead(PageView& view, const KvPage& page, const KvPage& next, int32_t D) {
  const auto ahead = [&](const void* from, DType dtype, DType read) {
    const size_t bytes = row_bytes(dtype, D), pace = row_bytes(read, D);
    int32_t shift = 0;
    while ((bytes << (shift + 1)) <= pace + pace / 8) ++shift;
    return Ahead{from, shift};
  };
  const bool is_copy = view.k != page.k || view.v != page.v;
  view.ahead[0] = is_copy ? ahead(next.k, next.k_dtype, view.k_dtype) : ahead(page.v, page.v_dtype, view.k_dtype);
  view.ahead[1] = is_copy ? ahead(next.v, next.v_dtype, view.v_dtype) : ahead(next.k, next.k_dtype, view.v_dtype);
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

void take_queries(const Walk& walk, const Room& room) {
  const Run& run = walk.heads.run;
  const size_t D = size_t(walk.heads.D);
  for (int32_t b = 0; b < walk.n; b += kQueryBlock) {
    const int32_t n = smaller(walk.n - b, kQueryBlock);
    const float* rows[kQueryBlock];
    for (int32_t i = 0; i < n; ++i) rows[i] = f32(run.call.in[0]) + walk.heads.offset(walk.first + b + i);
    run.kernels.interleave_rows(room.q + size_t(b) * D, rows, n, D);
    if (!room.rotated) continue;
    for (int32_t i = 0; i < n; ++i) {
      float* const turned = room.v + size_t(i) * D;
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
  PageView view = view_page(heads, page, first_row, last_row, room, walk.n >= kQueryBlock);
  const Ahead nothing[] = {{view.k, 0}, {view.v, 0}};  // more than what is read
  ask_ahead(view, page, i_page < walk.last_page() ? heads.page(i_page + 1) : page, heads.D);
  const float* const q = is_quantised(page.k_dtype) ? room.rotated : room.q;
  for (int32_t b = 0; b < walk.n; b += kQueryBlock) {
    const int32_t n = smaller(walk.n - b, kQueryBlock);
    run.kernels.attend(tiles + b, n, q + size_t(b) * D, &view, run.call.attrs.factor, run.call.attrs.softcap, D);
    view.ahead[0] = nothing[0], view.ahead[1] = nothing[1];
    done(b, n, tiles + b, is_quantised(page.v_dtype));
  }
}

// Tiles of one page into queries first .. +n of a block.
void add_tiles(const Heads& heads, SoFar& so_far, int32_t first, int32_t n, const Attending* tiles, bool are_rotated) {
  const Kernels& kernels = heads.run.kernels;
  const size_t D = size_t(heads.D);
  int32_t from = 0;  // the first that is not merged yet
  const auto merge_to = [&](int32_t end) {
    if (end > from) kernels.merge(so_far.queries + first + from, tiles + from, end - from, D);
    from = end + 1;
  };
  for (int32_t i = 0; i < n; ++i) {
    Attending& query = so_far.queries[first + i];
    bool &started = so_far.started[first + i], &is_rotated = so_far.is_rotated[first + i];
    if (tiles[i].first >= tiles[i].last) {
      merge_to(i);
    } else if (!started) {
      merge_to(i);
      query.m = tiles[i].m, query.l = tiles[i].l, started = true, is_rotated = are_rotated;
      std::memcpy(query.o, tiles[i].o, D * sizeof(float));
    } else if (is_rotated != are_rotated) {
      kernels.hadamard(query.o, query.o, rotated_block(heads.D), D), is_rotated = are_rotated;
    }
  }
  merge_to(n);
}

// Outputs of a block, and m and l where asked for.
void finish(const Walk& walk, int32_t b, SoFar& so_far, const Softmax& softmax) {
  const Heads& heads = walk.heads;
  for (int32_t i = 0; i < smaller(walk.n - b, kQueryBlock); ++i) {
    const Attending& query = so_far.queries[i];
    const size_t at = heads.offset(walk.first + b + i), D = size_t(heads.D);
    if (so_far.is_rotated[i]) heads.run.kernels.hadamard(query.o, query.o, rotated_block(heads.D), D);
    heads.run.kernels.divide(f32_out(heads.run.call.out[0]) + at, query.o, query.l, D);
    if (softmax.m) softmax.m[at / D] = query.m, softmax.l[at / D] = query.l;
  }
}

void attend_walk(const Walk& walk, const Softmax& softmax, const Room& room) {
  SoFar so_far[kMostBlocks] = {};
  for (int32_t i = 0; i < walk.n; ++i)
    so_far[i / kQueryBlock].queries[i % kQueryBlock].o = room.o + size_t(i) * size_t(padded(walk.heads.D));
  take_queries(walk, room);
  for (int32_t page = walk.first_page(); page <= walk.last_page(); ++page)
    attend_page(walk, page, room, [&](int32_t b, int32_t n, const Attending* tiles, bool rotated) {
      add_tiles(walk.heads, so_far[b / kQueryBlock], 0, n, tiles, rotated);
    });
  for (int32_t b = 0; b < walk.n; b += kQueryBlock) finish(walk, b, so_far[b / kQueryBlock], softmax);
}

// One stream's walks of one block each, too few for the threads: as many pages at once as there is room for, then their
// tiles merged query by query.
void attend_split(const Run& run, const Stream& stream, int64_t work, const Softmax& softmax, const Rooms& rooms, const Split& split) {
  const auto heads_at = [&](int32_t kv_head) { return heads_of(run, stream, kv_head); };
  const int32_t n = stream.n_rows * heads_at(0).group, blocks = ceil_div(n, kQueryBlock);
  const int32_t n_walks = run.call.attrs.n_kv_heads * blocks, n_threads = run.pool.size();
  const auto walk_at = [&](int32_t i) {
    const int32_t first = i % blocks * kQueryBlock;
    return Walk(heads_at(i / blocks), first, smaller(n - first, kQueryBlock));
  };
  const int32_t end = heads_at(0).last_key(n - 1) / kPageRows + 1, n_queries = n_walks * smaller(n, kQueryBlock);
  const int32_t at_once = n_threads * kTilesPerThread / n_queries;
  const size_t D = size_t(padded(run.call.in[0].cols()));
  for (int32_t i = 0; i < n_walks; ++i) {
    const Walk walk = walk_at(i);
    split.so_far[i] = {};
    for (int32_t r = 0; r < walk.n; ++r)
      split.so_far[i].queries[r].o = f32_out(run.call.out[0]) + walk.heads.offset(walk.first + r);
  }
  for (int32_t from = heads_at(0).first_key(0) / kPageRows; from < end; from += at_once) {
    const int32_t n_pages = smaller(end - from, at_once);
    const int32_t each = ceil_div(n_walks * n_pages, kItemsPerThread * n_threads), n_runs = ceil_div(n_pages, each);
    const auto tile_at = [&](int32_t i_walk, int32_t i, int32_t page) {
      return (size_t(i_walk) * size_t(smaller(n, kQueryBlock)) + size_t(i)) * size_t(n_pages) + size_t(page - from);
    };
    parallel(run, n_walks * n_runs, work, [&](int32_t item, int32_t thread) {
      const int32_t i_walk = item / n_runs, first = from + item % n_runs * each;
      const Walk walk = walk_at(i_walk);
      const Room room = rooms.of(thread);
      take_queries(walk, room);
      for (int32_t page = first; page < smaller(first + each, from + n_pages); ++page) {
        for (int32_t i = 0; i < walk.n; ++i) split.tiles[tile_at(i_walk, i, page)] = {};
        attend_page(walk, page, room, [&](int32_t, int32_t, const Attending* tiles, bool) {
          for (int32_t i = 0; i < walk.n; ++i) {
            const size_t at = tile_at(i_walk, i, page);
            split.tiles[at] = tiles[i], split.tiles[at].o = split.o + at * D;
            std::memcpy(split.tiles[at].o, tiles[i].o, D * sizeof(float));
          }
        });
      }
    });
    parallel(run, n_queries, work, [&](int32_t item, int32_t) {
      const int32_t i_walk = item / smaller(n, kQueryBlock), i = item % smaller(n, kQueryBlock);
      const Walk walk = walk_at(i_walk);
      if (i >= walk.n) return;
      for (int32_t page = from; page < from + n_pages; ++page) {
        const Attending& tile = split.tiles[tile_at(i_walk, i, page)];
        if (tile.first >= tile.last) continue;
        add_tiles(walk.heads, split.so_far[i_walk], i, 1, &tile, is_quantised(walk.heads.page(page).v_dtype));
      }
    });
  }
  for (int32_t i = 0; i < n_walks; ++i) finish(walk_at(i), 0, split.so_far[i], softmax);
}

// One KV head's row of `received`: page by page, so that queries are added in ascending order to every key.
void sum_received(const Heads& heads, const Softmax& softmax, float* received, int32_t S, const Room& room) {
  const Run& run = heads.run;
  const size_t D = size_t(heads.D);
  const int32_t n = heads.stream.n_rows * heads.group, from = run.call.attrs.received_from * heads.group;
  for (int32_t page = 0; page * kPageRows < S; ++page) {
    float sums[kPageRows] = {}, p[1][kPageRows];
    const int32_t left = S - page * kPageRows, n_keys = left < kPageRows ? left : kPageRows;
    PageView view = {};  // of the page once a query sees it: a window may have freed it
    bool rotated = false;
    for (int32_t i = from; i < n; ++i) {
      const size_t at = heads.offset(i);
      const float* q = f32(run.call.in[0]) + at;
      Attending query = {};
      heads.keys(i).see(query, page);
      if (query.first >= query.last) continue;
      if (!view.k) {
        rotated = is_quantised(heads.page(page).k_dtype);
        view = view_page(heads, heads.page(page), 0, n_keys, room, false);
      }
      if (rotated) run.kernels.hadamard(room.rotated, q, rotated_block(heads.D), D), q = room.rotated;
      run.kernels.page_probabilities(p, &query, q, &view, run.call.attrs.factor, run.call.attrs.softcap, D);
      const size_t head = at / size_t(heads.D);
      run.kernels.add_received(sums, p[0], query.m, softmax.m[head], softmax.l[head]);
    }
    std::memcpy(received + page * kPageRows, sums, size_t(n_keys) * sizeof(float));
  }
}

}  // namespace

void scratch_kv_append(const OpCall& call, const Kernels&, int32_t n_threads, Arena& arena) {
  arena.alloc(size_t(n_threads) * Arena::align_up(size_t(call.in[0].cols()) * sizeof(float), Arena::kAlign));
}

void run_kv_append(const Run& run) {
  const Tensor &k = run.call.in[0], &v = run.call.in[1];
  const int32_t K = k.dim(1), D = k.cols();
  const size_t row_bytes = Arena::align_up(size_t(D) * sizeof(float), Arena::kAlign);
  uint8_t* const rows = static_cast<uint8_t*>(run.scratch.alloc(size_t(run.pool.size()) * row_bytes));
  const Batch& batch = *run.call.batch;
  parallel(run, int32_t(batch.streams.size()) * K, int64_t(k.size()) * 4, [&](int32_t item, int32_t thread) {
    const Stream& s = batch.streams[size_t(item / K)];
    const int32_t head = item % K;
    uint8_t* const narrow = rows + size_t(thread) * row_bytes;
    float* const wide = reinterpret_cast<float*>(narrow);
    for (int32_t t = 0; t < s.n_rows; ++t) {
      const int32_t position = s.position + t, row = position % kPageRows;
      const KvPage& page = page_of(s, run.call.attrs.kv_slot + head, position / kPageRows);
      const size_t at = (size_t(s.first_row + t) * size_t(K) + size_t(head)) * size_t(D);
      // A row as it is, or rotated into blocks.
      const auto put_row = [&](void* rows_of_page, DType dtype, const float* x) {
        if (is_quantised(dtype)) run.kernels.hadamard(wide, x, rotated_block(D), size_t(D)), x = wide;
        uint8_t* const to = static_cast<uint8_t*>(rows_of_page) + size_t(row) * synapse::row_bytes(dtype, D);
        run.kernels.formats[size_t(dtype)].quantize(to, x, size_t(D));
      };
      put_row(page.v, page.v_dtype, f32(v) + at);
      if (is_quantised(page.k_dtype)) {
        put_row(page.k, page.k_dtype, f32(k) + at);
        continue;
      }
      const size_t k_bytes = synapse::row_bytes(page.k_dtype, 1);
      run.kernels.formats[size_t(page.k_dtype)].quantize(narrow, f32(k) + at, size_t(D));
      uint8_t* const to = static_cast<uint8_t*>(page.k) +
                          (size_t(row / kKeyLanes) * size_t(D) * kKeyLanes + size_t(row % kKeyLanes)) * k_bytes;
      for (size_t d = 0; d < size_t(D); ++d) std::memcpy(to + d * kKeyLanes * k_bytes, narrow + d * k_bytes, k_bytes);
    }
  });
}

void scratch_attention(const OpCall& call, const Kernels&, int32_t n_threads, Arena& arena) {
  take_softmax(call, arena), take_rooms(call, n_threads, arena), take_split(call, n_threads, arena);
}

void run_attention(const Run& run) {
  const Batch& batch = *run.call.batch;
  const int32_t n_threads = run.pool.size();
  const Softmax softmax = take_softmax(run.call, run.scratch);
  const Rooms rooms = take_rooms(run.call, n_threads, run.scratch);
  const Split split = take_split(run.call, n_threads, run.scratch);
  const Tensor& q = run.call.in[0];
  const int32_t K = run.call.attrs.n_kv_heads, group = q.dim(1) / K;
  int32_t n_blocks = 0;
  int64_t work = 0;
  for (const Stream& s : batch.streams) {
    n_blocks += K * ceil_div(s.n_rows * group, kQueryBlock);
    work += int64_t(s.n_rows) * (s.position + s.n_rows) * q.dim(1) * q.cols() * 2;
  }
  // Whole walks, of more than one block where there are plenty; where there are few, long ones are split.
  const bool are_few = n_threads > 1 && n_blocks < kItemsPerThread * n_threads;
  const auto is_split = [&](const Stream& s) {
    const Heads heads = heads_of(run, s, 0);
    return are_few && heads.last_key(s.n_rows * group - 1) - heads.first_key(0) >= kSplitPages * kPageRows;
  };
  const int32_t plenty = n_blocks / (kItemsPerThread * n_threads);
  const int32_t together = (plenty < 1 ? 1 : smaller(plenty, kMostBlocks)) * kQueryBlock;
  const auto walks_of = [&](const Stream& s) { return is_split(s) ? 0 : ceil_div(s.n_rows * group, together); };
  int32_t n_walks = 0;
  for (const Stream& s : batch.streams) n_walks += K * walks_of(s);
  parallel(run, n_walks, work, [&](int32_t item, int32_t thread) {
    for (const Stream& s : batch.streams) {
      const int32_t walks = walks_of(s);
      if (item >= K * walks) {
        item -= K * walks;
        continue;
      }
      const int32_t first = (walks - 1 - item / K) * together;  // the longest first
      const Walk walk(heads_of(run, s, item % K), first, smaller(s.n_rows * group - first, together));
      return attend_walk(walk, softmax, rooms.of(thread));
    }
  });
  for (const Stream& s : batch.streams)
    if (is_split(s)) attend_split(run, s, work, softmax, rooms, split);
  if (run.call.n_out < 2) return;
  SYN_CHECK(batch.streams.size() == 1);
  const int32_t S = batch.streams[0].position + batch.streams[0].n_rows;
  parallel(run, K, work, [&](int32_t kv_head, int32_t thread) {
    sum_received(heads_of(run, batch.streams[0], kv_head), softmax,
                 f32_out(run.call.out[1]) + size_t(kv_head) * size_t(S), S, rooms.of(thread));
  });
}

}  // namespace synapse::cpu
