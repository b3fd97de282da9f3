// A tokenizer as GGUF metadata: tokenizer.ggml.* as llama.cpp knows it, and synapse.tokenizer.* for what
// those keys do not say (runtime/tokenizer_rules.h). Reading it back gives the same rules and so the same
// ids.
#pragma once
#include "synapse/import/metadata.h"
#include "synapse/runtime/tokenizer.h"

namespace synapse {

// `vocab_size` are the rows of the embedding: ids beyond the tokenizer's become unused tokens. 0: as many as
// the tokenizer has. A kind of none is written as no_vocab.
Status put_tokenizer(const TokenizerSpec& spec, int64_t vocab_size, Metadata& out);

}  // namespace synapse
