// What is measured at one position, and its statistics over many.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace synapse {

// -log p(id) under softmax(logits).
double negative_log_likelihood(std::span<const float> logits, int32_t id);

struct Divergence {
  double base_nll = 0, nll = 0;  // of the id that follows
  double kl = 0;                 // sum over the vocabulary of p_base * log(p_base / p)
  bool same_top = false;         // the likeliest id is the same; of equals the first counts
};
Divergence compare(std::span<const float> base, std::span<const float> logits, int32_t id);

// Of independent values; their order matters to the last bits only.
class Mean {
 public:
  void add(double x) { ++n_, sum_ += x, squares_ += x * x; }
  int64_t count() const { return n_; }
  double mean() const { return n_ ? sum_ / double(n_) : 0; }
  double standard_error() const;  // of the mean; 0 of fewer than two

 private:
  int64_t n_ = 0;
  double sum_ = 0, squares_ = 0;
};

// The q-quantile (0 to 1), between neighbours in proportion. Sorts. REQUIRES values.
double quantile(std::vector<double>& values, double q);

}  // namespace synapse
