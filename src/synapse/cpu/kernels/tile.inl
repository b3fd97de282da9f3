// The quantised linear: a tile times rows of activations. kBlocks 32-blocks share a scale of the weights and one of the
// activations; inside them kSubs parts of every 32 weights have an integer scale of their own (0: none), and kMin says
// whether there are minima.

// R rows of x.
template <int R, int kBlocks, int kSubs, bool kMin>
SYN_INLINE void dot_tile_rows(float* acc, const Tile* tile, const QuantRows* x, int32_t row, int32_t first_block,
                              int32_t n_blocks) {
  constexpr int kParts32 = kSubs > 1 ? 2 : 1, kGroups = kBlock / 4 / kParts32;
  const size_t blocks = size_t(x->n / kBlock);
  const auto block_of = [&](int r, int32_t b) { return size_t(row + r) * blocks + size_t(first_block + b); };
  // Sum of the q of part `part` of a block of x.
  const auto x_sum = [&](size_t block, int part) {
    const int32_t* s = x->sums16 + 2 * block;
    return kParts32 == 2 ? s[part] : s[0] + s[1];
  };
  V y[R];
  for (int r = 0; r < R; ++r) y[r] = V::load(acc + (row + r) * kTileRows);
  for (int32_t first = 0; first < n_blocks; first += kBlocks) {
    VI isum[R];
    for (int r = 0; r < R; ++r) isum[r] = VI(0);
    for (int i = 0; i < kBlocks; ++i) {
      const int32_t b = first + i;
      DotX in[R];
      for (int r = 0; r < R; ++r) in[r] = dot_x(x->q + block_of(r, b) * kBlock);
      for (int part = 0; part < kParts32; ++part) {
        VI dot[R];
        for (int r = 0; r < R; ++r) dot[r] = dot_start(x_sum(block_of(r, b), part));
        for (int g = part * kGroups; g < (part + 1) * kGroups; ++g) {
          const DotW w = dot_w(&tile->q[b][g][0][0]);
          for (int r = 0; r < R; ++r) dot[r] = dot4(dot[r], w, in[r], g);
        }
        if constexpr (kSubs > 0) {
          const VI scale = (VI::load(tile->sub[b][part]) << 16) >> 16;
          for (int r = 0; r < R; ++r) dot[r] = scale * dot[r];
        }
        for (int r = 0; r < R; ++r) isum[r] = isum[r] + dot[r];
      }
    }
    const V d = V::load(tile->d[first / kBlocks]);
    const auto d_x = [&](int r) { return V(x->d[block_of(r, first) / kBlocks]); };
    for (int r = 0; r < R; ++r) y[r] = mul_add(d * d_x(r), to_float(isum[r]), y[r]);
    if constexpr (kMin) {
      const V m = V::load(tile->m[first / kBlocks]);
      for (int r = 0; r < R; ++r) {
        if constexpr (kSubs == 0) {
          y[r] = mul_add(m * d_x(r), V(float(x_sum(block_of(r, first), 0))), y[r]);
        } else {
          VI sum(0);
          for (int32_t b = first; b < first + kBlocks; ++b)
            for (int part = 0; part < kParts32; ++part)
              sum = sum + (VI::load(tile->sub[b][part]) >> 16) * VI(x_sum(block_of(r, b), part));
          y[r] = y[r] - (m * d_x(r)) * to_float(sum);
        }
      }
    }
  }
  for (int r = 0; r < R; ++r) y[r].store(acc + (row + r) * kTileRows);
}

template <int kBlocks, int kSubs, bool kMin>
void dot_tile(float* acc, const Tile* tile, const QuantRows* x, int32_t n_rows, int32_t first_block, int32_t n_blocks) {
  constexpr int R = kSubs && kDotRows > 1 ? kDotRows / 2 : kDotRows;  // two integers a row are in registers then
  int32_t row = 0;
  for (; row + R <= n_rows; row += R)
    dot_tile_rows<R, kBlocks, kSubs, kMin>(acc, tile, x, row, first_block, n_blocks);
  for (; row < n_rows; ++row) dot_tile_rows<1, kBlocks, kSubs, kMin>(acc, tile, x, row, first_block, n_blocks);
}

// The products of every quantised format, for whichever instruction set this is compiled.
void fill_dots(Format* f) {
  const auto set = [&](auto dot, auto... types) { ((f[size_t(types)].dot = dot), ...); };
  using enum DType;
  set(dot_tile<1, 0, false>, q8_0, q4_0, q5_0, iq4_nl, mxfp4, int8, q2_32);
  set(dot_tile<1, 0, true>, q4_1, q5_1);
  set(dot_tile<2, 0, false>, q2_64);
  set(dot_tile<8, 0, false>, tq2_0);
  set(dot_tile<8, 1, false>, iq4_xs);
  set(dot_tile<8, 1, true>, q4_k, q5_k);
  set(dot_tile<8, 2, false>, q3_k, q6_k);
  set(dot_tile<8, 2, true>, q2_k);
}
