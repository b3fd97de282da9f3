// The device: every op case on every variant and thread count, against scalar on one thread.
#include "synapse/cpu/cpu_device.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <vector>

#include "op_cases.h"
#include "synapse/base/half.h"
#include "synapse/base/rng.h"

namespace synapse {
namespace {

using op_cases::OpCase;

class Pool {
 public:
  explicit Pool(int32_t n) : pool_(*platform::ThreadPool::create(n)) {}
  ~Pool() { platform::ThreadPool::destroy(pool_); }
  platform::ThreadPool& operator*() { return *pool_; }

 private:
  platform::ThreadPool* pool_;
};

class CpuDeviceTest : public testing::Test {
 protected:
  std::vector<uint8_t> memory_ = std::vector<uint8_t>(op_cases::kArenaBytes);
  Arena arena_ = Arena(memory_.data(), memory_.size());
};

TEST_F(CpuDeviceTest, every_variant_and_thread_count_gives_the_bits_of_scalar) {
  Pool one(1), two(2), three(3);
  for (const OpCase& c : op_cases::all()) {
    CpuDevice reference(kernel_variants()[0], *one);
    const uint64_t wanted = op_cases::run(c, reference, arena_);
    for (const Kernels& k : kernel_variants()) {
      CpuDevice single(k, *one);
      const uint64_t alone = op_cases::run(c, single, arena_);
      if (c.attrs.exact) { EXPECT_EQ(alone, wanted) << c.name << " on " << k.isa; }
      if (SYNAPSE_IS_SANITIZED && &k != &kernel_variants().back()) continue;  // threads do the same with all of them
      for (Pool* pool : {&two, &three}) {
        CpuDevice device(k, **pool);
        EXPECT_EQ(op_cases::run(c, device, arena_), alone) << c.name << " on " << k.isa << ", threads";
      }
    }
  }
}

TEST_F(CpuDeviceTest, every_format_that_runs_has_cases) {
  for (size_t f = 0; f < kNDTypes; ++f) {
    int32_t n_lookups = 0, n_linears = 0;
    for (const OpCase& c : op_cases::all()) {
      n_lookups += c.op == Op::get_rows && c.format[0] == DType(f);
      n_linears += c.op == Op::linears && c.format[0] == DType(f);
    }
    const Format& format = kernels().formats[f];
    EXPECT_EQ(n_lookups > 0, format.dequantize != nullptr) << label(DType(f));
    EXPECT_EQ(n_linears > 1, format.dot || format.exact) << label(DType(f));
  }
}

TEST_F(CpuDeviceTest, a_row_does_not_depend_on_the_rows_beside_it) {
  Pool one(1);
  CpuDevice device(kernels(), *one);
  for (const OpCase& c : op_cases::all()) {
    if (c.op != Op::linears || c.T == 1) continue;
    OpCall call;
    op_cases::run(c, device, arena_, &call);
    for (int32_t row = 0; row < c.T; ++row) {
      OpCall single = call;
      single.in[0] = make_tensor(static_cast<float*>(call.in[0].data) + row * c.n, DType::f32, {1, c.n});
      std::vector<std::vector<float>> y;
      for (int i = 0; i < call.n_out; ++i) {
        y.emplace_back(size_t(c.out[i]));
        single.out[i] = make_tensor(y.back().data(), DType::f32, {1, c.out[i]});
      }
      std::vector<uint8_t> scratch(device.scratch_bytes(single) + 64);
      device.run(single, reinterpret_cast<void*>((reinterpret_cast<uintptr_t>(scratch.data()) + 63) & ~uintptr_t(63)));
      for (int i = 0; i < call.n_out; ++i)
        EXPECT_EQ(std::memcmp(y[size_t(i)].data(), static_cast<float*>(call.out[i].data) + row * c.out[i], size_t(c.out[i]) * 4), 0)
            << c.name << " row " << row;
    }
  }
}

TEST_F(CpuDeviceTest, float_linears_are_within_their_bound_of_f64) {
  Pool one(1);
  for (const OpCase& c : op_cases::all()) {
    if (c.op != Op::linears || is_quantised(c.format[0]) || c.out[1] > 0) continue;
    for (const Kernels& k : kernel_variants()) {
      CpuDevice device(k, *one);
      OpCall call;
      op_cases::run(c, device, arena_, &call);
      std::vector<float> w(size_t(c.n));
      for (int32_t o = 0; o < c.out[0]; ++o) {
        k.formats[size_t(c.format[0])].dequantize(w.data(), static_cast<uint8_t*>(call.in[1].data) + size_t(o) * call.in[1].row_bytes(), w.size());
        for (int32_t t = 0; t < c.T; ++t) {
          const float* x = static_cast<float*>(call.in[0].data) + t * c.n;
          double sum = 0, magnitude = 0;
          for (int32_t i = 0; i < c.n; ++i) sum += double(x[i]) * w[size_t(i)], magnitude += std::fabs(double(x[i]) * w[size_t(i)]);
          const double bias = c.bias ? static_cast<float*>(call.in[2].data)[o] : 0;
          const double bound = (c.n / 16.0 + 8) * 0x1p-24 * 2 * (magnitude + std::fabs(bias));
          EXPECT_NEAR(static_cast<float*>(call.out[0].data)[t * c.out[0] + o], sum + bias, bound) << c.name << " on " << k.isa;
        }
      }
    }
  }
}

// Softmax attention in f64 over the values that were written.
void check_attention(bool causal, int32_t window) {
  Pool one(1);
  CpuDevice device(kernels(), *one);
  constexpr int32_t S = 150, H = 4, K = 2, D = 20;
  std::vector<float> k(S * K * D), v(S * K * D), q(S * H * D), y(S * H * D), received(K * S);
  const auto noise = [](std::vector<float>& x, int seed) {
    for (size_t i = 0; i < x.size(); ++i) x[i] = std::sin(float(i) * 0.7f + float(seed)) * 2;
  };
  noise(k, 1), noise(v, 2), noise(q, 3);
  std::vector<std::vector<float>> memory;
  std::vector<KvPage> pages(K * 3);
  std::vector<KvPage*> pointers;
  for (int32_t i = 0; i < K * 3; ++i) {
    memory.emplace_back(2 * 64 * D, NAN);  // what nobody wrote must not be read
    pages[size_t(i)] = {memory.back().data(), memory.back().data() + 64 * D, DType::f32, DType::f32, i % 3 * 64, nullptr, 1};
    pointers.push_back(&pages[size_t(i)]);
  }
  const KvTable table = {pointers.data(), 3};
  const Stream stream = {&table, 0, S, 0};
  const Batch batch = {{&stream, 1}, S};
  alignas(64) static uint8_t scratch[1 << 16];
  OpCall append;
  append.op = Op::kv_append, append.n_in = 2, append.batch = &batch;
  append.in[0] = make_tensor(k.data(), DType::f32, {S, K, D}), append.in[1] = make_tensor(v.data(), DType::f32, {S, K, D});
  device.run(append, scratch);
  OpCall call;
  call.op = Op::attention, call.n_in = 1, call.n_out = 2, call.batch = &batch;
  call.attrs.factor = 0.3f, call.attrs.n_kv_heads = K, call.attrs.window = window, call.attrs.received_from = 10, call.attrs.causal = causal;
  call.in[0] = make_tensor(q.data(), DType::f32, {S, H, D}), call.out[0] = make_tensor(y.data(), DType::f32, {S, H, D});
  call.out[1] = make_tensor(received.data(), DType::f32, {K, S});
  ASSERT_LE(device.scratch_bytes(call), sizeof scratch);
  device.run(call, scratch);

  std::vector<double> wanted_received(K * S);
  for (int32_t t = 0; t < S; ++t)
    for (int32_t h = 0; h < H; ++h) {
      const int32_t kv = h / (H / K), first = window ? std::max(0, t - window + 1) : 0, last = causal ? t : S - 1;
      std::vector<double> p;
      double sum = 0;
      for (int32_t j = first; j <= last; ++j) {
        double dot = 0;
        for (int32_t d = 0; d < D; ++d) dot += double(q[size_t((t * H + h) * D + d)]) * k[size_t((j * K + kv) * D + d)];
        p.push_back(std::exp(dot * 0.3)), sum += p.back();
      }
      for (int32_t d = 0; d < D; ++d) {
        double o = 0;
        for (int32_t j = first; j <= last; ++j) o += p[size_t(j - first)] / sum * v[size_t((j * K + kv) * D + d)];
        EXPECT_NEAR(y[size_t((t * H + h) * D + d)], o, 2e-5) << t << " " << h << " " << d;
      }
      for (int32_t j = first; j <= last && t >= 10; ++j) wanted_received[size_t(kv * S + j)] += p[size_t(j - first)] / sum;
    }
  for (int32_t i = 0; i < K * S; ++i) EXPECT_NEAR(received[size_t(i)], wanted_received[size_t(i)], 1e-4) << i;
}

TEST(Attention, is_softmax_over_the_visible_keys) { check_attention(true, 70); }
TEST(Attention, sees_the_whole_text_where_it_is_not_causal) { check_attention(false, 0); }

// Decoding row by row, and any split of a prompt, against the whole prompt at once.
TEST_F(CpuDeviceTest, attention_and_scans_do_not_depend_on_how_the_rows_arrive) {
  Pool two(2);
  CpuDevice device(kernels(), *two);
  for (const OpCase& c : op_cases::all()) {
    const bool is_scan = c.op >= Op::conv1d && c.op <= Op::gated_delta && !c.stateless;
    if ((c.op != Op::attention && !is_scan) || !c.attrs.causal || c.n_streams != 1) continue;
    const uint64_t wanted = op_cases::run(c, device, arena_);
    for (int32_t rows_at_once : {1, 3, 64}) {
      if (c.received) continue;
      OpCase part = c;
      part.rows_at_once = rows_at_once;
      EXPECT_EQ(op_cases::run(part, device, arena_), wanted) << c.name << ", " << rows_at_once << " at once";
    }
  }
}

TEST_F(CpuDeviceTest, a_fault_in_the_activations_reaches_the_output) {
  Pool one(1);
  const OpCase c = {.name = "fault", .op = Op::linears, .T = 2, .n = 64, .out = {16}, .format = {DType::q8_0}};
  for (const Kernels& k : kernel_variants())
    for (float fault : {NAN, INFINITY, -INFINITY}) {
      CpuDevice device(k, *one);
      OpCall call;
      op_cases::run(c, device, arena_, &call);
      static_cast<float*>(call.in[0].data)[5] = fault;
      std::vector<uint8_t> scratch(device.scratch_bytes(call) + 64);
      device.run(call, reinterpret_cast<void*>((reinterpret_cast<uintptr_t>(scratch.data()) + 63) & ~uintptr_t(63)));
      for (int i = 0; i < 32; ++i) EXPECT_EQ(std::isnan(static_cast<float*>(call.out[0].data)[i]), i < 16) << k.isa;
    }
}

TEST_F(CpuDeviceTest, an_unknown_format_is_named) {
  Pool one(1);
  CpuDevice device(kernels(), *one);
  const auto refused = device.prepare("blk.0.attn_q.weight", make_tensor(nullptr, DType::iq1_s, {4, 256}), arena_);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().message(), "blk.0.attn_q.weight: IQ1_S is not a format we run");
  EXPECT_TRUE(device.prepare("w", make_tensor(nullptr, DType::q4_0, {4, 256}), arena_).ok());
}

TEST_F(CpuDeviceTest, strided_tensors_are_read_and_written_row_by_row) {
  Pool one(1);
  CpuDevice device(kernels(), *one);
  float memory[12] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, host[4];
  Tensor t = make_tensor(memory, DType::f32, {2, 2});
  t.strides[0] = 6 * sizeof(float);
  device.read(host, t);
  EXPECT_EQ(host[2], 6);
  host[2] = 60;
  device.write(t, host);
  EXPECT_EQ(memory[6], 60);
  EXPECT_EQ(memory[2], 2);
}

// Few queries against many pages: the pages are shared out among threads, in several rounds, and merged in their order.
TEST_F(CpuDeviceTest, long_contexts_split_over_threads_give_the_bits_of_one) {
  constexpr int32_t H = 16, D = 32, kPages = 45, kPosition = kPages * kPageRows - 9;
  constexpr DType kFormats[] = {DType::f16, DType::f16, DType::q8_0, DType::f32, DType::q4_0};
  std::vector<float> cache(2 * kPages * kPageRows * D), q(9 * H * D);
  for (size_t i = 0; i < cache.size(); ++i) cache[i] = random_unit(1, i) * 2 - 1;
  for (size_t i = 0; i < q.size(); ++i) q[i] = random_unit(2, i) * 2 - 1;
  KvPage pages[kPages];
  KvPage* table[kPages];
  for (int32_t i = 0; i < kPages; ++i) {
    constexpr size_t kFloats = kPageRows * D;
    const DType format = kFormats[i % 5];
    void* const k = arena_.alloc(kFloats * 4);
    void* const v = arena_.alloc(kFloats * 4);
    kernels().formats[size_t(format)].quantize(k, &cache[2 * size_t(i) * kFloats], kFloats);
    kernels().formats[size_t(format)].quantize(v, &cache[(2 * size_t(i) + 1) * kFloats], kFloats);
    pages[i] = {k, v, format, format, i * kPageRows, nullptr, 1};
    table[i] = &pages[i];
  }
  const KvTable kv = {table, kPages};
  for (int32_t n_rows : {1, 2, 9})
    for (int32_t window : {0, 700}) {
      std::vector<float> wanted;
      for (int32_t n_threads : {1, 2, 3}) {
        Pool pool(n_threads);
        CpuDevice device(kernels(), *pool);
        std::vector<float> y(size_t(n_rows * H * D));
        const Stream stream = {&kv, 0, n_rows, kPosition};
        const Batch batch = {{&stream, 1}, n_rows, true};
        OpCall call;
        call.op = Op::attention, call.batch = &batch, call.n_in = 1, call.n_out = 1;
        call.attrs.n_kv_heads = 1, call.attrs.factor = 0.3f, call.attrs.window = window;
        call.in[0] = make_tensor(q.data(), DType::f32, {n_rows, H, D}), call.out[0] = make_tensor(y.data(), DType::f32, {n_rows, H, D});
        const size_t mark = arena_.mark();
        device.run(call, arena_.alloc(device.scratch_bytes(call)));
        arena_.rewind(mark);
        if (n_threads == 1) wanted = y;
        EXPECT_EQ(std::memcmp(y.data(), wanted.data(), y.size() * 4), 0) << n_rows << " rows, window " << window << ", " << n_threads;
      }
    }
}

// A stream whose pages are f16, q8_0, f32 and q4_0: one row at a time is all rows at once, and near the exact softmax.
TEST_F(CpuDeviceTest, pages_of_different_formats_are_attended_together) {
  constexpr int32_t T = 230, H = 4, D = 64, K = 2, kPages = 4;
  constexpr DType kFormats[kPages] = {DType::f16, DType::q8_0, DType::f32, DType::q4_0};
  Pool two(2);
  CpuDevice device(kernels(), *two);
  KvPage pages[K * kPages];
  KvPage* table[K * kPages];
  for (int32_t i = 0; i < K * kPages; ++i) {
    pages[i] = {arena_.alloc(kPageRows * D * 4), arena_.alloc(kPageRows * D * 4), kFormats[i % kPages], kFormats[(i + i / kPages) % kPages],
                i % kPages * kPageRows, nullptr, 1};
    table[i] = &pages[i];
  }
  const KvTable kv = {table, kPages};
  const auto floats = [&](int32_t heads, uint64_t seed) {
    Tensor t = make_tensor(arena_.alloc(size_t(T * heads * D) * 4), DType::f32, {T, heads, D});
    for (size_t i = 0; i < t.size(); ++i) static_cast<float*>(t.data)[i] = random_unit(seed, i) * 2 - 1;
    return t;
  };
  const Tensor q = floats(H, 1), k = floats(K, 2), v = floats(K, 3);
  std::vector<float> whole(T * H * D), single(T * H * D);
  const auto run = [&](Op op, int32_t first, int32_t n, float* out) {
    const Stream stream = {&kv, 0, n, first};
    const Batch batch = {{&stream, 1}, n, true};
    OpCall call;
    call.op = op, call.batch = &batch, call.attrs.n_kv_heads = K, call.attrs.factor = 0.125f, call.attrs.window = 190;
    const auto rows = [&](const Tensor& t, int32_t heads) {
      return make_tensor(static_cast<float*>(t.data) + first * heads * D, DType::f32, {n, heads, D});
    };
    if (op == Op::attention) {
      call.in[0] = rows(q, H), call.n_in = 1;
      call.out[0] = make_tensor(out + first * H * D, DType::f32, {n, H, D}), call.n_out = 1;
    } else {
      call.in[0] = rows(k, K), call.in[1] = rows(v, K), call.n_in = 2;
    }
    const size_t mark = arena_.mark();
    device.run(call, arena_.alloc(device.scratch_bytes(call)));
    arena_.rewind(mark);
  };
  run(Op::kv_append, 0, T, nullptr);
  run(Op::attention, 0, T, whole.data());
  for (int32_t t = 0; t < T; ++t) run(Op::attention, t, 1, single.data());
  EXPECT_EQ(std::memcmp(whole.data(), single.data(), whole.size() * 4), 0);

  const auto at = [](const Tensor& t, int32_t row, int32_t head) { return static_cast<const float*>(t.data) + (row * t.dim(1) + head) * D; };
  for (int32_t t = 0; t < T; t += 7)
    for (int32_t h = 0; h < H; ++h) {
      double o[D] = {}, l = 0;
      for (int32_t j = std::max(0, t - 189); j <= t; ++j) {
        double s = 0;
        for (int32_t d = 0; d < D; ++d) s += double(at(q, t, h)[d]) * double(at(k, j, h / 2)[d]);
        const double p = std::exp(s * 0.125);
        l += p;
        for (int32_t d = 0; d < D; ++d) o[d] += p * double(at(v, j, h / 2)[d]);
      }
      for (int32_t d = 0; d < D; ++d) ASSERT_NEAR(whole[size_t((t * H + h) * D + d)], o[d] / l, t < 192 ? 0.02 : 0.08) << t << " " << h << " " << d;
    }
}

}  // namespace
}  // namespace synapse
