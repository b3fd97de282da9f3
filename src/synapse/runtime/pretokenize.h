// Cuts text into the words that merges never cross: the published patterns, as loops over kinds of characters.
// Every byte belongs to exactly one word.
#pragma once
#include <string_view>

#include "synapse/runtime/tokenizer.h"

namespace synapse {

// Where the word that starts at `at` ends. REQUIRES at < text.size() and a kind other than none and pattern.
size_t word_end(PreTokenizer kind, std::string_view text, size_t at);

// The same for the kinds that only find some words and leave the rest between them whole (pretokenize_pieces.cc).
size_t piece_end(PreTokenizer kind, std::string_view text, size_t at);

// Whether what a kind looks for is all there is in a text: no piece is a rest.
constexpr bool finds_everything(PreTokenizer kind) { return kind <= PreTokenizer::metaspace; }

// Whether words of white space are left out of the text.
constexpr bool drops_white_space(PreTokenizer kind) {
  return kind == PreTokenizer::white_space || kind == PreTokenizer::bert || kind == PreTokenizer::clip;
}

}  // namespace synapse
