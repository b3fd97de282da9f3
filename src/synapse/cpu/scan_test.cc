// The recurrences against their equations in float64 and plain loops.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "op_cases.h"
#include "synapse/cpu/cpu_device.h"

namespace synapse {
namespace {

using op_cases::OpCase;
using Row = std::vector<double>;

double softplus(double x) { return std::log1p(std::exp(x)); }
double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// Runs a case that keeps no state, and compares its output with what `f` makes of its inputs.
class ScanTest : public testing::Test {
 protected:
  template <typename F>
  void check(std::string_view name, double tolerance, F&& f) {
    const auto cases = op_cases::all();
    const auto c = std::find_if(cases.begin(), cases.end(), [&](const OpCase& one) { return one.name == name; });
    ASSERT_NE(c, cases.end()) << name;
    OpCase fresh = *c;
    fresh.stateless = true;
    platform::ThreadPool* pool = *platform::ThreadPool::create(1);
    CpuDevice device(kernels(), *pool);
    Arena arena(memory_.data(), memory_.size());
    OpCall call;
    op_cases::run(fresh, device, arena, &call);
    platform::ThreadPool::destroy(pool);
    for (int32_t s = 0; s < fresh.n_streams; ++s) {
      const Row want = f(fresh, call, s * fresh.T);
      const size_t first = size_t(s) * want.size();
      double spread = 0, off = 0;
      for (size_t i = 0; i < want.size(); ++i) {
        spread = std::max(spread, std::abs(want[i]));
        off = std::max(off, std::abs(want[i] - double(static_cast<float*>(call.out[0].data)[first + i])));
      }
      EXPECT_GT(spread, 0.01) << name;
      EXPECT_LE(off, tolerance * spread) << name << " stream " << s;
    }
  }
  static double in(const OpCall& call, int i, size_t at) { return double(static_cast<const float*>(call.in[i].data)[at]); }

  std::vector<uint8_t> memory_ = std::vector<uint8_t>(op_cases::kArenaBytes);
};

TEST_F(ScanTest, conv1d_sees_the_last_taps_of_its_channel) {
  check("conv1d", 1e-6, [](const OpCase& c, const OpCall& call, int32_t first) {
    Row y;
    for (int32_t t = 0; t < c.T; ++t)
      for (int32_t ch = 0; ch < c.n; ++ch) {
        double sum = in(call, 2, size_t(ch));
        for (int32_t k = 0; k < c.K; ++k)
          if (t - c.K + 1 + k >= 0) sum += in(call, 1, size_t(ch * c.K + k)) * in(call, 0, size_t((first + t - c.K + 1 + k) * c.n + ch));
        y.push_back(sum * sigmoid(sum));
      }
    return y;
  });
}

TEST_F(ScanTest, selective_scan_is_mambas_recurrence) {
  check("selective_scan", 2e-6, [](const OpCase& c, const OpCall& call, int32_t first) {
    const int32_t C = c.n, N = c.attrs.n_state;
    Row h(size_t(C * N)), y;
    for (int32_t t = first; t < first + c.T; ++t)
      for (int32_t ch = 0; ch < C; ++ch) {
        const double x = in(call, 0, size_t(t * C + ch)), dt = softplus(in(call, 1, size_t(t * C + ch)));
        double sum = x * in(call, 5, size_t(ch));
        for (int32_t n = 0; n < N; ++n) {
          double& s = h[size_t(ch * N + n)];
          s = s * std::exp(dt * in(call, 4, size_t(ch * N + n))) + dt * x * in(call, 2, size_t(t * N + n));
          sum += s * in(call, 3, size_t(t * N + n));
        }
        y.push_back(sum);
      }
    return y;
  });
}

TEST_F(ScanTest, ssd_scan_is_mamba_2s_recurrence) {
  for (const char* name : {"ssd_scan", "ssd_scan.clamped"})
    check(name, 2e-6, [](const OpCase& c, const OpCall& call, int32_t first) {
      const int32_t H = c.H, P = c.D, G = c.attrs.n_groups, N = c.attrs.n_state, width = H * P + 2 * G * N;
      Row h(size_t(H * P * N)), y(size_t(c.T * H * P));
      for (int32_t t = 0; t < c.T; ++t)
        for (int32_t head = 0; head < H; ++head) {
          const double step = softplus(in(call, 1, size_t((first + t) * H + head)) + in(call, 4, size_t(head)));
          const double dt = std::min(std::max(step, double(c.attrs.dt_min)), double(c.attrs.dt_max));
          const double a = std::exp(dt * in(call, 2, size_t(head)));
          const size_t row = size_t((first + t) * width), B = row + size_t(H * P + head / (H / G) * N);
          for (int32_t p = 0; p < P; ++p) {
            const double x = in(call, 0, row + size_t(head * P + p));
            double sum = x * in(call, 3, size_t(head));
            for (int32_t n = 0; n < N; ++n) {
              double& s = h[size_t((head * P + p) * N + n)];
              s = s * a + dt * x * in(call, 0, B + size_t(n));
              sum += s * in(call, 0, B + size_t(G * N + n));
            }
            y[size_t((t * H + head) * P + p)] = sum;
          }
        }
      return y;
    });
}

TEST_F(ScanTest, wkv7_is_rwkv_7s_recurrence) {
  check("wkv7", 2e-5, [](const OpCase& c, const OpCall& call, int32_t first) {
    const int32_t H = c.H, D = c.D;
    Row S(size_t(H * D * D)), y(size_t(c.T * H * D));
    for (int32_t t = 0; t < c.T; ++t)
      for (int32_t head = 0; head < H; ++head) {
        const size_t at = size_t(((first + t) * H + head) * D), channel = size_t(head * D);
        Row w(D), k(D), kk(D), rate(D), out(D);
        double length = 0, bonus = 0, mean = 0, variance = 0;
        for (int32_t j = 0; j < D; ++j) {
          const size_t i = at + size_t(j), ch = channel + size_t(j), u = size_t(j);
          w[u] = std::exp(-0.606531 * sigmoid(in(call, 1, i))), rate[u] = sigmoid(in(call, 4, i));
          kk[u] = in(call, 2, i) * in(call, 5, ch), length += kk[u] * kk[u];
          k[u] = in(call, 2, i) * (1 + (rate[u] - 1) * in(call, 6, ch));
          bonus += in(call, 0, i) * k[u] * in(call, 7, ch);
        }
        for (double& v : kk) v /= std::max(std::sqrt(length), 1e-12);
        for (int32_t i = 0; i < D; ++i) {
          double* s = &S[size_t((head * D + i) * D)];
          double seen = 0;
          for (size_t j = 0; j < size_t(D); ++j) seen += s[j] * -kk[j];
          for (size_t j = 0; j < size_t(D); ++j) {
            s[j] = s[j] * w[j] + in(call, 3, at + size_t(i)) * k[j] + seen * kk[j] * rate[j];
            out[size_t(i)] += s[j] * in(call, 0, at + j);
          }
          mean += out[size_t(i)] / D;
        }
        for (double v : out) variance += (v - mean) * (v - mean) / D;
        for (int32_t i = 0; i < D; ++i) {
          const size_t ch = channel + size_t(i);
          y[size_t((t * H + head) * D + i)] = (out[size_t(i)] - mean) / std::sqrt(variance + double(c.attrs.eps)) * in(call, 8, ch) +
                                              in(call, 9, ch) + bonus * in(call, 3, at + size_t(i));
        }
      }
    return y;
  });
}

TEST_F(ScanTest, gated_delta_forgets_and_corrects) {
  check("gated_delta", 1e-5, [](const OpCase& c, const OpCall& call, int32_t first) {
    const int32_t H = c.H, G = c.attrs.n_groups, K = c.attrs.n_state, V = c.D, width = 2 * G * K + H * V;
    Row S(size_t(H * K * V)), y(size_t(c.T * H * V));
    for (int32_t t = 0; t < c.T; ++t)
      for (int32_t head = 0; head < H; ++head) {
        const size_t row = size_t((first + t) * width), q = row + size_t(head / (H / G) * K), k = q + size_t(G * K);
        double qq = 0, kk = 0;
        for (int32_t j = 0; j < K; ++j) qq += std::pow(in(call, 0, q + size_t(j)), 2), kk += std::pow(in(call, 0, k + size_t(j)), 2);
        const double eps = double(c.attrs.eps), lq = double(c.attrs.factor) / std::sqrt(qq + eps), lk = 1 / std::sqrt(kk + eps);
        const size_t gate = size_t((first + t) * H + head);
        const double g = std::exp(in(call, 3, size_t(head)) * softplus(in(call, 1, gate) + in(call, 4, size_t(head))));
        const double beta = sigmoid(in(call, 2, gate));
        for (int32_t i = 0; i < V; ++i) {
          double* s = &S[size_t((head * V + i) * K)];
          double memory = 0, sum = 0;
          for (size_t j = 0; j < size_t(K); ++j) s[j] *= g, memory += s[j] * in(call, 0, k + j) * lk;
          const double delta = (in(call, 0, row + size_t(2 * G * K + head * V + i)) - memory) * beta;
          for (size_t j = 0; j < size_t(K); ++j) s[j] += delta * in(call, 0, k + j) * lk, sum += s[j] * in(call, 0, q + j) * lq;
          y[size_t((t * H + head) * V + i)] = sum;
        }
      }
    return y;
  });
}

TEST_F(ScanTest, token_shift_mixes_with_the_row_before) {
  check("token_shift.stateless", 1e-6, [](const OpCase& c, const OpCall& call, int32_t first) {
    Row y;
    for (int32_t t = 0; t < c.T; ++t)
      for (int32_t ch = 0; ch < c.n; ++ch) {
        const double x = in(call, 0, size_t((first + t) * c.n + ch)), before = t ? in(call, 0, size_t((first + t - 1) * c.n + ch)) : 0;
        y.push_back(x + (before - x) * in(call, 1, size_t(ch)));
      }
    return y;
  });
}

}  // namespace
}  // namespace synapse
