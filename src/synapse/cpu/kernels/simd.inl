// V and VI: 16 lanes of f32 and of int32, as kParts native vectors. An ISA's header (simd_<isa>.h) says
// how wide a native vector is; arithmetic, comparison and selection are the compiler's vector
// extensions, so only what those lack is left to it. Included inside an unnamed namespace; includes nothing.

constexpr int kParts = 64 / kPartBytes;
constexpr int kPartLanes = kPartBytes / 4;
typedef float PF __attribute__((vector_size(kPartBytes)));
typedef int32_t PI __attribute__((vector_size(kPartBytes)));
typedef uint32_t PU __attribute__((vector_size(kPartBytes)));

// The parts f(0) .. f(kParts - 1).
template <typename T, typename Fn>
SYN_INLINE T each_part(Fn f) {
  T v;
  v.p[0] = f(0);
  if constexpr (kParts > 1) v.p[1] = f(1);
  if constexpr (kParts > 2) v.p[2] = f(2), v.p[3] = f(3);
  return v;
}

template <typename P, typename E>
struct Lanes {
  P p[kParts];

  Lanes() = default;
  SYN_INLINE explicit Lanes(E value) {
    for (P& part : p) part = value - P{};
  }
  // Part by part: a copy of all 64 bytes would go through memory.
  SYN_INLINE static Lanes load(const void* from) {
    return each_part<Lanes>([&](int i) {
      P part;
      __builtin_memcpy(&part, (const char*)from + i * kPartBytes, kPartBytes);
      return part;
    });
  }
  SYN_INLINE void store(void* to) const {
    for (int i = 0; i < kParts; ++i) __builtin_memcpy((char*)to + i * kPartBytes, &p[i], kPartBytes);
  }
};
using V = Lanes<PF, float>;
using VI = Lanes<PI, int32_t>;

SYN_INLINE V operator+(V a, V b) { return each_part<V>([&](int i) { return a.p[i] + b.p[i]; }); }
SYN_INLINE V operator-(V a, V b) { return each_part<V>([&](int i) { return a.p[i] - b.p[i]; }); }
SYN_INLINE V operator*(V a, V b) { return each_part<V>([&](int i) { return a.p[i] * b.p[i]; }); }
SYN_INLINE V operator/(V a, V b) { return each_part<V>([&](int i) { return a.p[i] / b.p[i]; }); }
SYN_INLINE VI operator<(V a, V b) { return each_part<VI>([&](int i) { return PI(a.p[i] < b.p[i]); }); }
SYN_INLINE VI operator>(V a, V b) { return each_part<VI>([&](int i) { return PI(a.p[i] > b.p[i]); }); }
SYN_INLINE VI operator==(V a, V b) { return each_part<VI>([&](int i) { return PI(a.p[i] == b.p[i]); }); }

// Modulo 2^32.
SYN_INLINE VI operator+(VI a, VI b) { return each_part<VI>([&](int i) { return PI(PU(a.p[i]) + PU(b.p[i])); }); }
SYN_INLINE VI operator-(VI a, VI b) { return each_part<VI>([&](int i) { return PI(PU(a.p[i]) - PU(b.p[i])); }); }
SYN_INLINE VI operator*(VI a, VI b) { return each_part<VI>([&](int i) { return PI(PU(a.p[i]) * PU(b.p[i])); }); }
SYN_INLINE VI operator&(VI a, VI b) { return each_part<VI>([&](int i) { return a.p[i] & b.p[i]; }); }
SYN_INLINE VI operator|(VI a, VI b) { return each_part<VI>([&](int i) { return a.p[i] | b.p[i]; }); }
SYN_INLINE VI operator^(VI a, VI b) { return each_part<VI>([&](int i) { return a.p[i] ^ b.p[i]; }); }
SYN_INLINE VI operator<<(VI a, int n) { return each_part<VI>([&](int i) { return a.p[i] << n; }); }
SYN_INLINE VI operator>>(VI a, int n) { return each_part<VI>([&](int i) { return a.p[i] >> n; }); }  // keeps the sign
SYN_INLINE VI operator<(VI a, VI b) { return each_part<VI>([&](int i) { return PI(a.p[i] < b.p[i]); }); }

SYN_INLINE VI as_int(V a) { return each_part<VI>([&](int i) { return (PI)a.p[i]; }); }
SYN_INLINE V as_float(VI a) { return each_part<V>([&](int i) { return (PF)a.p[i]; }); }
SYN_INLINE V to_float(VI a) { return each_part<V>([&](int i) { return __builtin_convertvector(a.p[i], PF); }); }
SYN_INLINE V select(VI m, V a, V b) { return each_part<V>([&](int i) { return m.p[i] ? a.p[i] : b.p[i]; }); }
SYN_INLINE VI select(VI m, VI a, VI b) { return each_part<VI>([&](int i) { return m.p[i] ? a.p[i] : b.p[i]; }); }

// a * b + c in two roundings; fma(a, b, c) in one, where the CPU has it.
SYN_INLINE V mul_add(V a, V b, V c) { return a * b + c; }
SYN_INLINE V fma(V a, V b, V c) { return each_part<V>([&](int i) { return fma_part(a.p[i], b.p[i], c.p[i]); }); }
SYN_INLINE VI round_to_int(V a) { return each_part<VI>([&](int i) { return PI(round_part(a.p[i])); }); }  // half to even

// The first n lanes; the others are 0 when loaded and left alone when stored.
SYN_INLINE V load_n(const float* from, size_t n) {
  float lanes[16] = {};
  __builtin_memcpy(lanes, from, n * sizeof(float));
  return V::load(lanes);
}
SYN_INLINE void store_n(float* to, V v, size_t n) {
  float lanes[16];
  v.store(lanes);
  __builtin_memcpy(to, lanes, n * sizeof(float));
}

// Lane i of the result is lane i ^ distance.
template <int distance, typename P, int... i>
SYN_INLINE P swap_lanes(P x, std::integer_sequence<int, i...>) {
  return __builtin_shufflevector(x, x, (i ^ distance)...);
}
template <int distance>
SYN_INLINE V swapped(V v) {
  return each_part<V>([&](int i) {
    if constexpr (distance >= kPartLanes) return v.p[i ^ (distance / kPartLanes)];
    else return swap_lanes<distance>(v.p[i], std::make_integer_sequence<int, kPartLanes>());
  });
}

// Lanes i with i + 8, then 4, 2, 1, in one fixed tree.
template <int half, typename P, typename Fn>
SYN_INLINE P folded(P x, Fn f) {
  x = f(x, swap_lanes<half>(x, std::make_integer_sequence<int, kPartLanes>()));
  if constexpr (half > 1) return folded<half / 2>(x, f);
  return x;
}
template <typename L, typename Fn>
SYN_INLINE auto fold(L v, Fn f) {
  for (int half = kParts / 2; half > 0; half /= 2)
    for (int i = 0; i < half; ++i) v.p[i] = f(v.p[i], v.p[i + half]);
  return folded<kPartLanes / 2>(v.p[0], f)[0];
}
SYN_INLINE float sum(V v) {
  return fold(v, [](PF a, PF b) { return a + b; });
}
SYN_INLINE float largest(V v) {
  return fold(v, [](PF a, PF b) { return a > b ? a : b; });
}
SYN_INLINE int32_t largest(VI v) {
  return fold(v, [](PI a, PI b) { return a > b ? a : b; });
}

using F = V;
using I = VI;
