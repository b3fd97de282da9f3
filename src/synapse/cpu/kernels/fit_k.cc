// Blocks of 256 weights whose parts have integer scales under one f16.
#include "synapse/cpu/kernels/fit_parts.h"

namespace synapse {
namespace {

constexpr int kRounds = 2;  // of choosing the integers for the f16s, then the f16s for the integers

float rounded_half(double v) { return f16_to_f32(f32_to_f16(float(v))); }

int32_t nearest_whole(float v, int32_t least, int32_t most) {
  const float clamped = v > float(most) ? float(most) : v > float(least) ? v : float(least);  // a NaN is the least
  return int32_t(clamped + (clamped < 0 ? -0.5f : 0.5f));
}

// P parts of 16 N elements: x ~ (d * scale) * q, scale of kLeast .. kMost.
template <int P>
struct Scaled {
  float d = 0;
  int32_t scale[P] = {};
};

template <typename Levels, int kLeast, int kMost, int P, int N>
Scaled<P> fit_scaled_parts(const Group<N> (&parts)[P]) {
  float wanted[P], extreme = 0;
  for (int j = 0; j < P; ++j) {
    wanted[j] = fit_scale<Levels>(parts[j]);
    if (__builtin_fabsf(wanted[j]) > __builtin_fabsf(extreme)) extreme = wanted[j];
  }
  Scaled<P> best;
  double least = 0;
  for (int j = 0; j < P; ++j) least += scale_error<Levels>(parts[j], 0);
  double d = double(extreme) / kLeast;
  for (int round = 0; round < kRounds; ++round) {
    Scaled<P> found;
    found.d = rounded_half(d);
    if (found.d == 0) break;
    double error = 0, numerator = 0, denominator = 0;
    for (int j = 0; j < P; ++j) {
      const int32_t middle = nearest_whole(wanted[j] / found.d, kLeast, kMost);
      double lowest = scale_error<Levels>(parts[j], found.d * float(middle));
      found.scale[j] = middle;
      for (const int32_t s : {middle - 1, middle + 1}) {
        if (s < kLeast || s > kMost) continue;
        const double e = scale_error<Levels>(parts[j], found.d * float(s));
        if (e < lowest) lowest = e, found.scale[j] = s;
      }
      error += lowest;
      const float s = float(found.scale[j]);
      const V inverse(inverse_of(found.d * s));
      const auto sq = [&](int i) { return V(s) * Levels::nearest(parts[j].x[i] * inverse); };
      numerator += total<N>([&](int i) { return parts[j].w[i] * (sq(i) * parts[j].x[i]); });
      denominator += total<N>([&](int i) { return parts[j].w[i] * (sq(i) * sq(i)); });
    }
    if (!(error < least)) break;
    least = error, best = found;
    d = denominator > 0 ? numerator / denominator : 0;
  }
  return best;
}

// x ~ (d * scale) * q - dmin * minimum, both whole numbers of 0 .. kWhole.
template <int P>
struct ScaledAffine {
  float d = 0, dmin = 0;
  int32_t scale[P] = {}, minimum[P] = {};

  Affine part(int j) const { return {d * float(scale[j]), -(dmin * float(minimum[j]))}; }
};

template <int kMost, int kWhole, int P, int N>
ScaledAffine<P> fit_affine_parts(const Group<N> (&parts)[P]) {
  Affine wanted[P];
  float scale = 0, offset = 0;
  for (int j = 0; j < P; ++j) {
    wanted[j] = fit_affine<kMost, true>(parts[j]);
    if (wanted[j].scale > scale) scale = wanted[j].scale;
    if (wanted[j].offset < offset) offset = wanted[j].offset;
  }
  ScaledAffine<P> best;
  double least = 0;
  for (int j = 0; j < P; ++j) least += affine_error<kMost>(parts[j], {0, 0});
  double d = double(scale) / kWhole, dmin = double(-offset) / kWhole;
  for (int round = 0; round < kRounds; ++round) {
    ScaledAffine<P> found;
    found.d = rounded_half(d), found.dmin = rounded_half(dmin);
    double error = 0, aa = 0, ab = 0, bb = 0, ax = 0, bx = 0;  // of a = scale q, b = minimum
    for (int j = 0; j < P; ++j) {
      const int32_t s = nearest_whole(wanted[j].scale * inverse_of(found.d), 0, kWhole);
      const int32_t m = nearest_whole(-wanted[j].offset * inverse_of(found.dmin), 0, kWhole);
      double lowest = -1;
      for (int32_t s1 = s > 0 ? s - 1 : 0; s1 <= s + 1 && s1 <= kWhole; ++s1)
        for (int32_t m1 = m > 0 ? m - 1 : 0; m1 <= m + 1 && m1 <= kWhole; ++m1) {
          const double e = affine_error<kMost>(parts[j], {found.d * float(s1), -(found.dmin * float(m1))});
          if (lowest < 0 || e < lowest) lowest = e, found.scale[j] = s1, found.minimum[j] = m1;
        }
      error += lowest;
      const Affine a = found.part(j);
      const V inverse(inverse_of(a.scale)), from(a.offset);
      const V b(float(found.minimum[j])), factor(float(found.scale[j]));
      const auto sq = [&](int i) { return factor * affine_level<kMost, N>(parts[j].x[i], inverse, from); };
      aa += total<N>([&](int i) { return parts[j].w[i] * (sq(i) * sq(i)); });
      ab += total<N>([&](int i) { return parts[j].w[i] * (sq(i) * b); });
      bb += total<N>([&](int i) { return parts[j].w[i] * (b * b); });
      ax += total<N>([&](int i) { return parts[j].w[i] * (sq(i) * parts[j].x[i]); });
      bx += total<N>([&](int i) { return parts[j].w[i] * (b * parts[j].x[i]); });
    }
    if (!(error < least)) break;
    least = error, best = found;
    const double det = aa * bb - ab * ab;
    if (bb == 0) {
      d = aa > 0 ? ax / aa : 0;
    } else if (det > 0) {
      d = (ax * bb - bx * ab) / det, dmin = (ab * ax - aa * bx) / det;
    }
    if (!(d > 0) || !(dmin >= 0)) break;
  }
  return best;
}

// Part j of the block at `at`.
template <int P, int N>
void read_parts(Group<N> (&parts)[P], const float* x, const float* importance, size_t at) {
  for (int j = 0; j < P; ++j) parts[j] = read_part<N>(x, importance, at + size_t(16 * N * j), at, 256);
}

template <typename Levels, int P, int N>
void put_parts(uint8_t* codes, const Group<N> (&parts)[P], const Scaled<P>& fit) {
  for (int j = 0; j < P; ++j) put_codes<Levels>(codes + 16 * N * j, parts[j], fit.d * float(fit.scale[j]));
}

// The low two bits of 256 codes, as two_bits reads them.
void put_two_bits(uint8_t* to, const uint8_t* codes) {
  for (int i = 0; i < 64; ++i) to[i] = 0;
  for (int i = 0; i < 256; ++i) to[32 * (i / 128) + i % 32] |= uint8_t((codes[i] & 3) << (2 * (i / 32 % 4)));
}

// The low nibbles of 256 codes: two blocks of 32 in 32 bytes.
void put_low_nibbles(uint8_t* to, const uint8_t* codes) {
  for (int i = 0; i < 128; ++i) {
    const uint8_t* from = codes + 64 * (i / 32) + i % 32;
    to[i] = uint8_t((from[0] & 15) | (from[32] & 15) << 4);
  }
}

// One bit of 256 codes: bit b of byte l is code 32 b + l's.
void put_bits(uint8_t* to, const uint8_t* codes, int bit) {
  for (int i = 0; i < 32; ++i) to[i] = 0;
  for (int i = 0; i < 256; ++i) to[i % 32] |= uint8_t((codes[i] >> bit & 1) << (i / 32));
}

void fit_q2_k(uint8_t* out, const float* x, const float* importance, size_t at) {
  Group<1> parts[16];
  read_parts(parts, x, importance, at);
  const auto fit = fit_affine_parts<3, 15>(parts);
  uint8_t codes[256];
  for (int j = 0; j < 16; ++j) {
    out[j] = uint8_t(fit.scale[j] | fit.minimum[j] << 4);
    put_affine_codes<3>(codes + 16 * j, parts[j], fit.part(j));
  }
  put_two_bits(out + 16, codes);
  put_half(out + 80, fit.d), put_half(out + 82, fit.dmin);
}

void fit_q3_k(uint8_t* out, const float* x, const float* importance, size_t at) {
  Group<1> parts[16];
  read_parts(parts, x, importance, at);
  const auto fit = fit_scaled_parts<Uniform<-4, 3>, -32, 31>(parts);
  uint8_t codes[256];
  put_parts<Uniform<-4, 3>>(codes, parts, fit);
  put_bits(out, codes, 2);
  put_two_bits(out + 32, codes);
  uint8_t* s = out + 96;
  for (int i = 0; i < 12; ++i) s[i] = 0;
  for (int j = 0; j < 16; ++j) {
    const int32_t scale = fit.scale[j] + 32;
    s[j % 8] |= uint8_t((scale & 15) << (4 * (j / 8)));
    s[8 + j % 4] |= uint8_t(scale >> 4 << (2 * (j / 4)));
  }
  put_half(out + 108, fit.d);
}

// Q4_K, and with five bits Q5_K.
template <int kMost>
void fit_q45_k(uint8_t* out, const float* x, const float* importance, size_t at) {
  Group<2> parts[8];
  read_parts(parts, x, importance, at);
  const auto fit = fit_affine_parts<kMost, 63>(parts);
  put_half(out, fit.d), put_half(out + 2, fit.dmin);
  uint8_t* s = out + 4;
  uint8_t codes[256];
  for (int j = 0; j < 8; ++j) {
    put_affine_codes<kMost>(codes + 32 * j, parts[j], fit.part(j));
    const int32_t scale = fit.scale[j], minimum = fit.minimum[j];
    if (j < 4) {
      s[j] = uint8_t(scale), s[j + 4] = uint8_t(minimum);
    } else {
      s[j + 4] = uint8_t((scale & 15) | (minimum & 15) << 4);
      s[j - 4] |= uint8_t(scale >> 4 << 6), s[j] |= uint8_t(minimum >> 4 << 6);
    }
  }
  if constexpr (kMost == 31) put_bits(out + 16, codes, 4);
  put_low_nibbles(out + (kMost == 31 ? 48 : 16), codes);
}

void fit_q6_k(uint8_t* out, const float* x, const float* importance, size_t at) {
  Group<1> parts[16];
  read_parts(parts, x, importance, at);
  const auto fit = fit_scaled_parts<Uniform<-32, 31>, -128, 127>(parts);
  uint8_t codes[256], high[256];
  put_parts<Uniform<-32, 31>>(codes, parts, fit);
  for (int i = 0; i < 128; ++i) {  // byte l of half h: blocks 0 and 2 of its four, or 1 and 3
    const uint8_t* from = codes + 128 * (i / 64) + i % 64;
    out[i] = uint8_t((from[0] & 15) | (from[64] & 15) << 4);
  }
  for (int i = 0; i < 256; ++i) high[i] = codes[i] >> 4;
  put_two_bits(out + 128, high);
  for (int j = 0; j < 16; ++j) out[192 + j] = uint8_t(fit.scale[j]);
  put_half(out + 208, fit.d);
}

void fit_iq4_xs(uint8_t* out, const float* x, const float* importance, size_t at) {
  Group<2> parts[8];
  read_parts(parts, x, importance, at);
  const auto fit = fit_scaled_parts<Iq4Levels, -32, 31>(parts);
  uint8_t codes[256];
  put_parts<Iq4Levels>(codes, parts, fit);
  put_half(out, fit.d);
  for (int i = 2; i < 8; ++i) out[i] = 0;
  for (int j = 0; j < 8; ++j) {
    const int32_t scale = fit.scale[j] + 32;
    out[2 + j / 4] |= uint8_t(scale >> 4 << (2 * (j % 4)));
    out[4 + j / 2] |= uint8_t((scale & 15) << (4 * (j % 2)));
    put_nibbles(out + 8 + 16 * j, codes + 32 * j);
  }
}

}  // namespace

void fit_super_blocks(DType type, uint8_t* out, const float* x, const float* importance, size_t n) {
  struct Row {
    DType type;
    void (*fit)(uint8_t* out, const float* x, const float* importance, size_t at);
  };
  static constexpr Row kRows[] = {{DType::q2_k, fit_q2_k},      {DType::q3_k, fit_q3_k}, {DType::q4_k, fit_q45_k<15>},
                                  {DType::q5_k, fit_q45_k<31>}, {DType::q6_k, fit_q6_k}, {DType::iq4_xs, fit_iq4_xs}};
  for (const Row& row : kRows) {
    if (row.type != type) continue;
    for (size_t at = 0; at < n; at += 256, out += info(type).block_bytes) row.fit(out, x, importance, at);
  }
}

}  // namespace synapse
