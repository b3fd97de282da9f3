// The tokenizer of a folder, from the first of these that is there: tokenizer.json, tokenizer.model
// (SentencePiece), vocab.json with merges.txt (byte-level BPE), rwkv_vocab_v20230424.txt. tokenizer_config.json and
// added_tokens.json add what they know.
#pragma once
#include <filesystem>
#include <string_view>
#include <vector>

#include "synapse/base/json.h"
#include "synapse/platform/region.h"
#include "synapse/runtime/tokenizer.h"

namespace synapse {

// The name of that file; empty when the folder has none.
std::string_view tokenizer_file_of(const std::filesystem::path& folder);

// kind is none when there is none. Tables go to `region`, which is made here; the mapped files that the spec
// views to `files`.
Result<TokenizerSpec> read_folder_tokenizer(const std::filesystem::path& folder, Region& region,
                                            std::vector<platform::MappedFile>& files);

// vocab.json is an object of texts and ids; merges.txt has a pair a line, after an optional line "#version".
// How text is split is a matter of the tokenizer_class of tokenizer_config.json (`config`; "Fast" at its end
// is the same).
Result<TokenizerSpec> read_vocab_merges(JsonValue vocab, std::string_view merges, JsonValue config,
                                        Arena& arena);

// Tokens of tokenizer_config.json's added_tokens_decoder and of added_tokens.json, either may be null: new
// ones take their ids, known ones what is said about them.
Status add_tokens(JsonValue config, JsonValue added, TokenizerSpec& spec, Arena& arena);

}  // namespace synapse
