// Attention of up to kQueryBlock queries to one page of 64 keys, from scratch: scores and their exponentials, then values;
// and its merge into what earlier pages gave. Scores have keys as lanes, values have dims as lanes; N queries and G groups
// of 16 are in registers at a time, which changes no order.

alignas(64) constexpr int32_t kLaneIndex[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
constexpr int32_t kKeyGroups = kAttendKeys / 16;

// Groups that N queries take together.
template <int N>
constexpr int kGroupsOf = kAttendRegisters / N < kKeyGroups ? kAttendRegisters / N : kKeyGroups;

SYN_INLINE void ask_for(const Ahead& ahead, size_t at) { __builtin_prefetch((const uint8_t*)ahead.from + (at >> ahead.shift)); }

// s[r][key] = q_r . key for the keys of G groups from g on, if they are of groups begin .. end-1. q is (D, stride), d-major.
template <typename T, int N, int G>
SYN_INLINE void dot_groups(float (*s)[kAttendKeys], const float* q, size_t stride, const PageRows* keys, size_t D, int32_t g,
                           int32_t begin, int32_t end) {
  const uint8_t* k = (const uint8_t*)keys->rows;
  V acc[N][G];
  for (int r = 0; r < N; ++r)
    for (int i = 0; i < G; ++i) acc[r][i] = V(0.0f);
  for (size_t d = 0; d < D; ++d)
    for (int i = 0; i < G; ++i) {
      const size_t at = ((size_t(g + i) * D + d) * 16) * T::kBytes;
      ask_for(keys->ahead, at);
      const V lanes = T::at(k + at);
      for (int r = 0; r < N; ++r) acc[r][i] = mul_add(V(q[d * stride + size_t(r)]), lanes, acc[r][i]);
    }
  for (int r = 0; r < N; ++r)
    for (int i = 0; i < G; ++i)
      if (begin <= g + i && g + i < end) acc[r][i].store(s[r] + 16 * (g + i));
}

template <typename T, int N>
void dot_keys(float (*s)[kAttendKeys], const float* q, size_t stride, const PageRows* keys, size_t D, int32_t begin,
              int32_t end) {
  constexpr int G = kGroupsOf<N>;
  for (int32_t g = begin / G * G; g < end; g += G) dot_groups<T, N, G>(s, q, stride, keys, D, g, begin, end);
}

// Dot products of n queries to unnormalised probabilities, in place, in groups begin .. end-1, outside which none of them
// sees anything; their maxima and sums.
void exponentials(float (*s)[kAttendKeys], Attending* queries, int32_t n, int32_t begin, int32_t end, float factor, float cap) {
  for (int32_t r = 0; r < n; ++r) {
    V top(-__builtin_inff());
    for (int32_t g = begin; g < end; ++g) {
      const VI key = VI::load(kLaneIndex) + VI(16 * g);
      const VI sees = (VI(queries[r].first - 1) < key) & (key < VI(queries[r].last));
      V score = V::load(s[r] + 16 * g) * V(factor);
      if (cap != 0.0f) score = soft_cap_body(score, V(cap));
      score = select(sees, score, V(-__builtin_inff()));
      score.store(s[r] + 16 * g);
      top = select(top > score, top, score);
    }
    queries[r].m = largest(top);
  }
  for (int32_t r = 0; r < n; ++r) {
    V l(0.0f);
    for (int32_t g = begin; g < end; ++g) {
      const V p = exp_body(V::load(s[r] + 16 * g) - V(queries[r].m));
      p.store(s[r] + 16 * g);
      l = l + p;
    }
    queries[r].l = sum(l);
  }
}

// o[r] += p[r][key] * value over keys first .. last-1 of a page, ascending: 16 G dims from d on.
template <typename T, int N, int G>
SYN_INLINE void add_value_dims(Attending* queries, const float (*p)[kAttendKeys], const PageRows* values, size_t d,
                               int32_t first, int32_t last) {
  V acc[N][G];
  for (int r = 0; r < N; ++r)
    for (int i = 0; i < G; ++i) acc[r][i] = V::load(queries[r].o + d + 16 * i);
  for (int32_t j = first; j < last; ++j)
    for (int i = 0; i < G; ++i) {
      const size_t at = (size_t(j) * values->stride + d + size_t(16 * i)) * T::kBytes;
      ask_for(values->ahead, at);
      const V lanes = T::at((const uint8_t*)values->rows + at);
      for (int r = 0; r < N; ++r) acc[r][i] = mul_add(V(p[r][j]), lanes, acc[r][i]);
    }
  for (int r = 0; r < N; ++r)
    for (int i = 0; i < G; ++i) acc[r][i].store(queries[r].o + d + 16 * i);
}

template <typename T, int N>
void add_values(Attending* queries, const float (*p)[kAttendKeys], const PageRows* values, size_t D, int32_t first,
                int32_t last) {
  if (first >= last) return;
  constexpr int G = kGroupsOf<N>;
  size_t d = 0;
  for (; d + 16 * G <= D; d += 16 * G) add_value_dims<T, N, G>(queries, p, values, d, first, last);
  for (; d < D; d += 16) add_value_dims<T, N, 1>(queries, p, values, d, first, last);
}

// Unnormalised outputs of N queries. Keys that some of them do not see come before or after those that all see.
template <typename T, int N>
void sum_values(Attending* queries, const float (*p)[kAttendKeys], const PageRows* values, size_t D) {
  int32_t all_first = 0, all_last = kAttendKeys;
  for (int r = 0; r < N; ++r) {
    all_first = queries[r].first > all_first ? queries[r].first : all_first;
    all_last = queries[r].last < all_last ? queries[r].last : all_last;
  }
  if (all_last < all_first) all_last = all_first;
  for (int r = 0; r < N; ++r) {
    for (size_t d = 0; d < D; d += 16) V(0.0f).store(queries[r].o + d);
    const int32_t last = all_first < queries[r].last ? all_first : queries[r].last;
    add_values<T, 1>(queries + r, p + r, values, D, queries[r].first, last);
  }
  add_values<T, N>(queries, p, values, D, all_first, all_last);
  for (int r = 0; r < N; ++r) add_values<T, 1>(queries + r, p + r, values, D, all_last, queries[r].last);
}

// f(N, its type, i) for neighbours i .. i+N-1 that see something. More than four at a time only where rows are f32.
template <typename Fn>
SYN_INLINE void each_block(const Attending* queries, int32_t n_queries, DType dtype, Fn f) {
  const auto run = [&](auto size, int32_t i) {
    dtype == DType::f32 ? f(size, F32(), i) : f(size, F16(), i);
    return i + size;
  };
  for (int32_t i = 0; i < n_queries;) {
    int32_t n = 0;
    while (i + n < n_queries && queries[i + n].first < queries[i + n].last) ++n;
    if (n == 0) {
      ++i;
    } else if (kAttendRegisters > 4 && n >= kAttendRegisters && dtype == DType::f32) {
      f(std::integral_constant<int, kAttendRegisters>(), F32(), i), i += kAttendRegisters;
    } else if (n >= 4) {
      i = run(std::integral_constant<int, 4>(), i);
    } else if (n >= 2) {
      i = run(std::integral_constant<int, 2>(), i);
    } else {
      i = run(std::integral_constant<int, 1>(), i);
    }
  }
}

void scores(float (*p)[kAttendKeys], Attending* queries, int32_t n_queries, const float* q, const PageRows* keys,
            float factor, float cap, size_t D) {
  each_block(queries, n_queries, keys->dtype, [&](auto n, auto type, int32_t i) {
    int32_t first = kAttendKeys, last = 0;  // what some query sees
    for (int r = 0; r < n; ++r) {
      first = queries[i + r].first < first ? queries[i + r].first : first;
      last = queries[i + r].last > last ? queries[i + r].last : last;
    }
    const int32_t begin = first / 16, end = (last + 15) / 16;
    dot_keys<decltype(type), n>(p + i, q + i, size_t(n_queries), keys, D, begin, end);
    exponentials(p + i, queries + i, n, begin, end, factor, cap);
  });
}

void values(Attending* queries, int32_t n_queries, const float (*p)[kAttendKeys], const PageRows* values, size_t D) {
  each_block(queries, n_queries, values->dtype, [&](auto n, auto type, int32_t i) {
    sum_values<decltype(type), n>(queries + i, p + i, values, D);
  });
}

// Up to kQueryBlock queries.
void merge(Attending* queries, const Attending* tiles, int32_t n, size_t D) {
  float keep[kQueryBlock] = {}, take[kQueryBlock] = {};
  for (int32_t r = 0; r < n; ++r) {
    const float m = queries[r].m > tiles[r].m ? queries[r].m : tiles[r].m;
    keep[r] = queries[r].m - m, take[r] = tiles[r].m - m;
    queries[r].m = m;
  }
  exp_body(V::load(keep)).store(keep), exp_body(V::load(take)).store(take);
  for (int32_t r = 0; r < n; ++r) {
    queries[r].l = (queries[r].l * keep[r]) + (tiles[r].l * take[r]);
    const V a(keep[r]), b(take[r]);
    map2(queries[r].o, queries[r].o, tiles[r].o, D, [&](V o, V tile) { return o * a + tile * b; });
  }
}

void add_received(float* sum_of_p, const float* p, float m_page, float m, float l) {
  float lanes[16];
  exp_body(V(m_page - m)).store(lanes);
  const V f(lanes[0] / l);
  for (int g = 0; g < kKeyGroups; ++g)
    (V::load(sum_of_p + 16 * g) + V::load(p + 16 * g) * f).store(sum_of_p + 16 * g);
}
