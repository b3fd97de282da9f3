#include "synapse/import/sha256.h"

#include <array>
#include <bit>
#include <cstring>

namespace synapse {
namespace {

constexpr size_t kBlockBytes = 64;

// The first n primes.
template <size_t n>
constexpr std::array<uint32_t, n> primes() {
  std::array<uint32_t, n> found = {};
  size_t count = 0;
  for (uint32_t candidate = 2; count < n; ++candidate) {
    bool is_prime = true;
    for (size_t i = 0; i < count; ++i) is_prime = is_prime && candidate % found[i];
    if (is_prime) found[count++] = candidate;
  }
  return found;
}

// The first 32 bits after the point of the root-th root of x: the largest r with r^root <= x * 2^(32 root).
constexpr uint32_t root_fraction(uint32_t x, int root) {
  using Wide = unsigned __int128;
  Wide r = 0;
  for (int bit = 35; bit >= 0; --bit) {
    const Wide next = r | Wide(1) << bit;
    Wide power = next;
    for (int i = 1; i < root; ++i) power *= next;
    if (power <= Wide(x) << (32 * root)) r = next;
  }
  return uint32_t(r);
}

template <size_t n>
constexpr std::array<uint32_t, n> root_fractions(int root) {
  std::array<uint32_t, n> out = primes<n>();
  for (uint32_t& x : out) x = root_fraction(x, root);
  return out;
}

constexpr auto kRound = root_fractions<64>(3);
constexpr auto kStart = root_fractions<8>(2);
static_assert(kRound[0] == 0x428a2f98 && kStart[0] == 0x6a09e667);

void add_block(std::array<uint32_t, 8>& h, const uint8_t* block) {
  uint32_t w[64];
  for (size_t i = 0; i < 16; ++i)
    w[i] = uint32_t(block[4 * i]) << 24 | uint32_t(block[4 * i + 1]) << 16 | uint32_t(block[4 * i + 2]) << 8 | block[4 * i + 3];
  for (size_t i = 16; i < 64; ++i) {
    const uint32_t a = w[i - 15], b = w[i - 2];
    w[i] = w[i - 16] + (std::rotr(a, 7) ^ std::rotr(a, 18) ^ a >> 3) + w[i - 7] + (std::rotr(b, 17) ^ std::rotr(b, 19) ^ b >> 10);
  }
  auto [a, b, c, d, e, f, g, k] = h;
  for (size_t i = 0; i < 64; ++i) {
    const uint32_t t1 = k + (std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25)) + ((e & f) ^ (~e & g)) + kRound[i] + w[i];
    const uint32_t t2 = (std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    k = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
  }
  const uint32_t sums[] = {a, b, c, d, e, f, g, k};
  for (size_t i = 0; i < 8; ++i) h[i] += sums[i];
}

}  // namespace

std::string sha256_hex(std::span<const uint8_t> bytes) {
  std::array<uint32_t, 8> h = kStart;
  const uint64_t n_bits = uint64_t(bytes.size()) * 8;
  for (; bytes.size() >= kBlockBytes; bytes = bytes.subspan(kBlockBytes)) add_block(h, bytes.data());
  uint8_t tail[2 * kBlockBytes] = {};
  if (!bytes.empty()) std::memcpy(tail, bytes.data(), bytes.size());
  tail[bytes.size()] = 0x80;
  const size_t n_tail = bytes.size() + 9 > kBlockBytes ? 2 * kBlockBytes : kBlockBytes;
  for (size_t i = 0; i < 8; ++i) tail[n_tail - 1 - i] = uint8_t(n_bits >> (8 * i));
  for (size_t at = 0; at < n_tail; at += kBlockBytes) add_block(h, tail + at);
  std::string hex;
  for (const uint32_t word : h)
    for (int shift = 28; shift >= 0; shift -= 4) hex += "0123456789abcdef"[word >> shift & 15];
  return hex;
}

}  // namespace synapse
