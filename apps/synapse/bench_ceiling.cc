#include "bench_ceiling.h"

#include "synapse/base/rng.h"
#include "synapse/platform/platform.h"

namespace synapse::cli {
namespace {

constexpr double kReadSeconds = 0.03, kPeakSeconds = 0.01;  // of one measurement at least
constexpr int32_t kN = kTileBlocks * kBlock;                // columns: a whole tile
constexpr int32_t kInt8Rows = 8, kFloatRows = 4;            // of activations: where the kernels are fastest
constexpr DType kInt8 = DType::q8_0;

}  // namespace

// A tile of weights and rows of activations.
struct alignas(64) Ceiling::Operands {
  Tile tile;
  float weights[kTileRows][kN];
  float x[kInt8Rows][kN];
  int8_t q[kInt8Rows][kN];
  float d[kInt8Rows][kN / kBlock];
  int32_t sums16[kInt8Rows][kN / kSumElements];
  float acc[kInt8Rows][kTileRows];
  const uint8_t* rows[kTileRows];

  explicit Operands(const Kernels& kernels) {
    const auto fill = [](float* to, size_t n, uint64_t seed) {
      for (size_t i = 0; i < n; ++i) to[i] = random_unit(seed, i) - 0.5f;
    };
    fill(&weights[0][0], sizeof weights / sizeof(float), 1), fill(&x[0][0], sizeof x / sizeof(float), 2);
    const Format& format = kernels.formats[size_t(kInt8)];
    std::vector<uint8_t> blocks(kTileRows * row_bytes(kInt8, kN));
    for (size_t r = 0; r < kTileRows; ++r) {
      rows[r] = blocks.data() + r * row_bytes(kInt8, kN);
      format.quantize(blocks.data() + r * row_bytes(kInt8, kN), weights[r], kN);
    }
    format.unpack(&tile, FileRows{rows, blocks.data()}, 0, kTileBlocks);
    for (size_t r = 0; r < kTileRows; ++r) rows[r] = reinterpret_cast<const uint8_t*>(weights[r]);
    for (size_t r = 0; r < kInt8Rows; ++r) kernels.quantize_row(q[r], d[r], sums16[r], x[r], kN, kBlock);
  }
};

Ceiling::Ceiling(Processor& processor, const std::vector<Bytes>& matrices) : processor_(processor), reader_(matrices) {
  for (int32_t i = 0; i < processor.n_threads(); ++i) operands_.push_back(std::make_unique<Operands>(processor.kernels()));
  reader_.pass(processor.threads());  // brings in what was not in memory yet
}

Ceiling::~Ceiling() = default;

// Operations a second of all threads together, `work` being so many of one thread.
template <typename F>
double Ceiling::rate(double ops, F&& work) {
  const int32_t n = processor_.n_threads();
  for (int32_t repeats = 16;; repeats *= 2) {
    const double start = platform::seconds();
    processor_.threads().for_each(n, [&](int32_t item, int32_t) {
      for (int32_t i = 0; i < repeats; ++i) work(*operands_[size_t(item)]);
    });
    const double seconds = platform::seconds() - start;
    if (seconds >= kPeakSeconds) return ops * repeats * n / seconds;
  }
}

void Ceiling::measure() {
  for (double seconds = 0; seconds < kReadSeconds;) {
    const double pass = reader_.pass(processor_.threads());
    reads_.push_back(double(reader_.bytes()) / pass);
    seconds += pass;
  }
  const Format &int8 = processor_.kernels().formats[size_t(kInt8)], &floats = processor_.kernels().formats[size_t(DType::f32)];
  int8_.push_back(rate(2.0 * kInt8Rows * kTileRows * kN, [&](Operands& o) {
    const QuantRows x{o.q[0], o.d[0], o.sums16[0], kN};
    int8.dot(o.acc[0], &o.tile, &x, kInt8Rows, 0, kTileBlocks);
  }));
  floats_.push_back(rate(2.0 * kFloatRows * kTileRows * kN,
                         [&](Operands& o) { floats.fast(o.acc[0], o.x[0], kFloatRows, o.rows, kTileRows, kN); }));
}

}  // namespace synapse::cli
