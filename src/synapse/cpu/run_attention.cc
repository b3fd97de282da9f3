// The cache: rows into pages, and queries against pages.
#include "synapse/cpu/run.h"

namespace synapse::cpu {
namespace {

constexpr int32_t kItemQueries = 16;  // queries of one KV head that walk the pages together

const KvPage& page_of(const Stream& s, int32_t slot, int32_t page) {
  SYN_CHECK(s.kv && page < s.kv->max_pages);
  const KvPage* p = s.kv->pages[size_t(slot) * size_t(s.kv->max_pages) + size_t(page)];
  SYN_CHECK(p && !p->positions && p->base == page * kPageRows);
  return *p;
}

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
  // What query i sees of a page, as rows first .. last-1 of it; empty when first >= last.
  void see(Attending& a, int32_t i, int32_t page) const {
    const int32_t base = page * kPageRows, first = first_key(i) - base, last = last_key(i) + 1 - base;
    a.first = first > 0 ? first : 0;
    a.last = last < kPageRows ? last : kPageRows;
  }
  PageView view(int32_t page) const {
    const KvPage& p = page_of(stream, run.call.attrs.kv_slot + kv_head, page);
    return {p.k, p.v, p.k_dtype, p.v_dtype};
  }
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

// Queries first .. +n of one KV head: outputs, and m and l where asked for.
void attend_queries(const Heads& heads, int32_t first, int32_t n, const Softmax& softmax) {
  const Run& run = heads.run;
  Attending queries[kItemQueries];
  for (int32_t i = 0; i < n; ++i) {
    const size_t at = heads.offset(first + i);
    queries[i] = {f32(run.call.in[0]) + at, f32_out(run.call.out[0]) + at, 0, 0, 0, 0, false};
  }
  const int32_t last_page = heads.last_key(first + n - 1) / kPageRows;
  for (int32_t page = heads.first_key(first) / kPageRows; page <= last_page; ++page) {
    for (int32_t i = 0; i < n; ++i) heads.see(queries[i], first + i, page);
    const PageView view = heads.view(page);
    run.kernels.attend(queries, n, &view, run.call.attrs.factor, run.call.attrs.softcap, size_t(heads.D));
  }
  for (int32_t i = 0; i < n; ++i) {
    for (int32_t d = 0; d < heads.D; ++d) queries[i].o[d] = queries[i].o[d] / queries[i].l;
    if (!softmax.m) continue;
    const size_t head = heads.offset(first + i) / size_t(heads.D);
    softmax.m[head] = queries[i].m, softmax.l[head] = queries[i].l;
  }
}

// One KV head's row of `received`: page by page, so that queries are added in ascending order to every key.
void sum_received(const Heads& heads, const Softmax& softmax, float* received, int32_t S) {
  const Run& run = heads.run;
  const int32_t n = heads.stream.n_rows * heads.group, from = run.call.attrs.received_from * heads.group;
  for (int32_t page = 0; page * kPageRows < S; ++page) {
    float sums[kPageRows] = {}, p[kPageRows];
    for (int32_t i = from; i < n; ++i) {
      const size_t at = heads.offset(i);
      Attending query = {f32(run.call.in[0]) + at, nullptr, 0, 0, 0, 0, false};
      heads.see(query, i, page);
      if (query.first >= query.last) continue;
      const PageView view = heads.view(page);
      const Attrs& attrs = run.call.attrs;
      const float m = run.kernels.page_probabilities(p, &query, &view, attrs.factor, attrs.softcap, size_t(heads.D));
      const size_t head = at / size_t(heads.D);
      run.kernels.add_received(sums, p, m, softmax.m[head], softmax.l[head]);
    }
    const int32_t left = S - page * kPageRows;
    std::memcpy(received + page * kPageRows, sums, size_t(left < kPageRows ? left : kPageRows) * sizeof(float));
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
    for (int32_t t = 0; t < s.n_rows; ++t) {
      const int32_t position = s.position + t, row = position % kPageRows;
      const KvPage& page = page_of(s, run.call.attrs.kv_slot + head, position / kPageRows);
      const size_t at = (size_t(s.first_row + t) * size_t(K) + size_t(head)) * size_t(D);
      const size_t k_bytes = synapse::row_bytes(page.k_dtype, 1), v_bytes = synapse::row_bytes(page.v_dtype, 1);
      run.kernels.formats[size_t(page.k_dtype)].quantize(narrow, f32(k) + at, size_t(D));
      uint8_t* const to = static_cast<uint8_t*>(page.k) +
                          (size_t(row / kKeyLanes) * size_t(D) * kKeyLanes + size_t(row % kKeyLanes)) * k_bytes;
      for (size_t d = 0; d < size_t(D); ++d) std::memcpy(to + d * kKeyLanes * k_bytes, narrow + d * k_bytes, k_bytes);
      run.kernels.formats[size_t(page.v_dtype)].quantize(
          static_cast<uint8_t*>(page.v) + size_t(row) * size_t(D) * v_bytes, f32(v) + at, size_t(D));
    }
  });
}

void scratch_attention(const OpCall& call, const Kernels&, int32_t, Arena& arena) { take_softmax(call, arena); }

void run_attention(const Run& run) {
  const Batch& batch = *run.call.batch;
  const Softmax softmax = take_softmax(run.call, run.scratch);
  const Tensor& q = run.call.in[0];
  const int32_t K = run.call.attrs.n_kv_heads, group = q.dim(1) / K;
  int32_t n_items = 0;
  int64_t work = 0;
  for (const Stream& s : batch.streams) {
    n_items += K * ceil_div(s.n_rows * group, kItemQueries);
    work += int64_t(s.n_rows) * (s.position + s.n_rows) * q.dim(1) * q.cols() * 2;
  }
  parallel(run, n_items, work, [&](int32_t item, int32_t) {
    for (const Stream& s : batch.streams) {
      const int32_t n = s.n_rows * group, blocks = ceil_div(n, kItemQueries);
      if (item >= K * blocks) {
        item -= K * blocks;
        continue;
      }
      const int32_t first = item % blocks * kItemQueries;
      return attend_queries(heads_of(run, s, item / blocks), first, n - first < kItemQueries ? n - first : kItemQueries,
                            softmax);
    }
  });
  if (run.call.n_out < 2) return;
  SYN_CHECK(batch.streams.size() == 1);
  const int32_t S = batch.streams[0].position + batch.streams[0].n_rows;
  parallel(run, K, work, [&](int32_t kv_head, int32_t) {
    sum_received(heads_of(run, batch.streams[0], kv_head), softmax,
                 f32_out(run.call.out[1]) + size_t(kv_head) * size_t(S), S);
  });
}

}  // namespace synapse::cpu
