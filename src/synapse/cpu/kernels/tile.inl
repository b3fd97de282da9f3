// The quantised linear of formats with one scale to 32 weights: a tile times rows of activations.

template <int R>
SYN_INLINE void dot_tile_rows(float* acc, const Tile* tile, const QuantRows* x, int32_t row, int32_t first_block,
                              int32_t n_blocks) {
  const int32_t blocks = x->n / kBlock;
  V y[R];
  for (int r = 0; r < R; ++r) y[r] = V::load(acc + (row + r) * kTileRows);
  for (int32_t b = 0; b < n_blocks; ++b) {
    DotX in[R];
    VI isum[R];
    for (int r = 0; r < R; ++r) {
      const size_t at = size_t(row + r) * size_t(blocks) + size_t(first_block + b);
      in[r] = dot_x(x->q + at * kBlock, x->sums[at]);
      isum[r] = dot_start(in[r]);
    }
    for (int g = 0; g < kBlock / 4; ++g) {
      const DotW w = dot_w(&tile->q[b][g][0][0]);
      for (int r = 0; r < R; ++r) isum[r] = dot4(isum[r], w, in[r], g);
    }
    const V d = V::load(tile->d[b]);
    for (int r = 0; r < R; ++r) {
      const float d_x = x->d[size_t(row + r) * size_t(blocks) + size_t(first_block + b)];
      y[r] = mul_add(d * V(d_x), to_float(isum[r]), y[r]);
    }
  }
  for (int r = 0; r < R; ++r) y[r].store(acc + (row + r) * kTileRows);
}

void dot_tile(float* acc, const Tile* tile, const QuantRows* x, int32_t n_rows, int32_t first_block, int32_t n_blocks) {
  int32_t row = 0;
  for (; row + kDotRows <= n_rows; row += kDotRows)
    dot_tile_rows<kDotRows>(acc, tile, x, row, first_block, n_blocks);
  for (; row < n_rows; ++row) dot_tile_rows<1>(acc, tile, x, row, first_block, n_blocks);
}
