// The rotation of quantised caches: Walsh-Hadamard over each block of a head, distances block / 2, block / 4 .. 1, then times
// block^(-1/2). Each pair (a, b) becomes (a + b, a - b).

template <int distance>
SYN_INLINE V turn_pairs(V x) {
  const V other = swapped<distance>(x);
  return select(VI(0) < (VI::load(kLaneIndex) & VI(distance)), other - x, x + other);
}

void hadamard(float* y, const float* x, size_t block, size_t D) {
  float factor = 1;
  size_t rest = block;
  for (; rest >= 4; rest /= 4) factor *= 0.5f;
  if (rest == 2) factor *= 0.70710678f;
  for (size_t first = 0; first < D; first += block) {
    float* b = y + first;
    for (size_t i = 0; i < block; i += 16) V::load(x + first + i).store(b + i);
    for (size_t distance = block / 2; distance >= 16; distance /= 2)
      for (size_t i = 0; i < block; i += 2 * distance)
        for (size_t k = i; k < i + distance; k += 16) {
          const V low = V::load(b + k), high = V::load(b + k + distance);
          (low + high).store(b + k), (low - high).store(b + k + distance);
        }
    for (size_t i = 0; i < block; i += 16) {
      const V lanes = turn_pairs<1>(turn_pairs<2>(turn_pairs<4>(turn_pairs<8>(V::load(b + i)))));
      (lanes * V(factor)).store(b + i);
    }
  }
}

// Up to 16 rows of D floats, side by side: element (row, d) to n_rows * d + row.
void interleave_rows(float* to, const float* const* rows, int32_t n_rows, size_t D) {
  const size_t n = size_t(n_rows);
  size_t d = 0;
  if (n == 16) {
    const uint8_t* bytes[16];
    for (size_t r = 0; r < 16; ++r) bytes[r] = (const uint8_t*)rows[r];
    for (; d + 4 <= D; d += 4) {
      VI columns[4];
      load_rows(columns, bytes, d * sizeof(float));
      for (size_t i = 0; i < 4; ++i) columns[i].store(to + 16 * (d + i));
    }
  }
  for (; d < D; ++d)
    for (size_t r = 0; r < n; ++r) to[n * d + r] = rows[r][d];
}
