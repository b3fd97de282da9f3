// Attention: walks of queries over pages shared out among threads, and what keys received.
#include "synapse/cpu/attention_walk.h"

namespace synapse::cpu {
namespace {

constexpr int32_t kItemsPerThread = 4;     // as many keep all threads busy to the end
constexpr int32_t kTilesPerThread = 256;   // a split walk's tiles that wait for their merge, each of one query
constexpr int32_t kSplitPages = 4;         // a shorter walk is not split

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
void attend_split(const Run& run, const Stream& stream, int64_t work, const Softmax& softmax, const Rooms& rooms,
                  const Split& split) {
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
    float sums[kPageRows] = {};
    const int32_t left = S - page * kPageRows, n_keys = left < kPageRows ? left : kPageRows;
    PageRows keys = {};  // of the page once a query sees it: a window may have freed it
    bool rotated = false;
    for (int32_t i = from; i < n; ++i) {
      const size_t at = heads.offset(i);
      const float* q = f32(run.call.in[0]) + at;
      Attending query = {};
      float p[1][kPageRows] = {};
      heads.keys(i).see(query, page);
      if (query.first >= query.last) continue;
      if (!keys.rows) {
        rotated = is_quantised(heads.page(page).k_dtype);
        keys = view_keys(heads, heads.page(page), 0, n_keys, room, false);
      }
      if (rotated) run.kernels.hadamard(room.rotated, q, rotated_block(heads.D), D), q = room.rotated;
      run.kernels.scores(p, &query, 1, q, &keys, run.call.attrs.factor, run.call.attrs.softcap, D);
      const size_t head = at / size_t(heads.D);
      run.kernels.add_received(sums, p[0], query.m, softmax.m[head], softmax.l[head]);
    }
    std::memcpy(received + page * kPageRows, sums, size_t(n_keys) * sizeof(float));
  }
}

}  // namespace

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
