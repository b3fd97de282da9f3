// Rows of keys and values into the pages of a cache.
#include "synapse/cpu/attention_walk.h"

namespace synapse::cpu {
namespace {

// Rows t .. of one stream and KV head.
struct Rows {
  const Run& run;
  const Stream& stream;
  int32_t head;
  float* room;  // (kKeyLanes, D)

  int32_t D() const { return run.call.in[0].cols(); }
  const float* at(const Tensor& x, int32_t t) const {
    return f32(x) + (size_t(stream.first_row + t) * size_t(x.dim(1)) + size_t(head)) * size_t(D());
  }
  void quantize(DType dtype, void* to, const float* x, int32_t n) const {
    run.kernels.formats[size_t(dtype)].quantize(to, x, size_t(n));
  }

  // One row as it is, or rotated into blocks.
  void put_row(void* rows, DType dtype, int32_t row, const float* x) const {
    if (is_quantised(dtype)) run.kernels.hadamard(room, x, rotated_block(D()), size_t(D())), x = room;
    quantize(dtype, static_cast<uint8_t*>(rows) + size_t(row) * row_bytes(dtype, D()), x, D());
  }

  // n keys from row t on, d-major: a whole group of them, or one of a group.
  void put_keys(const KvPage& page, int32_t row, int32_t t, int32_t n) const {
    const size_t one = row_bytes(page.k_dtype, 1), group = size_t(row / kKeyLanes) * row_bytes(page.k_dtype, D()) * kKeyLanes;
    uint8_t* const to = static_cast<uint8_t*>(page.k) + group + size_t(row % kKeyLanes) * one;
    if (n == kKeyLanes) {
      const float* rows[kKeyLanes];
      for (int32_t i = 0; i < n; ++i) rows[i] = at(run.call.in[0], t + i);
      run.kernels.interleave_rows(room, rows, n, size_t(D()));
      return quantize(page.k_dtype, to, room, n * D());
    }
    uint8_t* const narrow = reinterpret_cast<uint8_t*>(room);
    quantize(page.k_dtype, narrow, at(run.call.in[0], t), D());
    for (size_t d = 0; d < size_t(D()); ++d) std::memcpy(to + d * kKeyLanes * one, narrow + d * one, one);
  }
};

size_t room_floats(const OpCall& call) { return size_t(kKeyLanes) * size_t(padded(call.in[0].cols())); }

}  // namespace

void scratch_kv_append(const OpCall& call, const Kernels&, int32_t n_threads, Arena& arena) {
  arena.array<float>(size_t(n_threads) * room_floats(call), Arena::kAlign);
}

void run_kv_append(const Run& run) {
  const Tensor &k = run.call.in[0], &v = run.call.in[1];
  float* const room = run.scratch.array<float>(size_t(run.pool.size()) * room_floats(run.call), Arena::kAlign);
  const Batch& batch = *run.call.batch;
  const int32_t K = k.dim(1);
  parallel(run, int32_t(batch.streams.size()) * K, int64_t(k.size()) * 4, [&](int32_t item, int32_t thread) {
    const Stream& s = batch.streams[size_t(item / K)];
    const Rows rows = {run, s, item % K, room + size_t(thread) * room_floats(run.call)};
    for (int32_t t = 0; t < s.n_rows;) {
      const int32_t row = (s.position + t) % kPageRows;
      const KvPage& page = page_of(s, run.call.attrs.kv_slot + rows.head, (s.position + t) / kPageRows);
      const int32_t n = row % kKeyLanes == 0 && s.n_rows - t >= kKeyLanes ? kKeyLanes : 1;
      for (int32_t i = 0; i < n; ++i) {
        rows.put_row(page.v, page.v_dtype, row + i, rows.at(v, t + i));
        if (is_quantised(page.k_dtype)) rows.put_row(page.k, page.k_dtype, row + i, rows.at(k, t + i));
      }
      if (!is_quantised(page.k_dtype)) rows.put_keys(page, row, t, n);
      t += n;
    }
  });
}

}  // namespace synapse::cpu
