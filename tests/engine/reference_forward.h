// A decoder written a second time, in float64 and plain loops: the oracle that the engine's own numerics are held to.
// Activations that meet a quantised matrix are rounded to int8 as docs/numerics.md says. Llama, Qwen2, Qwen3 and their
// mixtures of experts; slow.
#pragma once
#include <algorithm>
#include <cmath>
#include <vector>

#include "synapse/cpu/kernels/kernels.h"
#include "synapse/io/checkpoint.h"

namespace synapse::test {

class ReferenceForward {
 public:
  explicit ReferenceForward(const Checkpoint& checkpoint) : c_(checkpoint) {
    dim_ = number("embedding_length"), hidden_ = number("feed_forward_length"), layers_ = number("block_count");
    heads_ = number("attention.head_count"), kv_heads_ = number("attention.head_count_kv", heads_);
    head_dim_ = number("attention.key_length", dim_ / heads_);
    eps_ = double(*c_.find("{arch}.attention.layer_norm_rms_epsilon")->as_float());
    const MetaValue* theta = c_.find("{arch}.rope.freq_base");
    theta_ = theta ? double(float(*theta->as_float())) : 10000.0;
    interleaved_ = c_.architecture() == "llama";
  }

  // Logits (T, V) of a prompt from position 0.
  std::vector<std::vector<double>> run(const std::vector<int32_t>& ids) const {
    const auto embedding = load("token_embd.weight");
    std::vector<std::vector<double>> x;
    for (int32_t id : ids) x.emplace_back(embedding.begin() + id * dim_, embedding.begin() + (id + 1) * dim_);
    for (int i = 0; i < layers_; ++i) attention(i, x), ffn(i, x);
    const auto norm = load("output_norm.weight");
    const auto head = matrix(c_.tensor("output.weight") ? "output.weight" : "token_embd.weight");
    for (auto& row : x) row = times(head, rms(row, norm));
    return x;
  }

 private:
  using Row = std::vector<double>;
  struct Matrix {
    Row w;
    bool quantised = false;
  };

  int number(const char* key, int fallback = -1) const {
    const MetaValue* v = c_.find("{arch}." + std::string(key));
    return v ? int(*v->as_int()) : fallback;
  }
  Row load(const std::string& name) const {
    const Tensor* t = c_.tensor(name);
    if (!t) return {};
    std::vector<float> values(t->size());
    kernel_variants()[0].formats[size_t(t->dtype)].dequantize(values.data(), t->data, values.size());
    return Row(values.begin(), values.end());
  }
  Matrix matrix(const std::string& name) const {
    const Tensor* t = c_.tensor(name);
    return {load(name), t && is_quantised(t->dtype)};
  }
  // x as 8-bit steps of its group of 32: what the integer linear sees.
  static Row rounded(const Row& x) {
    Row y(x.size());
    for (size_t g = 0; g < x.size(); g += 32) {
      float amax = 0;
      for (size_t i = g; i < g + 32; ++i) amax = std::max(amax, std::abs(float(x[i])));
      for (size_t i = g; i < g + 32; ++i)
        y[i] = amax > 0 ? double(amax / 127.0f) * double(std::nearbyint(float(x[i]) * (127.0f / amax))) : 0;
    }
    return y;
  }
  Row rms(const Row& x, const Row& w) const {
    double ss = 0;
    for (double v : x) ss += v * v;
    Row y(x.size());
    for (size_t i = 0; i < x.size(); ++i) y[i] = x[i] / std::sqrt(ss / double(x.size()) + eps_) * w[i];
    return y;
  }
  static Row times(const Matrix& m, const Row& given, const Row& bias = {}) {
    const Row x = m.quantised ? rounded(given) : given;
    const Row& w = m.w;
    Row y(w.size() / x.size());
    for (size_t o = 0; o < y.size(); ++o) {
      double s = bias.empty() ? 0 : bias[o];
      for (size_t i = 0; i < x.size(); ++i) s += w[o * x.size() + i] * x[i];
      y[o] = s;
    }
    return y;
  }
  void rope(double* head, size_t position, const Row& divisors) const {
    const int half = head_dim_ / 2;
    for (int i = 0; i < half; ++i) {
      const double f = std::pow(theta_, -2.0 * i / head_dim_) / (divisors.empty() ? 1 : divisors[size_t(i)]);
      const double c = std::cos(double(position) * f), s = std::sin(double(position) * f);
      double &a = head[interleaved_ ? 2 * i : i], &b = head[interleaved_ ? 2 * i + 1 : i + half];
      const double was = a;
      a = was * c - b * s, b = b * c + was * s;
    }
  }
  void attention(int layer, std::vector<Row>& x) const {
    const std::string b = "blk." + std::to_string(layer) + ".";
    const auto norm = load(b + "attn_norm.weight"), divisors = load("rope_freqs.weight");
    const auto wq = matrix(b + "attn_q.weight"), wk = matrix(b + "attn_k.weight"), wv = matrix(b + "attn_v.weight");
    const auto bq = load(b + "attn_q.bias"), bk = load(b + "attn_k.bias"), bv = load(b + "attn_v.bias");
    const auto wo = matrix(b + "attn_output.weight");
    const auto bo = load(b + "attn_output.bias");
    const auto nq = load(b + "attn_q_norm.weight"), nk = load(b + "attn_k_norm.weight");
    const size_t D = size_t(head_dim_), T = x.size();
    std::vector<Row> q, k, v;
    const auto prepare = [&](Row row, int n, const Row& head_norm, size_t position) {
      for (int h = 0; h < n; ++h) {
        double* head = row.data() + size_t(h) * D;
        if (!head_norm.empty()) {
          const Row y = rms(Row(head, head + D), head_norm);
          std::copy(y.begin(), y.end(), head);
        }
        rope(head, position, divisors);
      }
      return row;
    };
    for (size_t t = 0; t < T; ++t) {
      const Row h = rms(x[t], norm);
      q.push_back(prepare(times(wq, h, bq), heads_, nq, t));
      k.push_back(prepare(times(wk, h, bk), kv_heads_, nk, t));
      v.push_back(times(wv, h, bv));
    }
    for (size_t t = 0; t < T; ++t) {
      Row y(size_t(heads_) * D);
      for (size_t h = 0; h < size_t(heads_); ++h) {
        const size_t kv = h / size_t(heads_ / kv_heads_);
        Row p(t + 1);
        double sum = 0;
        for (size_t s = 0; s <= t; ++s) {
          for (size_t d = 0; d < D; ++d) p[s] += q[t][h * D + d] * k[s][kv * D + d];
          p[s] = std::exp(p[s] / std::sqrt(double(D))), sum += p[s];
        }
        for (size_t s = 0; s <= t; ++s)
          for (size_t d = 0; d < D; ++d) y[h * D + d] += p[s] / sum * v[s][kv * D + d];
      }
      const Row o = times(wo, y, bo);
      for (size_t i = 0; i < o.size(); ++i) x[t][i] += o[i];
    }
  }
  struct Gated {
    Matrix gate, up, down;
  };
  Gated gated(const std::string& block, const std::string& suffix) const {
    return {matrix(block + "ffn_gate" + suffix), matrix(block + "ffn_up" + suffix), matrix(block + "ffn_down" + suffix)};
  }
  // y += factor * ffn(h)
  static void add_ffn(const Gated& w, const Row& h, double factor, Row& y) {
    Row g = times(w.gate, h);
    const Row u = times(w.up, h);
    for (size_t i = 0; i < g.size(); ++i) g[i] = g[i] / (1 + std::exp(-g[i])) * u[i];
    const Row out = times(w.down, g);
    for (size_t i = 0; i < y.size(); ++i) y[i] += factor * out[i];
  }
  void ffn(int layer, std::vector<Row>& x) const {
    const std::string b = "blk." + std::to_string(layer) + ".";
    if (c_.tensor(b + "ffn_gate_inp.weight")) return moe(b, x);
    const auto norm = load(b + "ffn_norm.weight");
    const Gated w = gated(b, ".weight");
    for (Row& row : x) add_ffn(w, rms(row, norm), 1, row);
  }
  void moe(const std::string& b, std::vector<Row>& x) const {
    const auto norm = load(b + "ffn_norm.weight"), shared_gate = load(b + "ffn_gate_inp_shexp.weight");
    const Matrix router = matrix(b + "ffn_gate_inp.weight");
    const Gated shared = gated(b, "_shexp.weight"), all = gated(b, "_exps.weight");
    const size_t n = size_t(number("expert_count")), used = size_t(number("expert_used_count"));
    std::vector<Gated> experts;
    const auto part = [&](const Matrix& m, size_t e) {
      const auto begin = m.w.begin() + long(m.w.size() / n * e);
      return Matrix{Row(begin, begin + long(m.w.size() / n)), m.quantised};
    };
    for (size_t e = 0; e < n; ++e) experts.push_back({part(all.gate, e), part(all.up, e), part(all.down, e)});
    for (Row& row : x) {
      const Row h = rms(row, norm);
      Row p = times(router, h);
      double sum = 0, top = 0;
      for (double& v : p) v = std::exp(v), sum += v;
      Row sorted = p;
      std::sort(sorted.rbegin(), sorted.rend());
      for (size_t i = 0; i < used; ++i) top += sorted[i];
      for (size_t e = 0; e < n; ++e)
        if (p[e] >= sorted[used - 1]) add_ffn(experts[e], h, p[e] / (c_.architecture() == "qwen2moe" ? sum : top), row);
      if (shared_gate.empty()) continue;
      double g = 0;
      for (size_t i = 0; i < h.size(); ++i) g += shared_gate[i] * h[i];
      add_ffn(shared, h, 1 / (1 + std::exp(-g)), row);
    }
  }

  const Checkpoint& c_;
  int dim_, hidden_, layers_, heads_, kv_heads_, head_dim_;
  double eps_, theta_;
  bool interleaved_;
};

}  // namespace synapse::test
