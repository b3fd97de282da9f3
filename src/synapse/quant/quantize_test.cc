// The quantisers: errors no larger than those of llama.cpp's, and files that another reader takes.
#include "synapse/quant/quantize.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "synapse/base/rng.h"
#include "synapse/cpu/kernels/fit.h"
#include "synapse/cpu/kernels/kernels.h"
#include "synapse/io/gguf.h"
#include "synapse/io/gguf_write.h"
#include "synapse/io/own_formats.h"

namespace synapse {
namespace {

constexpr int64_t kRows = 32, kCols = 512;

// Bell-shaped numbers, rows of different size, every 97th eight times as large.
std::vector<float> weights() {
  std::vector<float> x(kRows * kCols);
  for (size_t i = 0; i < x.size(); ++i) {
    float s = 0;
    for (uint64_t k = 0; k < 4; ++k) s += random_unit(1, 4 * i + k);
    x[i] = (s - 2) * (0.01f * float(1 + i / kCols % 5)) * (i % 97 == 5 ? 8.0f : 1.0f);
  }
  return x;
}

std::vector<float> importances() {
  std::vector<float> w(kCols);
  for (size_t i = 0; i < w.size(); ++i) w[i] = random_unit(2, i) * random_unit(2, i) * (i % 50 == 7 ? 30.0f : 1.0f) + 0.01f;
  return w;
}

std::vector<uint8_t> quantized(DType f, const std::vector<float>& x, const float* importance) {
  std::vector<uint8_t> y(size_t(kRows) * row_bytes(f, kCols));
  const Status status = quantize_rows(f, y, x.data(), kRows, kCols, importance);
  EXPECT_TRUE(status.ok()) << label(f) << status.message();
  return y;
}

std::vector<float> dequantized(DType f, const std::vector<uint8_t>& blocks) {
  std::vector<float> y(kRows * kCols);
  kernels().formats[size_t(f)].dequantize(y.data(), blocks.data(), y.size());
  return y;
}

// Sum of importance * error^2 over that of importance * x^2.
double relative_error(const std::vector<float>& x, const std::vector<float>& y, const float* importance) {
  double error = 0, all = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double w = importance ? double(importance[i % kCols]) : 1, e = double(x[i]) - double(y[i]);
    error += w * e * e, all += w * double(x[i]) * double(x[i]);
  }
  return error / all;
}

// What llama.cpp's quantisers leave of these numbers (llama-cpp-python 0.3.36: ggml_quantize_chunk without and with the importances).
struct Bound {
  DType format;
  double plain, weighted;
};
constexpr Bound kBounds[] = {
    {DType::q4_0, 1.715868e-02, 1.089705e-02},
    {DType::q4_1, 8.606228e-03, 3.495236e-03},
    {DType::q5_0, 4.627250e-03, 3.268001e-03},
    {DType::q5_1, 2.018300e-03, 8.368861e-04},
    {DType::q8_0, 7.098518e-05, 5.869998e-05},
    {DType::q2_k, 1.125942e-01, 4.735451e-02},
    {DType::q3_k, 3.605911e-02, 2.330755e-02},
    {DType::q4_k, 7.488784e-03, 4.154201e-03},
    {DType::q5_k, 1.962459e-03, 1.235789e-03},
    {DType::q6_k, 6.278034e-04, 5.981682e-04},
    {DType::iq4_nl, 1.119328e-02, 6.164640e-03},
    {DType::iq4_xs, 1.154370e-02, 6.711886e-03},
    {DType::tq2_0, 6.528418e-01, 5.247044e-01},
    {DType::mxfp4, 2.172973e-02, 1.953397e-02}};

TEST(Quantize, errors_are_at_most_those_of_llama_cpp) {
  const std::vector<float> x = weights(), importance = importances();
  for (const Bound& bound : kBounds) {
    const double plain = relative_error(x, dequantized(bound.format, quantized(bound.format, x, nullptr)), nullptr);
    const double weighted = relative_error(x, dequantized(bound.format, quantized(bound.format, x, importance.data())), importance.data());
    std::printf("%-7s %.4e (llama.cpp %.4e)   weighted %.4e (llama.cpp %.4e)\n", label(bound.format).data(), plain, bound.plain, weighted,
                bound.weighted);
    EXPECT_LE(plain, bound.plain * 1.000001) << label(bound.format);
    EXPECT_LE(weighted, bound.weighted * 1.000001) << label(bound.format);
  }
}

TEST(Quantize, importances_lower_the_error_that_they_weigh) {
  const std::vector<float> x = weights(), importance = importances();
  for (size_t f = 0; f < kNDTypes; ++f) {
    if (!can_fit(DType(f))) continue;
    const auto error = [&](const float* with) { return relative_error(x, dequantized(DType(f), quantized(DType(f), x, with)), importance.data()); };
    EXPECT_LT(error(importance.data()), error(nullptr)) << label(DType(f));
  }
}

TEST(Quantize, rows_and_threads_do_not_matter) {
  const std::vector<float> x = weights(), importance = importances();
  for (const DType f : {DType::q4_k, DType::q6_k, DType::iq4_nl, DType::q5_0}) {
    const std::vector<uint8_t> whole = quantized(f, x, importance.data());
    const size_t row = row_bytes(f, kCols);
    std::vector<uint8_t> parts(whole.size());
    std::vector<std::thread> threads;
    for (size_t i = 0; i < size_t(kRows); ++i)
      threads.emplace_back([&, i] {
        const Status status = quantize_rows(f, std::span(parts).subspan(i * row, row), &x[i * kCols], 1, kCols, importance.data());
        EXPECT_TRUE(status.ok());
      });
    for (std::thread& t : threads) t.join();
    EXPECT_EQ(parts, whole) << label(f);
  }
}

TEST(Quantize, says_what_it_cannot_take) {
  std::vector<float> x(512, 1.0f), importance(256, 1.0f);
  std::vector<uint8_t> y(288);
  const auto refused = [&](DType f, size_t bytes, int64_t cols, const float* with, std::string_view why) {
    const Status status = quantize_rows(f, std::span(y).first(bytes), x.data(), 1, cols, with);
    EXPECT_FALSE(status.ok()) << why;
    EXPECT_NE(status.message().find(why), std::string_view::npos) << status.message();
  };
  refused(DType::iq2_xxs, 66, 256, nullptr, "no quantiser for IQ2_XXS");
  refused(DType::q4_k, 144, 255, nullptr, "multiple of 256");
  refused(DType::q4_k, 143, 256, nullptr, "143 bytes");
  x[3] = NAN;
  refused(DType::q4_k, 144, 256, nullptr, "row 0, column 3");
  x[3] = 70000;
  refused(DType::q6_k, 210, 256, nullptr, "up to 65504");
  x[3] = 1, importance[9] = -1;
  refused(DType::q4_k, 144, 256, importance.data(), "importance of column 9");
  importance.assign(256, 0.0f);  // nothing was seen
  EXPECT_TRUE(quantize_rows(DType::q4_k, std::span(y).first(144), x.data(), 1, 256, importance.data()).ok());
}

TEST(Quantize, numbers_that_are_all_alike_come_back) {
  for (const float v : {0.0f, 0.5f, -0.5f}) {
    const std::vector<float> x(kRows * kCols, v);
    for (size_t f = 0; f < kNDTypes; ++f) {
      if (!kernels().formats[f].quantize) continue;
      for (const float y : dequantized(DType(f), quantized(DType(f), x, nullptr))) {
        const float bound = DType(f) == DType::mxfp4 || v == 0 ? 1e-30f : 5e-4f;
        ASSERT_LE(std::fabs(y - v), DType(f) == DType::q2_32 || DType(f) == DType::q2_64 ? 5e-4f : bound) << label(DType(f)) << v;
      }
    }
  }
}

// Every format that a file can hold beside its own values as F32, for tests/e2e/test_formats.py to read with other means.
TEST(Quantize, writes_a_file_for_another_reader) {
  const char* path = std::getenv("SYNAPSE_FORMATS_FILE");
  if (!path) GTEST_SKIP() << "SYNAPSE_FORMATS_FILE names no file";
  const std::vector<float> x = weights(), importance = importances();
  std::vector<std::string> names;
  std::vector<std::vector<uint8_t>> bytes;
  std::vector<NamedTensor> tensors;
  names.reserve(2 * kNDTypes), bytes.reserve(2 * kNDTypes);
  for (size_t f = 0; f < kNDTypes; ++f) {
    if (!kernels().formats[f].quantize || is_own(DType(f))) continue;
    bytes.push_back(quantized(DType(f), x, importance.data()));
    names.push_back("t." + std::string(label(DType(f))));
    tensors.push_back({names.back(), make_tensor(bytes.back().data(), DType(f), {int32_t(kRows), int32_t(kCols)})});
    const std::vector<float> y = dequantized(DType(f), bytes.back());
    bytes.emplace_back(reinterpret_cast<const uint8_t*>(y.data()), reinterpret_cast<const uint8_t*>(y.data() + y.size()));
    names.push_back("f32." + std::string(label(DType(f))));
    tensors.push_back({names.back(), make_tensor(bytes.back().data(), DType::f32, {int32_t(kRows), int32_t(kCols)})});
  }
  const MetaEntry metadata[] = {{"general.architecture", meta_text("none")}};
  std::FILE* file = std::fopen(path, "wb");
  ASSERT_TRUE(file);
  const Sink sink = {[](void* to, std::span<const uint8_t> part) -> Status {
                       if (std::fwrite(part.data(), 1, part.size(), static_cast<std::FILE*>(to)) == part.size()) return {};
                       return fail(Code::io, "write");
                     },
                     file};
  Checkpoint checkpoint;
  checkpoint.metadata = metadata, checkpoint.tensors = tensors;
  EXPECT_TRUE(write_gguf(sink, checkpoint).ok());
  EXPECT_EQ(std::fclose(file), 0);
}

TEST(OwnFormats, are_split_for_files_and_joined_again) {
  const std::vector<float> x = weights();
  for (const DType f : {DType::int8, DType::q2_32, DType::q2_64}) {
    std::vector<uint8_t> blocks = quantized(f, x, nullptr);
    const Tensor whole = make_tensor(blocks.data(), f, {int32_t(kRows), int32_t(kCols)});
    OwnParts parts = parts_of(whole);
    EXPECT_EQ(parts.values.dtype, DType::i8);
    std::vector<uint8_t> values(parts.values.bytes()), scales(parts.scales.bytes());
    split_rows(whole, blocks.data(), kRows, values.data(), scales.data());
    parts.values.data = values.data(), parts.scales.data = scales.data();
    NamedTensor tensors[] = {{"a.weight", parts.values}, {"a.weight.scales", parts.scales}};
    Checkpoint c;
    c.tensors = tensors;
    EXPECT_FALSE(is_scales(c, "a.weight"));
    EXPECT_TRUE(is_scales(c, "a.weight.scales"));
    std::vector<uint8_t> memory(joined_bytes(c));
    Arena arena(memory.data(), memory.size());
    const Result<Tensor> joined = join_own(c, tensors[0], arena);
    ASSERT_TRUE(joined.ok()) << joined.status().message();
    EXPECT_EQ(joined->dtype, f);
    ASSERT_EQ(joined->bytes(), blocks.size());
    EXPECT_EQ(std::memcmp(joined->data, blocks.data(), blocks.size()), 0) << label(f);

    const uint16_t nan = 0x7E00, inf = 0x7C00;
    std::memcpy(scales.data() + scales.size() - 2, f == DType::q2_32 ? &inf : &nan, 2);
    if (f == DType::int8) std::memset(scales.data() + scales.size() - 4, 0xFF, 4);
    arena.rewind(0);
    const Result<Tensor> damaged = join_own(c, tensors[0], arena);
    ASSERT_FALSE(damaged.ok());
    EXPECT_NE(damaged.status().message().find("a.weight.scales: element"), std::string_view::npos) << damaged.status().message();
    tensors[1].tensor.dims[0] -= 1;
    EXPECT_EQ(joined_bytes(c), 0u);
    const Result<Tensor> misfit = join_own(c, tensors[0], arena);
    ASSERT_FALSE(misfit.ok());
    EXPECT_NE(misfit.status().message().find("is neither INT8"), std::string_view::npos) << misfit.status().message();
  }
}

}  // namespace
}  // namespace synapse
