// SentencePiece's unigram model: of all ways to write a text as tokens the most likely one, found by dynamic
// programming from left to right (Viterbi). A character that no token writes costs kUnknownPenalty more than the
// least likely token.
#pragma once
#include <span>

#include "synapse/base/arena.h"
#include "synapse/base/status.h"
#include "synapse/runtime/bpe.h"
#include "synapse/runtime/prefix_index.h"

namespace synapse {

struct Unigram {
  static constexpr double kUnknownPenalty = 10;

  const Vocabulary& vocabulary;
  const PrefixIndex& index;
  std::span<const double> log_probs;  // by id
  double least;                       // of log_probs
};

// Writes the symbols of `word`, in which ' ' stands for U+2581: at most one a byte. id -1: an unknown character.
// Takes unigram_bytes(word.size()) from scratch and gives it back.
Result<size_t> best_tokens(const Unigram& model, std::string_view word, Symbol* symbols, Arena& scratch);
constexpr size_t unigram_bytes(size_t word_bytes) { return 16 * (word_bytes + 1) + 64; }

}  // namespace synapse
