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

// What a thread needs for quantised pages: its queries rotated, and one page as f32. Null where no page is quantised.
struct Wide {
  float* q;  // (kItemQueries, D)
  float* k;
  float* v;
};
size_t wide_floats(int32_t D) { return size_t(kItemQueries + 2 * kPageRows) * size_t(D); }
float* take_wide(const OpCall& call, int32_t n_threads, Arena& arena) {
  if (!call.batch->quantised_kv) return nullptr;
  return arena.array<float>(size_t(n_threads) * wide_floats(call.in[0].cols()), Arena::kAlign);
}
Wide wide_of(float* all, int32_t thread, int32_t D) {
  if (!all) return {nullptr, nullptr, nullptr};
  float* q = all + size_t(thread) * wide_floats(D);
  return {q, q + size_t(kItemQueries) * size_t(D), q + size_t(kItemQueries + kPageRows) * size_t(D)};
}

// The largest power of two that divides D.
size_t rotated_block(int32_t D) { return size_t(D & -D); }

// A page as the kernels read it, rows first .. last-1 at least: quantised keys and values are widened, and stay rotated.
PageView view_page(const Heads& heads, const KvPage& page, int32_t first, int32_t last, const Wide& wide) {
  PageView view = {page.k, page.v, page.k_dtype, page.v_dtype};
  const Format* formats = heads.run.kernels.formats;
  const size_t D = size_t(heads.D);
  const auto rows_of = [&](DType dtype, const void* blocks, int32_t row) {
    SYN_CHECK(wide.q);
    return static_cast<const uint8_t*>(blocks) + size_t(row) * row_bytes(dtype, heads.D);
  };
  if (is_quantised(page.k_dtype)) {
    for (int32_t row = first / kKeyLanes * kKeyLanes; row < last; row += kKeyLanes) {
      formats[size_t(page.k_dtype)].dequantize(wide.v, rows_of(page.k_dtype, page.k, row), kKeyLanes * D);
      heads.run.kernels.interleave_rows(wide.k + size_t(row) * D, wide.v, D);
    }
    view.k = wide.k, view.k_dtype = DType::f32;
  }
  if (is_quantised(page.v_dtype)) {
    formats[size_t(page.v_dtype)].dequantize(wide.v + size_t(first) * D, rows_of(page.v_dtype, page.v, first),
                                             size_t(last - first) * D);
    view.v = wide.v, view.v_dtype = DType::f32;
  }
  return view;
}

// Queries first .. +n of one KV head: outputs, and m and l where asked for.
void attend_queries(const Heads& heads, int32_t first, int32_t n, const Softmax& softmax, const Wide& wide) {
  const Run& run = heads.run;
  const size_t D = size_t(heads.D), block = rotated_block(heads.D);
  const auto rotate = [&](float* y, const float* x) { run.kernels.hadamard(y, x, block, D); };
  Attending queries[kItemQueries];
  bool rotated[kItemQueries] = {};  // whether a query's output is, after pages of rotated values
  for (int32_t i = 0; i < n; ++i) {
    const size_t at = heads.offset(first + i);
    queries[i] = {f32(run.call.in[0]) + at, f32_out(run.call.out[0]) + at, 0, 0, 0, 0, false};
    if (wide.q) rotate(wide.q + size_t(i) * D, queries[i].q);
  }
  const int32_t last_page = heads.last_key(first + n - 1) / kPageRows;
  for (int32_t i_page = heads.first_key(first) / kPageRows; i_page <= last_page; ++i_page) {
    const KvPage& page = heads.page(i_page);
    const bool rotated_k = is_quantised(page.k_dtype), rotated_v = is_quantised(page.v_dtype);
    int32_t first_row = kPageRows, last_row = 0;
    for (int32_t i = 0; i < n; ++i) {
      Attending& query = queries[i];
      heads.see(query, first + i, i_page);
      if (query.first >= query.last) continue;
      first_row = query.first < first_row ? query.first : first_row;
      last_row = query.last > last_row ? query.last : last_row;
      query.q = rotated_k ? wide.q + size_t(i) * D : f32(run.call.in[0]) + heads.offset(first + i);
      if (query.started && rotated[i] != rotated_v) rotate(query.o, query.o);
      rotated[i] = rotated_v;
    }
    if (first_row >= last_row) continue;
    const PageView view = view_page(heads, page, first_row, last_row, wide);
    run.kernels.attend(queries, n, &view, run.call.attrs.factor, run.call.attrs.softcap, D);
  }
  for (int32_t i = 0; i < n; ++i) {
    if (rotated[i]) rotate(queries[i].o, queries[i].o);
    for (int32_t d = 0; d < heads.D; ++d) queries[i].o[d] = queries[i].o[d] / queries[i].l;
    if (!softmax.m) continue;
    const size_t head = heads.offset(first + i) / size_t(heads.D);
    softmax.m[head] = queries[i].m, softmax.l[head] = queries[i].l;
  }
}

// One KV head's row of `received`: page by page, so that queries are added in ascending order to every key.
void sum_received(const Heads& heads, const Softmax& softmax, float* received, int32_t S, const Wide& wide) {
  const Run& run = heads.run;
  const size_t D = size_t(heads.D);
  const int32_t n = heads.stream.n_rows * heads.group, from = run.call.attrs.received_from * heads.group;
  for (int32_t page = 0; page * kPageRows < S; ++page) {
    float sums[kPageRows] = {}, p[kPageRows];
    const int32_t left = S - page * kPageRows, n_keys = left < kPageRows ? left : kPageRows;
    PageView view = {};  // of the page once a query sees it: a window may have freed it
    bool rotated = false;
    for (int32_t i = from; i < n; ++i) {
      const size_t at = heads.offset(i);
      Attending query = {f32(run.call.in[0]) + at, nullptr, 0, 0, 0, 0, false};
      heads.see(query, i, page);
      if (query.first >= query.last) continue;
      if (!view.k) {
        rotated = is_quantised(heads.page(page).k_dtype);
        view = view_page(heads, heads.page(page), 0, n_keys, wide);
      }
      if (rotated) run.kernels.hadamard(wide.q, query.q, rotated_block(heads.D), D), query.q = wide.q;
      const float m = run.kernels.page_probabilities(p, &query, &view, run.call.attrs.factor, run.call.attrs.softcap, D);
      const size_t head = at / size_t(heads.D);
      run.kernels.add_received(sums, p, m, softmax.m[head], softmax.l[head]);
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
  take_softmax(call, arena), take_wide(call, n_threads, arena);
}

void run_attention(const Run& run) {
  const Batch& batch = *run.call.batch;
  const Softmax softmax = take_softmax(run.call, run.scratch);
  float* const wide = take_wide(run.call, run.pool.size(), run.scratch);
  const Tensor& q = run.call.in[0];
  const int32_t K = run.call.attrs.n_kv_heads, group = q.dim(1) / K;
  int32_t n_items = 0;
  int64_t work = 0;
  for (const Stream& s : batch.streams) {
    n_items += K * ceil_div(s.n_rows * group, kItemQueries);
    work += int64_t(s.n_rows) * (s.position + s.n_rows) * q.dim(1) * q.cols() * 2;
  }
  parallel(run, n_items, work, [&](int32_t item, int32_t thread) {
    for (const Stream& s : batch.streams) {
      const int32_t n = s.n_rows * group, blocks = ceil_div(n, kItemQueries);
      if (item >= K * blocks) {
        item -= K * blocks;
        continue;
      }
      const int32_t first = item % blocks * kItemQueries;
      return attend_queries(heads_of(run, s, item / blocks), first, n - first < kItemQueries ? n - first : kItemQueries,
                            softmax, wide_of(wide, thread, q.cols()));
    }
  });
  if (run.call.n_out < 2) return;
  SYN_CHECK(batch.streams.size() == 1);
  const int32_t S = batch.streams[0].position + batch.streams[0].n_rows;
  parallel(run, K, work, [&](int32_t kv_head, int32_t thread) {
    sum_received(heads_of(run, batch.streams[0], kv_head), softmax,
                 f32_out(run.call.out[1]) + size_t(kv_head) * size_t(S), S, wide_of(wide, thread, q.cols()));
  });
}

}  // namespace synapse::cpu
