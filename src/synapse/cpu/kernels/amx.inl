// The quantised linear on tile registers of 16 rows of 64 bytes, 16 or 32 rows of x at a time: the bits of tile.inl, which comes before.
// q of a Tile lie as the second operand of TDPBSSD wants them, rows of x as the first. What takes time is scaling its sums in vectors, so there
// is one sum for each d: offsets are taken off the weights, and integer scales of parts multiplied into them, once for all rows.
// `Tiles` is the processor (amx.cc) or a model of it (amx_test.cc):
//   configure(shapes), release()   all eight registers, which may be used only in between
//   zero<t>(), load<t>(from, stride), store<t>(to, stride)   register t; its rows lie `stride` bytes apart
//   dot<c, a, b>()                 c[m][n] += sum of a[m][4k + i] * b[k][4n + i] over k and i < 4, signed, in int32

// As LDTILECFG reads it.
struct alignas(64) TileShapes {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};
};
static_assert(sizeof(TileShapes) == 64);

constexpr int kAmxRows = 16;           // rows of x in a register
constexpr size_t kAmxRowBytes = 64;    // of sums and of weights
constexpr int kC = 0, kA = 4, kB = 6;  // registers: four of sums, two of rows of x, two of weights

typedef int8_t Bytes __attribute__((vector_size(kPartBytes)));
typedef int16_t Shorts __attribute__((vector_size(kPartBytes)));

template <typename Tiles, int kBlocks, int kParts, bool kMin, int kOffset>
struct AmxDot {
  // With parts, (q - offset) * scale is within 2^14: 128 times one int8, the second plane, plus another of 0 .. 127, the first. One integer
  // sum is of all kSum weights that share a d; kStep of them are one product of registers.
  static constexpr bool kIsSigned = kOffset == kSigned || kOffset == 0, kIsCopied = kParts > 0 || !kIsSigned;
  static constexpr int kPlanes = kParts > 0 ? 2 : 1, kParts32 = kParts > 1 ? 2 : 1;
  static constexpr int kSum = kBlock * kBlocks, kStep = kSum < 64 ? kSum : 64;
  static constexpr int kRun = kBlocks < 4 ? 4 : kBlocks;  // 32-blocks whose sums wait in memory, to be added to a row at once
  static constexpr int kTogether = 4;                     // rows to which they are added side by side: each is a chain of additions
  static constexpr int kMaxRows = kAmxRows * 2 / kPlanes;  // at a time: four registers of sums either way
  static constexpr int kMinRows = kAmxRows * kPlanes;      // in all: fewer do not pay for planes

  static inline decltype(Format::dot) few_rows = nullptr;  // for fewer, and those left over: what the table held before

  // Both tiles' weights, laid out as q.
  struct Weights {
    const int8_t* of[2][kPlanes];
    alignas(64) int8_t copies[2][kPlanes][kIsCopied ? kTileBlocks * kBlock * kTileRows : 1];
  };

  // Up to kMaxRows rows of x, of which 32-block b counts from `block`, and their sums with both tiles.
  struct Rows {
    const QuantRows* x;
    size_t block;
    int32_t of_x[kMaxRows][kTileBlocks];  // with minima: the sum of each 32-block, or of parts the pairs of begin_parts
    alignas(64) int32_t sums[kRun / kBlocks][kPlanes][2][kMaxRows][kTileRows];

    size_t at(int r, int32_t b) const { return block + size_t(r) * size_t(x->n / kBlock) + size_t(b); }
  };

  static constexpr TileShapes shapes() {
    TileShapes s;
    for (int t = 0; t < kA; ++t) s.rows[t] = kAmxRows, s.row_bytes[t] = kAmxRowBytes;
    for (int t = kA; t < kB; ++t) s.rows[t] = kAmxRows, s.row_bytes[t] = kStep;
    for (int t = kB; t < 8; ++t) s.rows[t] = kStep / 4, s.row_bytes[t] = kAmxRowBytes;
    return s;
  }

  // q less the offset, byte by byte.
  SYN_INLINE static VI less_offset(VI q) {
    return each_part<VI>([&](int i) { return PI((Bytes)q.p[i] - int8_t(kIsSigned ? 0 : kOffset)); });
  }

  // The planes of the four int8 of each lane of q times that lane's scale, which is there twice, as int16.
  SYN_INLINE static void split(int8_t* low, int8_t* high, VI q, VI twice) {
    const auto product = [&](int i, bool is_odd) {
      const Shorts all = (Shorts)q.p[i];
      return (is_odd ? all >> 8 : (all << 8) >> 8) * (Shorts)twice.p[i];
    };
    each_part<VI>([&](int i) { return PI((product(i, false) & 127) | ((product(i, true) & 127) << 8)); }).store(low);
    each_part<VI>([&](int i) { return PI(((product(i, false) >> 7) & 255) | ((product(i, true) >> 7) << 8)); }).store(high);
  }

  SYN_INLINE static void take_weights(Weights& w, const Tile* tiles, int32_t n_blocks) {
    for (int t = 0; t < 2; ++t) {
      for (int p = 0; p < kPlanes; ++p) w.of[t][p] = kIsCopied ? w.copies[t][p] : tiles[t].q[0][0][0];
      for (int32_t b = 0; kIsCopied && b < n_blocks; ++b) {
        const size_t at = size_t(b) * kBlock * kTileRows;
        copy_block(w.copies[t][0] + at, w.copies[t][kPlanes - 1] + at, tiles[t], b);
      }
    }
  }

  SYN_INLINE static void copy_block(int8_t* low, int8_t* high, const Tile& tile, int32_t b) {
    constexpr int kGroups = kBlock / 4 / kParts32;
    for (int part = 0; part < kParts32; ++part) {
      VI twice(0);
      if constexpr (kParts > 0) twice = VI::load(tile.scale[b][part]), twice = (twice & VI(0xFFFF)) | (twice << 16);
      for (size_t g = size_t(part) * kGroups; g < size_t(part + 1) * kGroups; ++g) {
        const VI q = less_offset(VI::load(tile.q[b][g]));
        if constexpr (kParts > 0) split(low + kAmxRowBytes * g, high + kAmxRowBytes * g, q, twice);
        else q.store(low + kAmxRowBytes * g);
      }
    }
  }

  // f of every register of sums: <r, p, t> is of 16 rows of x, plane and tile.
  template <int R, typename F>
  SYN_INLINE static void each_sum(F&& f) {
    f.template operator()<0, 0, 0>(), f.template operator()<0, 0, 1>();
    if constexpr (R == 2) f.template operator()<1, 0, 0>(), f.template operator()<1, 0, 1>();
    if constexpr (kPlanes == 2) f.template operator()<0, 1, 0>(), f.template operator()<0, 1, 1>();
  }

  // The sums of 32-blocks first .. end-1 of 16 R rows.
  template <int R>
  SYN_INLINE static void multiply(Rows& in, const Weights& w, int32_t first, int32_t end) {
    const size_t stride = size_t(in.x->n);
    const int8_t* x = in.x->q + in.at(0, 0) * kBlock;
    for (int32_t b = first; b < end; b += kBlocks) {
      each_sum<R>([&]<int r, int p, int t>() { Tiles::template zero<kC + 2 * (r + p) + t>(); });
      for (size_t k = size_t(b) * kBlock; k < size_t(b) * kBlock + kSum; k += kStep)
        each_sum<R>([&]<int r, int p, int t>() {
          if constexpr (p == 0 && t == 0) Tiles::template load<kA + r>(x + kAmxRows * r * stride + k, stride);
          if constexpr (r == 0) Tiles::template load<kB + t>(w.of[t][p] + kTileRows * k, kAmxRowBytes);
          Tiles::template dot<kC + 2 * (r + p) + t, kA + r, kB + t>();
        });
      auto& sums = in.sums[(b - first) / kBlocks];
      each_sum<R>([&]<int r, int p, int t>() { Tiles::template store<kC + 2 * (r + p) + t>(sums[p][t][kAmxRows * r], kAmxRowBytes); });
    }
  }

  // y with the minima of row r and tile t of the block of the format at 32-block b: added, in 256-blocks taken off.
  SYN_INLINE static V with_minima(V y, V d_x, const Rows& in, const Tile& tile, int r, int32_t b) {
    const V m = V::load(tile.m[b / kBlocks]);
    if constexpr (kParts == 0) {
      return mul_add(m * d_x, to_float(VI(in.of_x[r][b])), y);
    } else {
      constexpr int kPairs = kBlocks * kParts32 / 2;
      const int32_t first = b / kBlocks * kPairs;
      VI sum(0);
      for (int32_t i = first; i < first + kPairs; ++i) sum = sum + dot2(VI::load(tile.minima[i]), VI(in.of_x[r][i]));
      return y - (m * d_x) * to_float(sum);
    }
  }

  // acc (kTogether, 16), of rows r .. and tile t, goes on with the sums of 32-blocks first .. end-1.
  SYN_INLINE static void add_scaled_sums(float* acc, const Rows& in, const Tile* tiles, int t, int r, int32_t first, int32_t end) {
    V y[kTogether];
    for (int j = 0; j < kTogether; ++j) y[j] = V::load(acc + j * kTileRows);
    for (int32_t b = first; b < end; b += kBlocks) {
      const auto& sums = in.sums[(b - first) / kBlocks];
      const V d = V::load(tiles[t].d[b / kBlocks]);
      for (int j = 0; j < kTogether; ++j) {
        VI isum = VI::load(sums[0][t][r + j]);
        if constexpr (kPlanes == 2) isum = isum + (VI::load(sums[1][t][r + j]) << 7);
        const V d_x(in.x->d[in.at(r + j, b) / kBlocks]);
        y[j] = mul_add(d * d_x, to_float(isum), y[j]);
        if constexpr (kMin) y[j] = with_minima(y[j], d_x, in, tiles[t], r + j, b);
      }
    }
    for (int j = 0; j < kTogether; ++j) y[j].store(acc + j * kTileRows);
  }

  // 16 R rows of x from `row` on.
  template <int R>
  static void rows(float* acc, const Weights& w, const Tile* tiles, const QuantRows* x, int32_t row, int32_t n_rows, int32_t first_block,
                   int32_t n_blocks) {
    Rows in;
    in.x = x, in.block = size_t(row) * size_t(x->n / kBlock) + size_t(first_block);
    for (int r = 0; kMin && r < kAmxRows * R; ++r) {
      const int32_t* sums = x->sums16 + 2 * in.at(r, 0);
      if constexpr (kParts > 0) begin_parts<0, kParts32, true>(nullptr, in.of_x[r], x, in.at(r, 0), n_blocks);
      else for (int32_t b = 0; b < n_blocks; ++b) in.of_x[r][b] = sums[2 * b] + sums[2 * b + 1];
    }
    for (int32_t first = 0; first < n_blocks; first += kRun) {
      const int32_t end = n_blocks - first < kRun ? n_blocks : first + kRun;
      multiply<R>(in, w, first, end);
      for (int t = 0; t < 2; ++t)
        for (int r = 0; r < kAmxRows * R; r += kTogether)
          add_scaled_sums(acc + size_t(t * n_rows + row + r) * kTileRows, in, tiles, t, r, first, end);
    }
  }

  // The rows from `row` on, fewer than fill a register.
  static void last_rows(float* acc, const Tile* tiles, const QuantRows* x, int32_t row, int32_t n_rows, int32_t first_block,
                        int32_t n_blocks) {
    const int32_t left = n_rows - row;
    const size_t at = size_t(row) * size_t(x->n), bytes = size_t(left * kTileRows) * sizeof(float);
    const QuantRows last = {x->q + at, x->d + at / kSum, x->sums16 + at / kSumElements, x->n};
    float y[2 * kAmxRows * kTileRows];
    for (int t = 0; t < 2; ++t) __builtin_memcpy(y + t * left * kTileRows, acc + (t * n_rows + row) * kTileRows, bytes);
    few_rows(y, tiles, &last, left, first_block, n_blocks);
    for (int t = 0; t < 2; ++t) __builtin_memcpy(acc + (t * n_rows + row) * kTileRows, y + t * left * kTileRows, bytes);
  }

  static void run(float* acc, const Tile* tiles, const QuantRows* x, int32_t n_rows, int32_t first_block, int32_t n_blocks) {
    if (n_rows < kMinRows) return few_rows(acc, tiles, x, n_rows, first_block, n_blocks);
    static constexpr TileShapes kShapes = shapes();
    Weights w;
    take_weights(w, tiles, n_blocks);
    Tiles::configure(kShapes);
    int32_t row = 0;
    for (; row + kMaxRows <= n_rows; row += kMaxRows)
      rows<kMaxRows / kAmxRows>(acc, w, tiles, x, row, n_rows, first_block, n_blocks);
    if (row + kAmxRows <= n_rows) rows<1>(acc, w, tiles, x, row, n_rows, first_block, n_blocks), row += kAmxRows;
    Tiles::release();
    if (row < n_rows) last_rows(acc, tiles, x, row, n_rows, first_block, n_blocks);
  }
};

template <typename Tiles>
void fill_amx_dots(Format* f) {
  each_format([&](auto format) {
    using T = decltype(format);
    using Dot = AmxDot<Tiles, T::kBlocks, T::kParts, T::kMin, T::kOffset>;
    Format& to = f[size_t(T::kType)];
    Dot::few_rows = to.dot, to.dot = Dot::run;
  });
}

// As in peak.inl: four registers of sums, 32 rows of weights by 32 of x and 64 columns a round.
template <typename Tiles>
int64_t amx_peak_bytes(int64_t n_rounds, float* sink) {
  using Dot = AmxDot<Tiles, 2, 0, false, kSigned>;
  static constexpr TileShapes kShapes = Dot::shapes();
  alignas(64) static constexpr int8_t kOperand[kAmxRows][kAmxRowBytes] = {};
  alignas(64) int32_t sums[kAmxRows][kTileRows];
  Tiles::configure(kShapes);
  Dot::template each_sum<2>([]<int r, int, int t>() { Tiles::template zero<kC + 2 * r + t>(); });
  for (int64_t i = 0; i < n_rounds; ++i)
    Dot::template each_sum<2>([]<int r, int, int t>() {
      if constexpr (t == 0) Tiles::template load<kA + r>(kOperand, kAmxRowBytes);
      if constexpr (r == 0) Tiles::template load<kB + t>(kOperand, kAmxRowBytes);
      Tiles::template dot<kC + 2 * r + t, kA + r, kB + t>();
    });
  Tiles::template store<kC>(sums, kAmxRowBytes);
  Tiles::release();
  *sink += float(sums[0][0]);
  return n_rounds * 4 * kAmxRows * kTileRows * Dot::kStep;
}
