// The device: every op case on every variant and thread count, against scalar on one thread.
#include "synapse/cpu/cpu_device.h"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <vector>

#include "op_cases.h"
#include "synapse/base/half.h"

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

}  // namespace
}  // namespace synapse
