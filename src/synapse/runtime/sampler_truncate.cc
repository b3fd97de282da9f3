// Stages that cut off unlikely (or, for XTC, too likely) tokens.
#include <algorithm>
#include <limits>

#include "synapse/base/math.h"
#include "synapse/runtime/sampler_stages.h"

namespace synapse {
namespace {

// exp(logit - largest) as a term of a Mass.
double weight(const Candidate& x, float largest) { return double(exp_f32(x.logit - largest)); }

// Drops what `keeps` says no to, the order stays.
template <typename Keeps>
void keep_if(Candidates& c, Keeps keeps) {
  const auto end = std::remove_if(c.list.begin(), c.list.end(), [&](const Candidate& x) { return !keeps(x); });
  c.list = c.list.first(size_t(end - c.list.begin()));
}

// Cuts after the first candidate, in the order `before`, that is enough. Sorts no more than it looks at, by growing steps.
template <typename Before, typename Enough>
void keep_until(Candidates& c, Before before, Enough enough) {
  const auto begin = c.list.begin();
  const size_t size = c.list.size();
  for (size_t done = 0, step = 256; done < size; step *= 4) {
    const size_t end = done + std::min(step, size - done);
    if (end < size) std::nth_element(begin + ptrdiff_t(done), begin + ptrdiff_t(end), begin + ptrdiff_t(size), before);
    std::sort(begin + ptrdiff_t(done), begin + ptrdiff_t(end), before);
    for (; done < end; ++done)
      if (enough(c.list[done])) {
        c.list = c.list.first(done + 1);
        return;
      }
  }
}

}  // namespace

// In either order the first of the largest is the best.
const Candidate& best(const Candidates& c) {
  const Candidate* top = &c.list[0];
  for (const Candidate& x : c.list.first(c.is_sorted ? 1 : c.list.size()))
    if (x.logit > top->logit) top = &x;
  return *top;
}

void sort(Candidates& c) {
  if (!c.is_sorted) std::sort(c.list.begin(), c.list.end(), better);
  c.is_sorted = true;
}

Mass mass(const Candidates& c) {
  Mass m{best(c).logit, 0};
  for (const Candidate& x : c.list) m.total += weight(x, m.largest);
  return m;
}

// One pass with a bounded list of the best so far, in place: what is kept never overtakes what is read.
void keep_top_k(Candidates& c, int32_t k) {
  if (k <= 0 || size_t(k) >= c.list.size()) return;
  const size_t wanted = size_t(k), most = 2 * wanted + 256;
  if (!c.is_sorted) {
    const auto begin = c.list.begin();
    const auto shrink = [&](size_t n) { std::nth_element(begin, begin + ptrdiff_t(wanted) - 1, begin + ptrdiff_t(n), better); };
    size_t n = 0;
    float least = -std::numeric_limits<float>::infinity();
    for (const Candidate x : c.list) {
      if (x.logit < least) continue;
      c.list[n++] = x;
      if (n < most) continue;
      shrink(n);
      n = wanted;
      least = c.list[wanted - 1].logit;
    }
    shrink(n);
  }
  c.list = c.list.first(wanted);
  sort(c);
}

void keep_top_p(Candidates& c, float p) {
  if (p >= 1) return;
  const Mass m = mass(c);
  double sum = 0;
  keep_until(c, better, [&](const Candidate& x) { return (sum += weight(x, m.largest)) >= double(p) * m.total; });
  c.is_sorted = true;
}

// -ln p(x) - entropy = (mean logit) - logit(x): the closest to the mean logit are the most typical.
void keep_typical(Candidates& c, float p) {
  if (p >= 1) return;
  const Mass m = mass(c);
  double below = 0;
  for (const Candidate& x : c.list) below += weight(x, m.largest) * (double(m.largest) - double(x.logit));
  const double mean = double(m.largest) - below / m.total;
  const auto distance = [&](const Candidate& x) { return x.logit < mean ? mean - double(x.logit) : double(x.logit) - mean; };
  double sum = 0;
  keep_until(
      c,
      [&](const Candidate& a, const Candidate& b) {
        const double da = distance(a), db = distance(b);
        return da != db ? da < db : a.id < b.id;
      },
      [&](const Candidate& x) { return (sum += weight(x, m.largest)) >= double(p) * m.total; });
  c.is_sorted = false;
  sort(c);
}

void keep_min_p(Candidates& c, float p) {
  if (p <= 0) return;
  const float least = best(c).logit + log_f32(p);
  keep_if(c, [&](const Candidate& x) { return x.logit >= least; });
}

void keep_top_n_sigma(Candidates& c, float n) {
  if (n <= 0) return;
  double sum = 0, squares = 0;
  for (const Candidate& x : c.list) sum += double(x.logit);
  const double mean = sum / double(c.list.size());
  for (const Candidate& x : c.list) squares += (double(x.logit) - mean) * (double(x.logit) - mean);
  const double variance = squares / double(c.list.size()), largest = double(best(c).logit);
  // largest - logit <= n sigma, squared
  keep_if(c, [&](const Candidate& x) {
    const double below = largest - double(x.logit);
    return below * below <= double(n) * double(n) * variance;
  });
}

void keep_surprise(Candidates& c, float bits) {
  const Mass m = mass(c);
  const double least = double(m.largest) + log_f64(m.total) - double(bits) * kLn2;
  if (double(m.largest) < least) {
    sort(c);
    c.list = c.list.first(1);
    return;
  }
  keep_if(c, [&](const Candidate& x) { return double(x.logit) >= least; });
}

// Of those that are at least this probable all but the last go.
void exclude_top_choices(Candidates& c, float threshold) {
  if (threshold > 0.5f) return;
  const Mass m = mass(c);
  const double least = double(threshold) * m.total;
  const Candidate* last = nullptr;
  for (const Candidate& x : c.list)
    if (weight(x, m.largest) >= least && (!last || better(*last, x))) last = &x;
  if (!last) return;
  const Candidate kept = *last;
  keep_if(c, [&](const Candidate& x) { return !better(x, kept); });
}

float divided(float logit, float temperature) {
  constexpr float kMost = std::numeric_limits<float>::max();
  return std::clamp(logit / temperature, -kMost, kMost);
}

void divide(Candidates& c, float temperature) {
  for (Candidate& x : c.list) x.logit = divided(x.logit, temperature);
}

}  // namespace synapse
