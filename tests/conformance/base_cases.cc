#include "base_cases.h"

#include "synapse/base/rng.h"
#include "synapse/platform/platform.h"
#include "synapse/platform/threads.h"

namespace synapse::conformance {
namespace {

// Running hash of what a case produced.
struct Digest {
  uint64_t value = 0xCBF29CE484222325u;
  void add(std::string_view bytes) { value = hash64(bytes.data(), bytes.size(), value); }
  void add(uint64_t n) { value = mix64(value ^ n); }
};

void print(std::string_view name, const Digest& digest) {
  char hex[16];
  for (int i = 0; i < 16; ++i) hex[i] = "0123456789abcdef"[digest.value >> (60 - 4 * i) & 15];
  platform::log_line(Text<128>("digest ", name, " ", std::string_view(hex, sizeof hex)));
}

Digest numbers_as_text() {
  Digest d;
  double value = 1e-12;
  for (int i = 0; i < 200; ++i, value *= -1.37) d.add(Text<40>(value, ' ', int32_t(i * -7919)).view());
  return d;
}

Digest random_streams() {
  Digest d;
  for (uint64_t i = 0; i < 1000; ++i) {
    d.add(random_bits(42, i));
    d.add(uint64_t(random_unit(7, i) * 16777216.0f));
  }
  return d;
}

// Parts of a text at computed places: what checks itself through the C++ library's own panic.
Digest parts_of_text() {
  constexpr std::string_view text = "the same on every target";
  Digest d;
  for (uint64_t i = 0; i < 50; ++i) d.add(text.substr(random_bits(3, i) % text.size(), i % 7));
  return d;
}

Digest errors_and_messages() {
  Digest d;
  const int32_t shape[] = {2048, 1024};
  d.add(fail(Code::corrupt, "blk.3.attn_q.weight: shape ", Dims{shape, 2}, ", config wants ", 2048).message());
  d.add(platform::Reservation::make(0).ok());
  return d;
}

// The sum over all items is the same however many threads there are.
bool pool_runs_every_item(Digest& d) {
  auto pool = platform::ThreadPool::create(3);
  if (!pool.ok()) return false;
  uint64_t cells[100] = {};
  for (int turn = 0; turn < 10; ++turn)
    (*pool)->for_each(100, [&](int32_t item, int32_t) { cells[item] += uint64_t(item); });
  platform::ThreadPool::destroy(*pool);
  for (uint64_t cell : cells) d.add(cell);
  return true;
}

}  // namespace

int32_t run_base_cases() {
  print("base.text", numbers_as_text());
  print("base.rng", random_streams());
  print("base.parts", parts_of_text());
  print("base.status", errors_and_messages());
  Digest pool;
  const bool pooled = pool_runs_every_item(pool);
  print("platform.pool", pool);
  return pooled ? 0 : 1;
}

}  // namespace synapse::conformance
