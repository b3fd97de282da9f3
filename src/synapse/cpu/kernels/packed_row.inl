// One row of activations times packed weights, which go from memory to registers: what decoding does. Two groups of 16 weight rows
// are walked side by side, so that two streams of memory are under way.

// acc (2, 16) = x times the groups w[0] and w[1], all n_blocks 32-blocks of a row.
template <typename T>
void dot_packed(float* acc, const PackedRows* w, const QuantRows* x, int32_t n_blocks) {
  constexpr bool kIsSigned = T::kOffset == kSigned, kPairs = T::kMin && T::kParts > 0;
  constexpr int32_t kShift = kIsSigned ? kSignedShift : T::kOffset;
  constexpr int kBytes = info(T::kType).block_bytes, kParts32 = T::kParts > 1 ? 2 : 1, kAllParts = T::kBlocks * kParts32;
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

void fill_packed_rows(Format* f) {
  each_format([&](auto format) {
    using T = decltype(format);
    f[size_t(T::kType)].dot_packed = dot_packed<T>;
  });
}
