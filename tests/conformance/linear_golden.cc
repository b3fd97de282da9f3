#include "linear_golden.h"

#include <bit>
#include <cstdio>
#include <vector>

#include "../golden/formula.h"
#include "synapse/base/json.h"
#include "synapse/cpu/cpu_device.h"
#include "synapse/platform/platform.h"

namespace synapse::conformance {
namespace {

std::vector<uint8_t> from_base64(std::string_view text) {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::vector<uint8_t> bytes;
  uint32_t buffer = 0;
  int bits = 0;
  for (char c : text) {
    const size_t value = alphabet.find(c);
    if (value == alphabet.npos) break;  // padding
    buffer = buffer << 6 | uint32_t(value), bits += 6;
    if (bits >= 8) bits -= 8, bytes.push_back(uint8_t(buffer >> bits));
  }
  return bytes;
}

struct Example {
  std::string_view type;
  int32_t M, K, N;
  std::vector<float> x;
  std::vector<uint8_t> w;
  std::vector<uint32_t> y;  // bit patterns
};

Result<Example> read_example(const JsonValue& file, const JsonValue& c) {
  const auto size = [&](std::string_view key) { return int32_t(file[key].as_int().value_or(0)); };
  Example e = {c["type"].as_string(), size("M"), size("K"), size("N"), {}, from_base64(c["w"].as_string()), {}};
  const auto format = dtype_from_label(e.type);
  if (!format || e.M != 3 || e.K % 256 || e.K < 512 || e.w.size() != size_t(e.N) * row_bytes(*format, e.K))
    return fail(Code::corrupt, "linear golden: ", e.type, ": ", e.w.size(), " bytes of weights for (", e.N, ", ", e.K, ")");
  for (int32_t i = 0; i < e.M * e.K; ++i) e.x.push_back(golden::formula(c["x_name"].as_string(), uint64_t(i), 0, 1.5));
  for (int32_t i = 64; i < 96; ++i) e.x[size_t(e.K + i)] = 0;
  e.x[size_t(2 * e.K + 7)] = 40;
  for (JsonValue row : c["y"].elements())
    for (JsonValue bits : row.elements()) {
      uint32_t value = 0;
      if (std::sscanf(std::string(bits.as_string()).c_str(), "%8x", &value) != 1)
        return fail(Code::corrupt, "linear golden: ", e.type, ": y holds ", bits.as_string());
      e.y.push_back(value);
    }
  if (e.y.size() != size_t(e.M) * size_t(e.N)) return fail(Code::corrupt, "linear golden: ", e.type, ": ", e.y.size(), " outputs");
  return e;
}

std::vector<float> multiply(const Example& e, DType format, Device& device) {
  std::vector<float> y(e.y.size());
  OpCall call;
  call.op = Op::linears, call.n_in = 3, call.n_out = 1;
  call.in[0] = make_tensor(const_cast<float*>(e.x.data()), DType::f32, {e.M, e.K});
  call.in[1] = make_tensor(const_cast<uint8_t*>(e.w.data()), format, {e.N, e.K});
  call.out[0] = make_tensor(y.data(), DType::f32, {e.M, e.N});
  std::vector<uint8_t> scratch(device.scratch_bytes(call) + Arena::kAlign);
  device.run(call, reinterpret_cast<void*>(Arena::align_up(reinterpret_cast<uintptr_t>(scratch.data()), Arena::kAlign)));
  return y;
}

}  // namespace

Result<Tally> check_linear(const char* path) {
  SYN_TRY(file, platform::MappedFile::open(path));
  std::vector<uint8_t> memory(json_arena_bytes(file.bytes()));
  Arena arena(memory.data(), memory.size());
  SYN_TRY(document, parse_json(file.bytes(), arena));
  SYN_TRY(pool, platform::ThreadPool::create(1));
  Tally tally;
  Status status;
  for (JsonValue c : document.root()["cases"].elements()) {
    auto example = read_example(document.root(), c);
    if (!example.ok()) {
      status = example.status();
      break;
    }
    const DType format = *dtype_from_label(example->type);
    for (const Kernels& k : kernel_variants()) {
      if (!k.formats[size_t(format)].dot) {
        ++tally.skipped;
        continue;
      }
      CpuDevice device(k, *pool);
      const std::vector<float> y = multiply(*example, format, device);
      size_t n_wrong = 0;
      for (size_t i = 0; i < y.size(); ++i) n_wrong += std::bit_cast<uint32_t>(y[i]) != example->y[i];
      ++(n_wrong ? tally.failed : tally.passed);
      if (n_wrong) tally.report += std::string(example->type) + " on " + k.isa + ": " + std::to_string(n_wrong) + " outputs differ\n";
    }
  }
  platform::ThreadPool::destroy(pool);
  if (!status.ok()) return status;
  return tally;
}

}  // namespace synapse::conformance
