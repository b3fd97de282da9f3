// For tests of tokenizers: loading, encoding and decoding without saying where the memory comes from.
#pragma once
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "synapse/io/gguf.h"
#include "synapse/platform/platform.h"
#include "synapse/runtime/tokenizer.h"

namespace synapse {

using Ids = std::vector<int32_t>;

inline std::string test_data(const std::string& name) {
  const char* set = std::getenv("SYNAPSE_TEST_DATA");
  return (set ? std::string(set) : SYNAPSE_SOURCE_DIR "/../shared/data") + "/" + name;
}

inline std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline std::span<const uint8_t> as_bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// A tokenizer and everything it stands on. `error` is empty when it was built.
struct TestTokenizer {
  platform::Reservation spec_memory;  // becomes memory as far as it is used
  std::vector<uint8_t> memory;
  TokenizerSpec spec;
  Tokenizer* tokenizer = nullptr;
  std::string error;
  double build_ms = 0;

  Arena reserve(size_t bytes) {
    auto made = platform::Reservation::make(bytes);
    EXPECT_TRUE(made.ok());
    spec_memory = std::move(*made);
    return Arena(spec_memory.bytes().data(), bytes);
  }
  void build(const Result<TokenizerSpec>& from) {
    if (!from.ok()) {
      error = from.status().message();
      return;
    }
    spec = *from;
    memory.resize(Tokenizer::bytes(spec));
    Arena arena(memory.data(), memory.size());
    const double start = platform::seconds();
    const auto built = Tokenizer::build(spec, arena);
    build_ms = (platform::seconds() - start) * 1e3;
    if (!built.ok()) {
      error = built.status().message();
      return;
    }
    tokenizer = *built;
    EXPECT_GE(double(arena.used()) * 1.1 + 512, double(memory.size()));
  }

  Ids encode(std::string_view text, EncodeOptions options = {}) const {
    std::vector<uint8_t> scratch(tokenizer->encode_scratch_bytes(text.size()));
    Arena arena(scratch.data(), scratch.size());
    Ids ids(tokenizer->max_ids(text.size()));
    auto n = tokenizer->encode(text, options, ids, arena);
    EXPECT_TRUE(n.ok()) << n.status().message();
    EXPECT_EQ(arena.used(), 0u);
    ids.resize(n.ok() ? *n : 0);
    return ids;
  }
  Ids encode_plain(std::string_view text) const { return encode(text, {.add_special = false, .parse_special = false}); }

  // The bytes of every token, one after the other.
  std::string pieces(const Ids& ids, bool show_special = true) const {
    std::string all, piece(tokenizer->max_piece_bytes(), 0);
    for (const int32_t id : ids) all.append(piece.data(), tokenizer->piece(id, show_special, piece.data()));
    return all;
  }
  std::string decode(const Ids& ids, bool show_special = false) const {
    Detokenizer detokenizer(*tokenizer, show_special);
    std::string all, text(tokenizer->max_piece_bytes() * 3 + 16, 0);
    for (const int32_t id : ids) all.append(text.data(), detokenizer.push(id, text.data()));
    return all.append(text.data(), detokenizer.finish(text.data()));
  }
};

inline std::unique_ptr<TestTokenizer> gguf_tokenizer(std::span<const uint8_t> bytes) {
  auto t = std::make_unique<TestTokenizer>();
  const std::span<const uint8_t> parts[] = {bytes};
  Arena arena = t->reserve(gguf_arena_bytes(parts) + 64 * bytes.size() + 65536);
  const auto checkpoint = read_gguf(parts, arena);
  if (!checkpoint.ok()) {
    t->error = checkpoint.status().message();
  } else {
    t->build(tokenizer_spec(*checkpoint, arena));
  }
  return t;
}

}  // namespace synapse
