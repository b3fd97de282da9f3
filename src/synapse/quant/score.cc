#include "synapse/quant/score.h"

#include <algorithm>
#include <cmath>

#include "synapse/base/math.h"

namespace synapse {
namespace {

struct Normaliser {
  double most, log_sum;  // log p(i) = (logit - most) - log_sum
  size_t top;
};

Normaliser normaliser(std::span<const float> logits) {
  const size_t top = size_t(std::ranges::max_element(logits) - logits.begin());
  const double most = double(logits[top]);
  double sum = 0;
  for (const float x : logits) sum += exp_f64(double(x) - most);
  return {most, log_f64(sum), top};
}

}  // namespace

double negative_log_likelihood(std::span<const float> logits, int32_t id) {
  const Normaliser n = normaliser(logits);
  return n.log_sum - (double(logits[size_t(id)]) - n.most);
}

Divergence compare(std::span<const float> base, std::span<const float> logits, int32_t id) {
  const Normaliser p = normaliser(base), q = normaliser(logits);
  Divergence d;
  d.base_nll = p.log_sum - (double(base[size_t(id)]) - p.most);
  d.nll = q.log_sum - (double(logits[size_t(id)]) - q.most);
  for (size_t i = 0; i < base.size(); ++i) {
    const double log_p = double(base[i]) - p.most - p.log_sum, log_q = double(logits[i]) - q.most - q.log_sum;
    const double p_i = exp_f64(log_p);
    if (p_i > 0) d.kl += p_i * (log_p - log_q);
  }
  d.same_top = p.top == q.top;
  return d;
}

double Mean::standard_error() const {
  if (n_ < 2) return 0;
  const double mean = sum_ / double(n_), variance = squares_ / double(n_) - mean * mean;
  return variance > 0 ? std::sqrt(variance / double(n_ - 1)) : 0;
}

double quantile(std::vector<double>& values, double q) {
  std::ranges::sort(values);
  const double at = q * double(values.size() - 1);
  const auto below = size_t(at);
  const double above = values[std::min(below + 1, values.size() - 1)];
  return values[below] + (at - double(below)) * (above - values[below]);
}

}  // namespace synapse
