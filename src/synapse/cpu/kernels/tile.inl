// The quantised linear: a tile times rows of activations. kBlocks and the like: formats.inl.

// 32-blocks first_block .. +n_blocks of 16 rows, whole blocks of the format, into a tile.
template <typename T, typename W>
void unpack(Tile* tile, const W& w, int32_t first_block, int32_t n_blocks) {
  constexpr int kBytes = W::kByBlock ? 1 : info(T::kType).block_bytes, kParts32 = T::kParts > 1 ? 2 : 1;
  for (int32_t b = 0; b < n_blocks; b += T::kBlocks) {
    const size_t at = size_t((first_block + b) / T::kBlocks) * kBytes;
    prefetch<kBytes>(w, at);
    T::each(w, at, [&](int i, int g, VI q) { q.store(tile->q[b + i][g]); });
    T::d(w, at).store(tile->d[b / T::kBlocks]);
    if constexpr (T::kMin) T::m(w, at).store(tile->m[b / T::kBlocks]);
    if constexpr (T::kParts > 0) {
      VI scale[2 * T::kBlocks], minima[T::kBlocks];
      T::parts(w, at, scale, minima);
      for (int i = 0; i < T::kBlocks * kParts32; ++i) scale[i].store(tile->scale[b + i / kParts32][i % kParts32]);
      if constexpr (T::kMin)
        for (int i = 0; i < T::kBlocks * kParts32 / 2; ++i) minima[i].store(tile->minima[b * kParts32 / 2 + i]);
    }
  }
}

// What the sum of each part of 32-blocks block .. +n of a row of x begins with when kShift has been added to every weight, and the sums of x of
// pairs of parts, as minima lie. `block` counts from the first row.
template <int32_t kShift, int kParts32, bool kPairs>
SYN_INLINE void begin_parts(int32_t* start, int32_t* pairs, const QuantRows* x, size_t block, int32_t n) {
  const int32_t* sums = x->sums16 + 2 * block;
  const auto part_sum = [&](int32_t i) { return kParts32 == 2 ? sums[i] : sums[2 * i] + sums[2 * i + 1]; };
  if constexpr (kShift != 0)
    for (int32_t i = 0; i < n * kParts32; ++i) start[i] = -kShift * part_sum(i);
  if constexpr (kPairs)
    for (int32_t i = 0; i < n * kParts32 / 2; ++i)
      pairs[i] = (part_sum(2 * i) & 0xFFFF) | int32_t(uint32_t(part_sum(2 * i + 1)) << 16);
}

// R rows of x times both tiles: what is loaded of x serves 32 weights.
template <int R, int kBlocks, int kParts, bool kMin, int kOffset>
SYN_INLINE void dot_tile_rows(float* acc, const Tile* tiles, const QuantRows* x, int32_t row, int32_t n_rows, int32_t first_block,
                              int32_t n_blocks) {
  constexpr int G = 2;
  constexpr bool kIsSigned = kOffset == kSigned;
  constexpr int32_t kShift = kIsSigned ? kSignedShift : kOffset;  // of q: this many times the sum of x are taken off
  constexpr int kParts32 = kParts > 1 ? 2 : 1, kGroups = kBlock / 4 / kParts32;
  const size_t blocks = size_t(x->n / kBlock);
  const auto block_of = [&](int r, int32_t b) { return size_t(row + r) * blocks + size_t(first_block + b); };
  int32_t start[R][2 * kTileBlocks], pairs[R][kTileBlocks];
  for (int r = 0; r < R; ++r)
    begin_parts<kShift, kParts32, (kMin && kParts > 0)>(start[r], pairs[r], x, block_of(r, 0), n_blocks);

  const auto place = [&](int t, int r) { return acc + size_t(t * n_rows + row + r) * kTileRows; };
  V y[G][R];
  for (int t = 0; t < G; ++t)
    for (int r = 0; r < R; ++r) y[t][r] = V::load(place(t, r));
  for (int32_t first = 0; first < n_blocks; first += kBlocks) {
    VI isum[G][R];
    for (int t = 0; t < G; ++t)
      for (int r = 0; r < R; ++r) isum[t][r] = VI(0);
    for (int i = 0; i < kBlocks; ++i) {
      const int32_t b = first + i;
      DotX in[R];
      for (int r = 0; r < R; ++r) in[r] = dot_x(x->q + block_of(r, b) * kBlock);
      for (int part = 0; part < kParts32; ++part) {
        VI dot[G][R];
        for (int r = 0; r < R; ++r)
          for (int t = 0; t < G; ++t) dot[t][r] = VI(kShift != 0 ? start[r][b * kParts32 + part] : 0);
        for (int g = part * kGroups; g < (part + 1) * kGroups; ++g) {
          const auto w0 = dot_w<kIsSigned>(tiles[0].q[b][g][0]), w1 = dot_w<kIsSigned>(tiles[1].q[b][g][0]);
          for (int r = 0; r < R; ++r) {
            dot[0][r] = dot4<kIsSigned>(dot[0][r], w0, in[r], g);
            dot[1][r] = dot4<kIsSigned>(dot[1][r], w1, in[r], g);
          }
        }
        for (int t = 0; t < G; ++t) {
          if constexpr (kParts > 0) {
            const VI scale = VI::load(tiles[t].scale[b][part]);
            for (int r = 0; r < R; ++r) dot[t][r] = scale * dot[t][r];
          }
          for (int r = 0; r < R; ++r) isum[t][r] = kBlocks == 1 && kParts == 0 ? dot[t][r] : isum[t][r] + dot[t][r];
        }
      }
    }
    for (int t = 0; t < G; ++t) {
      const V d = V::load(tiles[t].d[first / kBlocks]);
      const auto d_x = [&](int r) { return V(x->d[block_of(r, first) / kBlocks]); };
      for (int r = 0; r < R; ++r) y[t][r] = mul_add(d * d_x(r), to_float(isum[t][r]), y[t][r]);
      if constexpr (kMin) {
        const V m = V::load(tiles[t].m[first / kBlocks]);
        for (int r = 0; r < R; ++r) {
          if constexpr (kParts == 0) {
            const int32_t* sums = x->sums16 + 2 * block_of(r, first);
            y[t][r] = mul_add(m * d_x(r), V(float(sums[0] + sums[1])), y[t][r]);
          } else {
            VI sum(0);
            for (int i = 0; i < kBlocks * kParts32 / 2; ++i) {
              const int32_t pair = first * kParts32 / 2 + i;
              sum = sum + dot2(VI::load(tiles[t].minima[pair]), VI(pairs[r][pair]));
            }
            y[t][r] = y[t][r] - (m * d_x(r)) * to_float(sum);
          }
        }
      }
    }
  }
  for (int t = 0; t < G; ++t)
    for (int r = 0; r < R; ++r) y[t][r].store(place(t, r));
}

template <int kBlocks, int kParts, bool kMin, int kOffset>
void dot_tile(float* acc, const Tile* tiles, const QuantRows* x, int32_t n_rows, int32_t first_block, int32_t n_blocks) {
  constexpr int R = kParts ? kDotRowsOfParts : kDotRows;
  int32_t row = 0;
  for (; row + R <= n_rows; row += R)
    dot_tile_rows<R, kBlocks, kParts, kMin, kOffset>(acc, tiles, x, row, n_rows, first_block, n_blocks);
  for (; row < n_rows; ++row)
    dot_tile_rows<1, kBlocks, kParts, kMin, kOffset>(acc, tiles, x, row, n_rows, first_block, n_blocks);
}

// The products of every format, for whichever instruction set this is compiled.
void fill_dots(Format* f) {
  each_format([&](auto format) {
    using T = decltype(format);
    f[size_t(T::kType)].dot = dot_tile<T::kBlocks, T::kParts, T::kMin, T::kOffset>;
  });
}
