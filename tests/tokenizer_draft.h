// For tests of tokenizers: small vocabularies, put together token by token.
#pragma once
#include <cstdio>

#include "synapse/base/rng.h"
#include "synapse/runtime/tokenizer_impl.h"
#include "synapse/runtime/unicode.h"
#include "tests/tokenizers.h"

namespace synapse {

// Owns what a spec views.
struct Draft {
  std::vector<std::string> texts;
  std::vector<std::string_view> tokens;
  std::vector<TokenType> types;
  std::vector<float> scores;
  std::vector<std::pair<std::string, std::string>> merge_texts;
  std::vector<Merge> merges;
  std::vector<AddedToken> added;
  std::vector<int32_t> prefix, suffix, end_ids;
  TokenizerSpec spec;

  int32_t token(const std::string& text, TokenType type = TokenType::normal, float score = 0) {
    texts.push_back(text);
    types.push_back(type);
    scores.push_back(score);
    return int32_t(texts.size()) - 1;
  }
  int32_t merge(const std::string& left, const std::string& right) {
    merge_texts.emplace_back(left, right);
    return token(left + right);
  }
  AddedToken& special(const std::string& text, bool control = true) {
    AddedToken a;
    a.id = token(text, control ? TokenType::control : TokenType::user_defined);
    a.special = control;
    return added.emplace_back(a);
  }
  const TokenizerSpec& finish() {
    tokens.assign(texts.begin(), texts.end());
    merges.clear();
    for (const auto& [left, right] : merge_texts) merges.push_back({left, right});
    for (AddedToken& a : added) a.text = texts[size_t(a.id)];
    spec.tokens = tokens;
    spec.types = types;
    spec.merges = merges;
    spec.added = added;
    spec.prefix = prefix;
    spec.suffix = suffix;
    spec.end_ids = end_ids;
    if (spec.kind == TokenizerKind::spm_bpe && merges.empty()) spec.scores = scores;
    return spec;
  }
  std::unique_ptr<TestTokenizer> build() {
    auto t = std::make_unique<TestTokenizer>();
    t->build(finish());
    return t;
  }
};

inline std::string letter(uint8_t byte) {
  char bytes[4];
  return {bytes, encode_utf8(byte_to_letter(byte), bytes)};
}

// Ids 0 to 255 are the bytes.
inline Draft byte_level(PreTokenizer pre) {
  Draft d;
  d.spec.kind = TokenizerKind::byte_bpe;
  d.spec.pre = pre;
  for (int b = 0; b < 256; ++b) d.token(letter(uint8_t(b)));
  return d;
}

// <unk>, then 256 byte tokens.
inline Draft spm() {
  Draft d;
  d.spec.kind = TokenizerKind::spm_bpe;
  d.spec.unk_id = d.token("<unk>", TokenType::unknown);
  d.spec.byte_fallback = d.spec.fuse_unk = true;
  d.spec.add_space_prefix = d.spec.strip_space_prefix = d.spec.space_prefix_every_segment = true;
  for (int b = 0; b < 256; ++b) {
    char name[8];
    std::snprintf(name, sizeof name, "<0x%02X>", b);
    d.token(name, TokenType::byte);
  }
  return d;
}

inline std::string random_text(uint64_t seed, std::string_view alphabet, size_t n) {
  std::string s;
  for (size_t i = 0; i < n; ++i) {
    const uint64_t r = random_bits(seed, i);
    s += alphabet.empty() ? char(r) : alphabet[r % alphabet.size()];
  }
  return s;
}

}  // namespace synapse
