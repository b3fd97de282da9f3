// One row of activations, or a few, times packed weights, which go from memory to registers: what decoding does. Two groups of 16 weight
// rows are walked side by side, so that two streams of memory are under way.

// acc (2, 16) = x times the groups w[0] and w[1], all n_blocks 32-blocks of a row.
template <typename T, typename W>
void dot_packed_row(float* acc, const W* w, const QuantRows* x, int32_t n_blocks) {
  constexpr bool kIsSigned = T::kOffset == kSigned, kPairs = T::kMin && T::kParts > 0;
  constexpr int32_t kShift = kIsSigned ? kSignedShift : T::kOffset;
  constexpr int kBytes = W::kByBlock ? 1 : info(T::kType).block_bytes, kParts32 = T::kParts > 1 ? 2 : 1, kAllParts = T::kBlocks * kParts32;
  constexpr int kGroups = kBlock / 4 / kParts32;
  int32_t start[2 * kTileBlocks], pairs[kTileBlocks];
  V y[2] = {V(0.0f), V(0.0f)};
  for (int32_t run = 0; run < n_blocks; run += kTileBlocks) {
    const int32_t count = n_blocks - run < kTileBlocks ? n_blocks - run : kTileBlocks;
    begin_parts<kShift, kParts32, kPairs>(start, pairs, x, size_t(run), count);
    for (int32_t b = 0; b < count; b += T::kBlocks) {
      const size_t block = size_t(run + b), at = block / T::kBlocks * kBytes;
      DotX in[T::kBlocks];
      for (int i = 0; i < T::kBlocks; ++i) in[i] = dot_x(x->q + (block + size_t(i)) * kBlock);
      const V d_x(x->d[block / T::kBlocks]);
      SYN_UNROLL(kUnroll)
      for (int k = 0; k < 2; ++k) {
        prefetch<kBytes>(w[k], at);
        VI sum[kAllParts];
        SYN_UNROLL(kUnroll)
        for (int i = 0; i < kAllParts; ++i) sum[i] = VI(kShift != 0 ? start[b * kParts32 + i] : 0);
        T::each(w[k], at, [&](int i, int g, VI q) {
          VI& to = sum[i * kParts32 + g / kGroups];
          to = dot4<kIsSigned>(to, dot_w_of<kIsSigned>(q), in[i], g);
        });
        VI scale[2 * T::kBlocks], minima[T::kBlocks];
        if constexpr (T::kParts > 0) T::parts(w[k], at, scale, minima);
        VI isum = T::kParts > 0 ? scale[0] * sum[0] : sum[0];
        SYN_UNROLL(kUnroll)
        for (int i = 1; i < kAllParts; ++i) isum = isum + (T::kParts > 0 ? scale[i] * sum[i] : sum[i]);
        y[k] = mul_add(T::d(w[k], at) * d_x, to_float(isum), y[k]);
        if constexpr (kPairs) {
          VI least(0);
          SYN_UNROLL(kUnroll)
          for (int i = 0; i < kAllParts / 2; ++i) least = least + dot2(minima[i], VI(pairs[b * kParts32 / 2 + i]));
          y[k] = y[k] - (T::m(w[k], at) * d_x) * to_float(least);
        } else if constexpr (T::kMin) {
          const int32_t* sums = x->sums16 + 2 * block;
          y[k] = mul_add(T::m(w[k], at) * d_x, V(float(sums[0] + sums[1])), y[k]);
        }
      }
    }
  }
  y[0].store(acc), y[1].store(acc + kTileRows);
}

// R rows of x at once, from `row` of n_rows on, in formats without parts: acc (2, n_rows, 16) goes on from what it holds.
template <int R, typename T, typename W>
void dot_packed_rows(float* acc, const W* w, const QuantRows* x, int32_t row, int32_t n_rows, int32_t n_blocks) {
  constexpr bool kIsSigned = T::kOffset == kSigned;
  constexpr int32_t kShift = kIsSigned ? kSignedShift : T::kOffset;
  constexpr int kBytes = W::kByBlock ? 1 : info(T::kType).block_bytes;
  const size_t blocks = size_t(x->n / kBlock);
  const int8_t* q[R];
  const float* d_x[R];
  for (size_t r = 0; r < R; ++r) {
    const size_t at = (size_t(row) + r) * blocks;
    q[r] = x->q + at * kBlock, d_x[r] = x->d + at / T::kBlocks;
  }
  const int32_t* const sums = x->sums16 + 2 * size_t(row) * blocks;
  const W w0 = w[0], w1 = w[1];
  int32_t start[R][kTileBlocks];
  for (int32_t run = 0; run < n_blocks; run += kTileBlocks) {
    const int32_t count = n_blocks - run < kTileBlocks ? n_blocks - run : kTileBlocks;
    for (size_t r = 0; r < R; ++r)
      for (int32_t b = 0; b < count; ++b) {
        const int32_t* const two = sums + 2 * (r * blocks + size_t(run + b));
        start[r][b] = (kShift != 0 ? -kShift : 1) * (two[0] + two[1]);
      }
    for (int32_t b = 0; b < count; b += T::kBlocks) {
      const size_t block = size_t(run + b), at = block / T::kBlocks * kBytes;
      for (int k = 0; k < 2; ++k) {
        const W& own = k == 0 ? w0 : w1;
        prefetch<kBytes>(own, at);
        VI sum[R];
        SYN_UNROLL(kUnroll)
        for (int r = 0; r < R; ++r) sum[r] = VI(kShift != 0 ? start[r][b] : 0);
        T::each(own, at, [&](int i, int g, VI bytes) {
          const auto weights = dot_w_of<kIsSigned>(bytes);
          SYN_UNROLL(kUnroll)
          for (int r = 0; r < R; ++r) {
            if (i > 0 && g == 0 && kShift != 0) sum[r] = sum[r] + VI(start[r][b + i]);
            sum[r] = dot4<kIsSigned>(sum[r], weights, dot_x(q[r] + (block + size_t(i)) * kBlock), g);
          }
        });
        const V d = T::d(own, at);
        float* const place = acc + size_t(k * n_rows + row) * kTileRows;
        SYN_UNROLL(kUnroll)
        for (int r = 0; r < R; ++r) {
          const V scale(d_x[r][block / T::kBlocks]);
          V y = mul_add(d * scale, to_float(sum[r]), V::load(place + r * kTileRows));
          if constexpr (T::kMin) y = mul_add(T::m(own, at) * scale, V(float(start[r][b])), y);
          y.store(place + r * kTileRows);
        }
      }
    }
  }
}

template <typename T>
constexpr int kMostPackedRows = T::kParts == 0 ? kPackedRows : 1;

template <typename T, typename W>
void dot_packed(float* acc, const W* w, const QuantRows* x, int32_t n_rows, int32_t n_blocks) {
  if (n_rows == 1) return dot_packed_row<T>(acc, w, x, n_blocks);
  if constexpr (kMostPackedRows<T> > 1) {
    __builtin_memset(acc, 0, size_t(2 * n_rows) * kTileRows * sizeof(float));
    int32_t row = 0;
    for (; row + 8 <= n_rows; row += 8) dot_packed_rows<8, T>(acc, w, x, row, n_rows, n_blocks);
    if (row + 4 <= n_rows) dot_packed_rows<4, T>(acc, w, x, row, n_rows, n_blocks), row += 4;
    if (row + 2 <= n_rows) dot_packed_rows<2, T>(acc, w, x, row, n_rows, n_blocks), row += 2;
    if (row < n_rows) dot_packed_rows<1, T>(acc, w, x, row, n_rows, n_blocks);
  }
}

// Bounds of the products of Q8_0 in two planes, from the high one (docs/numerics.md, "Reduced head").
void screen_planes(float* upper, float* most, float* best, const uint8_t* const* high, const QuantRows* x, const float* norms, int32_t n_blocks) {
  V y[2] = {V(0.0f), V(0.0f)}, reach[2] = {V(0.0f), V(0.0f)};
  for (int32_t block = 0; block < n_blocks; ++block) {
    const DotX in = dot_x(x->q + size_t(block) * kBlock);
    const int32_t* sums = x->sums16 + 2 * size_t(block);
    const VI start(-120 * (sums[0] + sums[1]));
    const V d_x(x->d[block]), norm_x(norms[block]);
    SYN_UNROLL(kUnroll)
    for (int k = 0; k < 2; ++k) {
      const uint8_t* const w = high[k] + kHighBytes * size_t(block);
      prefetch_plane(w, kHighBytes);
      VI dot(0);
      SYN_UNROLL(kUnroll)
      for (int g = 0; g < 4; ++g) {
        const VI h = VI::load(w + kHighNibbles + 64 * g);
        dot = dot4<false>(dot, dot_w_of<false>(h & bytes(15)), in, g);
        dot = dot4<false>(dot, dot_w_of<false>((h >> 4) & bytes(15)), in, 4 + g);
      }
      const V d = load_f16(w);
      y[k] = mul_add(d * d_x, to_float((dot << 4) + start), y[k]);
      const V norm = to_float(load_i8(w + kHighNorms) & VI(255)), size = as_float(as_int(d) & VI(0x7FFFFFFF));
      reach[k] = mul_add(size * norm_x, norm, reach[k]);
    }
  }
  const V slack(1 + float(n_blocks + 8) * 0x1p-22f);  // for the roundings of these sums themselves
  for (int k = 0; k < 2; ++k) {
    const V size = as_float(as_int(y[k]) & VI(0x7FFFFFFF));
    const V bound = y[k] + mul_add(size, V(0x1p-20f), mul_add(reach[k], slack, V(1e-30f)));
    bound.store(upper + k * kTileRows);
    most[k] = largest(bound), best[k] = largest(y[k]);
  }
}

void fill_packed_rows(Format* f) {
  each_format([&](auto format) {
    using T = decltype(format);
    f[size_t(T::kType)].dot_packed = dot_packed<T, PackedRows>;
    f[size_t(T::kType)].most_packed_rows = kMostPackedRows<T>;
  });
  f[size_t(DType::q8_0)].dot_planes = dot_packed<Q8_0Planes, PlaneRows>;
  f[size_t(DType::q8_0)].screen = screen_planes;
}
