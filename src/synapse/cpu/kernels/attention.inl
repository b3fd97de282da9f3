// Attention of up to kQueryBlock queries to one page of 64 keys, from scratch, and its merge into what earlier pages gave.
// Scores have keys as lanes, values have dims as lanes; N queries and G groups of 16 are in registers at a time, which
// changes no order.

alignas(64) constexpr int32_t kLaneIndex[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
constexpr int32_t kKeyGroups = kAttendKeys / 16;

// Groups that N queries take together.
template <int N>
constexpr int kGroupsOf = kAttendRegisters / N < kKeyGroups ? kAttendRegisters / N : kKeyGroups;

SYN_INLINE void ask_for(const Ahead& ahead, size_t at) { __builtin_prefetch((const uint8_t*)ahead.from + (at >> ahead.shift)); }

// s[r][key] = q_r . key for the keys of G groups from g on. q is (D, stride), d-major.
template <typename T, int N, int G>
SYN_INLINE void dot_groups(float (*s)[kAttendKeys], const float* q, size_t stride, const PageView* page, size_t D, int32_t g) {
  const uint8_t* k = (const uint8_t*)page->k;
  V acc[N][G];
  for (int r = 0; r < N; ++r)
    for (int i = 0; i < G; ++i) acc[r][i] = V(0.0f);
  for (size_t d = 0; d < D; ++d)
    for (int i = 0; i < G; ++i) {
      const size_t at = ((size_t(g + i) * D + d) * 16) * T::kBytes;
      ask_for(page->ahead[0], at);
      const V keys = T::at(k + at);
      for (int r = 0; r < N; ++r) acc[r][i] = mul_add(V(q[d * stride + size_t(r)]), keys, acc[r][i]);
    }
  for (int r = 0; r < N; ++r)
    for (int i = 0; i < G; ++i) acc[r][i].store(s[r] + 16 * (g + i));
}

// The same for the groups that hold keys first .. last-1.
template <typename T, int N>
void dot_keys(float (*s)[kAttendKeys], const float* q, size_t stride, const PageView* page, size_t D, int32_t first,
              int32_t last) {
  constexpr int G = kGroupsOf<N>;
  for (int32_t g = first / (16 * G) * G; 16 * g < last; g += G)
    dot_groups<T, N, G>(s, q, stride, page, D, g);
}

// Dot products of n queries to unnormalised probabilities, in place, in groups first .. last-1, outside which none of them
// sees anything; their maxima and sums.
void exponentials(float (*s)[kAttendKeys], Attending* queries, int32_t n, int32_t first, int32_t last, float factor, float cap) {
  for (int32_t r = 0; r < n; ++r) {
    V top(-__builtin_inff());
    for (int32_t g = first; g < last; ++g) {
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
    for (int32_t g = first; g < last; ++g) {
      const V p = exp_body(V::load(s[r] + 16 * g) - V(queries[r].m));
      p.store(s[r] + 16 * g);
      l = l + p;
    }
    queries[r].l = sum(l);
  }
}

// o[r] += p[r][key] * value over keys first .. last-1 of a page, ascending: 16 G dims from d on.
template <typename T, int N, int G>
SYN_INLINE void add_value_dims(Attending* queries, const float (*p)[kAttendKeys], const PageView* page, size_t d,
                               int32_t first, int32_t last) {
  V acc[N][G];
  for (int r = 0; r < N; ++r)
    for (int i = 0; i < G; ++i) acc[r][i] = V::load(queries[r].o + d + 16 * i);
  for (int32_t j = first; j < last; ++j)
    for (int i = 0; i < G; ++i) {
      const size_t at = (size_t(j) * page->v_stride + d + size_t(16 * i)) * T::kBytes;
      ask_for(page->ahead[1], at);
      const V values = T::at((const uint8_t*)page->v + at);
      for (int r = 0; r < N; ++r) acc[r][i] = mul_add(V(p[r][j]), values, acc[r][i]);
    }
  for (int r = 0; r < N; ++r)
    for (int i = 0; i < G; ++i) acc[r][i].store(queries[r].o + d + 16 * i);
}

template <typename T, int N>
void add_values(Attending* queries, const float (*p)[kAttendKeys], const PageView* page, size_t D, int32_t first,
                int32_t last) {
  if (first >= last) return;
  constexpr int G = kGroupsOf<N>;
  size_t d = 0;
  for (; d + 16 * G <= D; d += 16 * G) add_value_dims<T, N, G>(queries, p, page, d, first, last);
  for (; d < D; d += 16) add_value_dims<T, N, 1>(queries, p, page, d, first, last);
}

// Unnormalised outputs of N queries. Keys that some of them do not see come before or after those that all see.
template <typename T, int N>
void values(Attending* queries, const float (*p)[kAttendKeys], const PageView* page, size_t D) {
  int32_t all_first = 0, all_last = kAttendKeys;
  for (int r = 0; r < N; ++r) {
    all_first = queries[r].first > all_first ? queries[r].first : all_first;
    all_last = queries[r].last < all_last ? queries[r].last : all_last;
  }
  if (all_last < all_first) all_last = all_first;
  for (int r = 0; r < N; ++r) {
    for (size_t d = 0; d < D; d += 16) V(0.0f).store(queries[r].o + d);
    const int32_t last = all_first < queries[r].last ? all_first : queries[r].last;
    add_values<T, 1>(queries + r, p + r, page, D, queries[r].first, last);
  }
  add_values<T, N>(queries, p, page, D, all_first, all_last);
  for (int r = 0; r < N; ++r) add_values<T, 1>(queries + r, p + r, page, D, all_last, queries[r].last);
}

// N queries, each of which sees something, against a page in f32 or, each of k and v, in Narrow.
template <typename Narrow, int N>
void attend_block(Attending* queries, const float* q, size_t stride, const PageView* page, float factor, float cap,
                  size_t D) {
  float p[N][kAttendKeys];
  int32_t first = kAttendKeys, last = 0;  // what some query sees
  for (int r = 0; r < N; ++r) {
    first = queries[r].first < first ? queries[r].first : first;
    last = queries[r].last > last ? queries[r].last : last;
  }
  (page->k_dtype == DType::f32 ? dot_keys<F32, N> : dot_keys<Narrow, N>)(p, q, stride, page, D, first, last);
  exponentials(p, queries, N, first / 16, (last + 15) / 16, factor, cap);
  (page->v_dtype == DType::f32 ? values<F32, N> : values<Narrow, N>)(queries, p, page, D);
}

void attend(Attending* queries, int32_t n_queries, const float* q, const PageView* page, float factor, float cap, size_t D) {
  const size_t stride = size_t(n_queries);
  const bool is_wide = page->k_dtype == DType::f32 && page->v_dtype == DType::f32;
  for (int32_t i = 0; i < n_queries;) {
    int32_t n = 0;  // neighbours that see something
    while (i + n < n_queries && queries[i + n].first < queries[i + n].last) ++n;
    if (n == 0) {
      ++i;
    } else if (kAttendRegisters > 4 && n >= kAttendRegisters && is_wide) {
      attend_block<F32, kAttendRegisters>(queries + i, q + i, stride, page, factor, cap, D), i += kAttendRegisters;
    } else if (n >= 4) {
      attend_block<F16, 4>(queries + i, q + i, stride, page, factor, cap, D), i += 4;
    } else if (n >= 2) {
      attend_block<F16, 2>(queries + i, q + i, stride, page, factor, cap, D), i += 2;
    } else {
      attend_block<F16, 1>(queries + i, q + i, stride, page, factor, cap, D), i += 1;
    }
  }
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

void page_probabilities(float (*p)[kAttendKeys], Attending* query, const float* q, const PageView* page, float factor,
                        float cap, size_t D) {
  (page->k_dtype == DType::f32 ? dot_keys<F32, 1> : dot_keys<F16, 1>)(p, q, 1, page, D, 0, kAttendKeys);
  exponentials(p, query, 1, 0, kKeyGroups, factor, cap);
}

void add_received(float* sum_of_p, const float* p, float m_page, float m, float l) {
  float lanes[16];
  exp_body(V(m_page - m)).store(lanes);
  const V f(lanes[0] / l);
  for (int g = 0; g < kKeyGroups; ++g)
    (V::load(sum_of_p + 16 * g) + V::load(p + 16 * g) * f).store(sum_of_p + 16 * g);
}
