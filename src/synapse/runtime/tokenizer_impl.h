// What a built Tokenizer holds. Private to runtime/tokenizer*.cc.
#pragma once
#include <span>

#include "synapse/runtime/added_tokens.h"
#include "synapse/runtime/bpe.h"
#include "synapse/runtime/prefix_index.h"
#include "synapse/runtime/tokenizer.h"
#include "synapse/runtime/unigram.h"
#include "synapse/runtime/vocabulary.h"

namespace synapse {

struct Tokenizer::Impl {
  // The spec's switches; its views of tokens, merges and scores are empty here, the others lie in the arena.
  TokenizerSpec spec;
  Vocabulary vocabulary;
  MergeTable merges;
  std::span<TokenType> types;   // by id
  std::span<uint32_t> ranks;    // by id, from scores; empty when merges rule
  PrefixIndex index;                 // unigram, trie
  std::span<double> log_probs;       // by id; unigram
  double least_log_prob = 0;
  std::span<const void*> compiled;   // by pattern
  AddedTokens added_raw, added_normalized;

  int32_t byte_ids[256] = {};       // the token of one byte: "Ġ" or "<0x20>"; -1 when there is none
  int32_t last_byte_ids[256] = {};  // the same with the spec's word_suffix
  // spm: no token holds character b right after a (ASCII, ' ' for U+2581), and both are tokens: a word may end
  // between them. One bit for each b.
  uint64_t may_cut[128][2] = {};
};

// Whether a kind's tokens have U+2581 where the text has a space.
constexpr bool stores_spaces(TokenizerKind kind) { return kind == TokenizerKind::spm_bpe || kind == TokenizerKind::unigram; }

// GPT-2's alphabet: every byte as a printable character.
uint32_t byte_to_letter(uint8_t byte);          // a code point below 0x144
int32_t letter_to_byte(uint32_t code_point);    // -1 when it is none of them

}  // namespace synapse
