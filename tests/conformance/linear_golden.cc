#include "linear_golden.h"

#include <bit>

#include "formula.h"
#include "linear_q_json.h"
#include "synapse/base/json.h"
#include "synapse/cpu/cpu_device.h"
#include "synapse/platform/platform.h"

namespace synapse::conformance {
namespace {

// The value of a digit among `digits`, or -1.
int32_t digit(char c, std::string_view digits) {
  const size_t at = digits.find(c);
  return at == digits.npos ? -1 : int32_t(at);
}

Result<std::span<uint8_t>> from_base64(std::string_view text, Arena& arena) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  SYN_TRY(bytes, arena.zeroed<uint8_t>(text.size(), "base64"));
  uint32_t buffer = 0;
  int32_t bits = 0, value = 0;
  size_t n = 0;
  for (size_t i = 0; i < text.size() && (value = digit(text[i], kDigits)) >= 0; ++i) {  // ends at the padding
    buffer = buffer << 6 | uint32_t(value), bits += 6;
    if (bits >= 8) bits -= 8, bytes[n++] = uint8_t(buffer >> bits);
  }
  return bytes.first(n);
}

struct Example {
  std::string_view type;
  DType format;
  int32_t M, K, N;
  std::span<float> x;
  std::span<uint8_t> w;
  std::span<uint32_t> y;  // bit patterns
};

Result<Example> read_example(const JsonValue& file, const JsonValue& c, Arena& arena) {
  const auto size = [&](std::string_view key) { return int32_t(file[key].as_int().value_or(0)); };
  Example e = {c["type"].as_string(), DType::f32, size("M"), size("K"), size("N"), {}, {}, {}};
  const auto format = dtype_from_label(e.type);
  SYN_TRY(w, from_base64(c["w"].as_string(), arena));
  if (!format || e.M != 3 || e.K % 256 || e.K < 512 || e.K > 1 << 16 || e.N < 1 || w.size() != size_t(e.N) * row_bytes(*format, e.K))
    return fail(Code::corrupt, "linear golden: ", e.type, ": ", w.size(), " bytes of weights for (", e.N, ", ", e.K, ")");
  SYN_TRY(x, arena.zeroed<float>(size_t(e.M) * size_t(e.K), "x"));
  SYN_TRY(y, arena.zeroed<uint32_t>(size_t(e.M) * size_t(e.N), "y"));
  e.format = *format, e.w = w, e.x = x, e.y = y;
  for (size_t i = 0; i < x.size(); ++i) x[i] = golden::formula(c["x_name"].as_string(), i, 0, 1.5);
  for (size_t i = 64; i < 96; ++i) x[size_t(e.K) + i] = 0;
  x[size_t(2 * e.K + 7)] = 40;

  size_t n = 0;
  for (JsonValue row : c["y"].elements())
    for (JsonValue bits : row.elements()) {
      if (n == y.size()) return fail(Code::corrupt, "linear golden: ", e.type, ": more than ", y.size(), " outputs");
      for (char d : bits.as_string()) {
        const int32_t value = digit(d, "0123456789abcdef");
        if (value < 0) return fail(Code::corrupt, "linear golden: ", e.type, ": y holds ", bits.as_string());
        y[n] = y[n] << 4 | uint32_t(value);
      }
      ++n;
    }
  if (n != y.size()) return fail(Code::corrupt, "linear golden: ", e.type, ": ", n, " outputs, wanted ", y.size());
  return e;
}

// How many outputs differ.
int32_t n_wrong(const Example& e, Device& device, Arena& arena) {
  OpCall call;
  call.op = Op::linears, call.n_in = 3, call.n_out = 1;
  call.in[0] = make_tensor(e.x.data(), DType::f32, {e.M, e.K});
  call.in[1] = make_tensor(e.w.data(), e.format, {e.N, e.K});
  float* y = arena.array<float>(e.y.size());
  void* scratch = arena.alloc(device.scratch_bytes(call));
  SYN_CHECK(y && scratch);
  call.out[0] = make_tensor(y, DType::f32, {e.M, e.N});
  device.run(call, scratch);
  int32_t n = 0;
  for (size_t i = 0; i < e.y.size(); ++i) n += std::bit_cast<uint32_t>(y[i]) != e.y[i];
  return n;
}

}  // namespace

Result<Tally> check_linear(std::span<const uint8_t> json) {
  SYN_TRY(memory, platform::Reservation::make(json_arena_bytes(json) + (size_t(4) << 20)));
  Arena arena(memory.bytes().data(), memory.bytes().size());
  SYN_TRY(document, parse_json(json, arena));
  SYN_TRY(pool, platform::ThreadPool::create(1));
  Tally tally;
  Status status;
  for (JsonValue c : document.root()["cases"].elements()) {
    const size_t mark = arena.mark();
    const auto example = read_example(document.root(), c, arena);
    if (!example.ok()) {
      status = example.status();
      break;
    }
    for (const Kernels& k : kernel_variants()) {
      if (!k.formats[size_t(example->format)].dot) {
        ++tally.skipped;
        continue;
      }
      CpuDevice device(k, *pool);
      const int32_t wrong = n_wrong(*example, device, arena);
      ++(wrong ? tally.failed : tally.passed);
      if (wrong) platform::log_line(Text<128>("FAILED linear ", example->type, " on ", k.isa, ": ", wrong, " outputs differ"));
    }
    arena.rewind(mark);
  }
  platform::ThreadPool::destroy(pool);
  if (!status.ok()) return status;
  return tally;
}

int32_t run_linear_golden() {
  const auto tally = check_linear({reinterpret_cast<const uint8_t*>(kLinearQ), sizeof kLinearQ});
  if (!tally.ok()) return platform::log_line(tally.status().message()), 1;
  platform::log_line(Text<96>("linears: ", tally->passed, " passed, ", tally->failed, " failed, ", tally->skipped, " skipped"));
  return tally->passed ? tally->failed : 1;
}

}  // namespace synapse::conformance
