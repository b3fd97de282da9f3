// Recognises the regular expression of a tokenizer.json's Split among the pre-tokenizers we have, in the
// spellings that are published.
#pragma once
#include <optional>
#include <string_view>

#include "synapse/runtime/tokenizer.h"

namespace synapse {

// Only when the expression cuts every text as that pre-tokenizer does.
std::optional<PreTokenizer> known_split_pattern(std::string_view regex);

}  // namespace synapse
