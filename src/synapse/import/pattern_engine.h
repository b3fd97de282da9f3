// Where the regular expressions of a tokenizer.json go that no PreTokenizer is: PCRE2 where it was found at build time
// (pattern/pcre2.cc), else nowhere (pattern/none.cc).
#pragma once
#include "synapse/runtime/tokenizer.h"

namespace synapse {

const PatternEngine* pattern_engine();  // null: such files are refused by the name of their pattern

}  // namespace synapse
