// Attention of up to kQueryBlock queries to one page of 64 keys. Scores have keys as lanes, values have dims
// as lanes; N queries and G groups of 16 are in registers at a time, which changes no order.

alignas(64) constexpr int32_t kLaneIndex[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
constexpr int32_t kKeyGroups = kAttendKeys / 16;

SYN_INLINE float exp_of(float x) {
  float lanes[16];
  exp_body(V(x)).store(lanes);
  return lanes[0];
}

// s[r][..] = scores of the 16 G keys from group g on; -inf where query r does not see.
template <typename T, int N, int G>
SYN_INLINE void score_groups(float (*s)[kAttendKeys], const Attending* queries, const uint8_t* k, float factor, float cap,
                             size_t D, int32_t g) {
  V acc[N][G];
  for (int r = 0; r < N; ++r)
    for (int i = 0; i < G; ++i) acc[r][i] = V(0.0f);
  for (size_t d = 0; d < D; ++d)
    for (int i = 0; i < G; ++i) {
      const V keys = T::at(k + ((size_t(g + i) * D + d) * 16) * T::kBytes);
      for (int r = 0; r < N; ++r) acc[r][i] = mul_add(V(queries[r].q[d]), keys, acc[r][i]);
    }
  for (int r = 0; r < N; ++r)
    for (int i = 0; i < G; ++i) {
      const VI key = VI::load(kLaneIndex) + VI(16 * (g + i));
      const VI sees = (VI(queries[r].first - 1) < key) & (key < VI(queries[r].last));
      V score = acc[r][i] * V(factor);
      if (cap != 0.0f) score = soft_cap_body(score, V(cap));
      select(sees, score, V(-__builtin_inff())).store(s[r] + 16 * (g + i));
    }
}

template <typename T, int N>
SYN_INLINE void scores(float (*s)[kAttendKeys], const Attending* queries, const PageView* page, float factor, float cap,
                       size_t D) {
  constexpr int G = kKeyGroups / N;
  for (int32_t g = 0; g < kKeyGroups; g += G)
    score_groups<T, N, G>(s, queries, (const uint8_t*)page->k, factor, cap, D, g);
}

// Scores to probabilities in place, unnormalised; returns their maximum and their sum.
struct MaxSum {
  float m, l;
};
SYN_INLINE MaxSum exponentials(float* s) {
  V top = V::load(s);
  for (int g = 1; g < kKeyGroups; ++g) {
    const V v = V::load(s + 16 * g);
    top = select(top > v, top, v);
  }
  const float m = largest(top);
  V l(0.0f);
  for (int g = 0; g < kKeyGroups; ++g) {
    const V p = exp_body(V::load(s + 16 * g) - V(m));
    p.store(s + 16 * g);
    l = l + p;
  }
  return {m, sum(l)};
}

// Merges this page's p V into o: 16 G dims from d on, of which the last `left` lanes' worth exist.
template <typename T, int N, int G>
SYN_INLINE void value_dims(Attending* queries, const float (*p)[kAttendKeys], const float* keep, const float* take,
                           const uint8_t* v, size_t D, size_t d) {
  const size_t left = D - d < 16 ? D - d : 16;
  const auto row = [&](int32_t j, int i) {
    const uint8_t* from = v + (size_t(j) * D + d + size_t(16 * i)) * T::kBytes;
    return left == 16 ? T::at(from) : part<T>(from, left);
  };
  V acc[N][G];
  int32_t all_first = 0, all_last = kAttendKeys;  // the keys that every query of the block sees
  for (int r = 0; r < N; ++r) {
    for (int i = 0; i < G; ++i) acc[r][i] = V(0.0f);
    all_first = queries[r].first > all_first ? queries[r].first : all_first;
    all_last = queries[r].last < all_last ? queries[r].last : all_last;
  }
  if (all_last < all_first) all_last = all_first;
  const auto alone = [&](int r, int32_t first, int32_t last) {
    for (int32_t j = first; j < last; ++j)
      for (int i = 0; i < G; ++i) acc[r][i] = mul_add(V(p[r][j]), row(j, i), acc[r][i]);
  };
  for (int r = 0; r < N; ++r) alone(r, queries[r].first, all_first < queries[r].last ? all_first : queries[r].last);
  for (int32_t j = all_first; j < all_last; ++j)
    for (int i = 0; i < G; ++i) {
      const V values = row(j, i);
      for (int r = 0; r < N; ++r) acc[r][i] = mul_add(V(p[r][j]), values, acc[r][i]);
    }
  for (int r = 0; r < N; ++r) {
    alone(r, all_last, queries[r].last);
    for (int i = 0; i < G; ++i) {
      float* o = queries[r].o + d + 16 * i;
      if (!queries[r].started) {
        store_n(o, acc[r][i], left);
      } else {
        const V old = left == 16 ? V::load(o) : load_n(o, left);
        store_n(o, old * V(keep[r]) + acc[r][i] * V(take[r]), left);
      }
    }
  }
}

template <typename T, int N>
SYN_INLINE void values(Attending* queries, const float (*p)[kAttendKeys], const float* keep, const float* take,
                       const PageView* page, size_t D) {
  constexpr int G = 4 / N;
  size_t d = 0;
  for (; d + 16 * G <= D; d += 16 * G) value_dims<T, N, G>(queries, p, keep, take, (const uint8_t*)page->v, D, d);
  for (; d < D; d += 16) value_dims<T, N, 1>(queries, p, keep, take, (const uint8_t*)page->v, D, d);
}

template <int N>
SYN_INLINE void attend_block(Attending* queries, const PageView* page, float factor, float cap, size_t D) {
  float p[N][kAttendKeys], keep[N] = {}, take[N] = {};
  if (page->k_dtype == DType::f32) {
    scores<F32, N>(p, queries, page, factor, cap, D);
  } else {
    scores<F16, N>(p, queries, page, factor, cap, D);
  }
  MaxSum merged[N];
  for (int r = 0; r < N; ++r) {
    const MaxSum tile = exponentials(p[r]);
    merged[r] = tile;
    if (!queries[r].started) continue;
    merged[r].m = queries[r].m > tile.m ? queries[r].m : tile.m;
    keep[r] = exp_of(queries[r].m - merged[r].m);
    take[r] = exp_of(tile.m - merged[r].m);
    merged[r].l = (queries[r].l * keep[r]) + (tile.l * take[r]);
  }
  if (page->v_dtype == DType::f32) {
    values<F32, N>(queries, p, keep, take, page, D);
  } else {
    values<F16, N>(queries, p, keep, take, page, D);
  }
  for (int r = 0; r < N; ++r) queries[r].m = merged[r].m, queries[r].l = merged[r].l, queries[r].started = true;
}

void attend(Attending* queries, int32_t n_queries, const PageView* page, float factor, float cap, size_t D) {
  int32_t i = 0;
  while (i < n_queries) {
    if (queries[i].first >= queries[i].last) {
      ++i;
      continue;
    }
    int32_t n = 1;  // neighbours that see something
    while (n < kQueryBlock && i + n < n_queries && queries[i + n].first < queries[i + n].last) ++n;
    if (n == 4) {
      attend_block<4>(queries + i, page, factor, cap, D), i += 4;
    } else if (n >= 2) {
      attend_block<2>(queries + i, page, factor, cap, D), i += 2;
    } else {
      attend_block<1>(queries + i, page, factor, cap, D), i += 1;
    }
  }
}

float page_probabilities(float* p, const Attending* query, const PageView* page, float factor, float cap, size_t D) {
  float s[1][kAttendKeys];
  if (page->k_dtype == DType::f32) {
    scores<F32, 1>(s, query, page, factor, cap, D);
  } else {
    scores<F16, 1>(s, query, page, factor, cap, D);
  }
  const float m = exponentials(s[0]).m;
  __builtin_memcpy(p, s[0], sizeof s[0]);
  return m;
}

void add_received(float* sum_of_p, const float* p, float m_page, float m, float l) {
  const V f(exp_of(m_page - m) / l);
  for (int g = 0; g < kKeyGroups; ++g)
    (V::load(sum_of_p + 16 * g) + V::load(p + 16 * g) * f).store(sum_of_p + 16 * g);
}
