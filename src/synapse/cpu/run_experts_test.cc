// Mixtures of experts against what they are made of: linears of one expert, one row at a time.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "op_cases.h"
#include "synapse/cpu/cpu_device.h"

namespace synapse {
namespace {

class Experts : public testing::Test {
 protected:
  ~Experts() override { platform::ThreadPool::destroy(pool_); }

  void run(const OpCall& call) {
    std::vector<uint8_t> scratch(device_.scratch_bytes(call) + Arena::kAlign);
    device_.run(call, reinterpret_cast<void*>(Arena::align_up(reinterpret_cast<uintptr_t>(scratch.data()), Arena::kAlign)));
  }
  // Row x by one weight (out, in) of a 3-D tensor.
  std::vector<float> linear(const float* x, const Tensor& w, int32_t expert, bool exact) {
    std::vector<float> y(size_t(w.dims[1]));
    OpCall call;
    call.op = Op::linears, call.n_in = 3, call.n_out = 1, call.attrs.exact = exact;
    call.in[0] = make_tensor(const_cast<float*>(x), DType::f32, {1, w.cols()});
    call.in[1] = make_tensor(static_cast<uint8_t*>(w.data) + size_t(expert) * w.strides[0], w.dtype, {w.dims[1], w.cols()});
    call.out[0] = make_tensor(y.data(), DType::f32, {1, w.dims[1]});
    run(call);
    return y;
  }

  platform::ThreadPool* pool_ = *platform::ThreadPool::create(2);
  CpuDevice device_{kernels(), *pool_};
  std::vector<uint8_t> memory_ = std::vector<uint8_t>(op_cases::kArenaBytes);
  Arena arena_{memory_.data(), memory_.size()};
};

TEST_F(Experts, every_row_is_the_linear_of_its_expert_alone) {
  int32_t n_cases = 0;
  for (const op_cases::OpCase& c : op_cases::all()) {
    const bool gated = c.op == Op::expert_gated_linears;
    if (c.op != Op::expert_linears && !gated) continue;
    ++n_cases;
    OpCall call;
    op_cases::run(c, device_, arena_, &call);
    const auto* experts = static_cast<const int32_t*>(call.in[1].data);
    for (int32_t i = 0; i < c.T * c.k; ++i) {
      const float* x = static_cast<const float*>(call.in[0].data) + (gated ? i / c.k : i) * c.n;
      std::vector<float> wanted = linear(x, call.in[2], experts[i], c.attrs.exact);
      if (gated) {
        const auto up = linear(x, call.in[3], experts[i], c.attrs.exact);
        kernels().gate[size_t(c.attrs.act)](wanted.data(), wanted.data(), up.data(), wanted.size());
      }
      const float* got = static_cast<const float*>(call.out[0].data) + i * c.out[0];
      ASSERT_EQ(std::vector<float>(got, got + c.out[0]), wanted) << c.name << " row " << i / c.k << " expert " << experts[i];
    }
  }
  EXPECT_GE(n_cases, 7);
}

TEST_F(Experts, a_sum_adds_the_experts_in_their_order_and_the_residual_last) {
  for (const op_cases::OpCase& c : op_cases::all()) {
    if (c.op != Op::expert_sum) continue;
    OpCall call;
    op_cases::run(c, device_, arena_, &call);
    const auto floats = [&](int i) { return static_cast<const float*>(call.in[i].data); };
    for (int32_t t = 0; t < c.T; ++t)
      for (int32_t i = 0; i < c.n; ++i) {
        float sum = 0;
        for (int32_t j = 0; j < c.k; ++j) {
          const float product = floats(1)[t * c.k + j] * floats(0)[(t * c.k + j) * c.n + i];
          sum = sum + product;
        }
        if (c.bias) sum = sum + floats(2)[t * c.n + i];
        ASSERT_EQ(static_cast<const float*>(call.out[0].data)[t * c.n + i], sum) << c.name;
      }
  }
}

TEST_F(Experts, routes_go_to_the_best_scores_with_the_weights_of_their_gating) {
  for (const op_cases::OpCase& c : op_cases::all()) {
    if (c.op != Op::route) continue;
    OpCall call;
    op_cases::run(c, device_, arena_, &call);
    for (int32_t t = 0; t < c.T; ++t) {
      const float* s = static_cast<const float*>(call.in[0].data) + t * c.E;
      const float* bias = static_cast<const float*>(call.in[1].data);
      const auto* experts = static_cast<const int32_t*>(call.out[0].data) + t * c.k;
      const float* weights = static_cast<const float*>(call.out[1].data) + t * c.k;
      std::vector<double> p, key;
      double all = 0, top = 0, widest = 0;  // of s - max s, which is rounded to f32 before exp
      for (int32_t e = 0; e < c.E; ++e) all += std::exp(double(s[e])), widest = std::max(widest, 2 * std::abs(double(s[e])));
      for (int32_t e = 0; e < c.E; ++e) {
        p.push_back(c.attrs.gating == Gating::softmax ? std::exp(double(s[e])) / all : 1 / (1 + std::exp(-double(s[e]))));
        key.push_back(bias ? p.back() + double(bias[e]) : double(s[e]));
      }
      std::vector<bool> chosen(size_t(c.E));
      for (int32_t j = 0; j < c.k; ++j) {
        if (j) { EXPECT_LT(experts[j - 1], experts[j]) << c.name; }
        chosen[size_t(experts[j])] = true, top += p[size_t(experts[j])];
      }
      for (int32_t e = 0; e < c.E; ++e)
        for (int32_t j = 0; j < c.k; ++j) {
          const double mine = key[size_t(experts[j])];
          if (!chosen[size_t(e)]) { EXPECT_TRUE(key[size_t(e)] < mine || (key[size_t(e)] == mine && experts[j] < e)) << c.name; }
        }
      for (int32_t j = 0; j < c.k; ++j) {
        const double wanted = p[size_t(experts[j])] / (c.attrs.renormalise ? top : 1) * double(c.attrs.factor);
        EXPECT_NEAR(weights[j], wanted, (1e-6 + 0x1p-24 * widest) * wanted + 1e-30) << c.name;
      }
    }
  }
}

TEST_F(Experts, a_router_that_is_not_a_number_gives_weights_that_are_not) {
  float scores[] = {NAN, 1, 3, 2, NAN}, weights[2];
  int32_t experts[2];
  OpCall call;
  call.op = Op::route, call.n_in = 2, call.n_out = 2, call.attrs.renormalise = true;
  call.in[0] = make_tensor(scores, DType::f32, {1, 5});
  call.out[0] = make_tensor(experts, DType::i32, {1, 2}), call.out[1] = make_tensor(weights, DType::f32, {1, 2});
  run(call);
  EXPECT_EQ(experts[0], 2);
  EXPECT_EQ(experts[1], 3);
  EXPECT_TRUE(std::isnan(weights[0]) && std::isnan(weights[1]));
}

}  // namespace
}  // namespace synapse
