// Cuts text into the words that byte-pair merges never cross: the published patterns, as loops over
// character classes. Every byte belongs to exactly one word.
#pragma once
#include <string_view>

#include "synapse/runtime/tokenizer.h"

namespace synapse {

// Where the word that starts at `at` ends. REQUIRES at < text.size() and a kind other than none and metaspace.
size_t word_end(PreTokenizer kind, std::string_view text, size_t at);

}  // namespace synapse
