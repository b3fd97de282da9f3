// What a tokenizer does that tokenizer.ggml.* has no key for, under synapse.tokenizer.*. A writer puts down
// only the rules that the other keys do not give back already.
#pragma once
#include "synapse/runtime/tokenizer.h"

namespace synapse {

struct TokenizerRule {
  std::string_view key;
  bool TokenizerSpec::*flag;
};
inline constexpr TokenizerRule kTokenizerRules[] = {
    {"synapse.tokenizer.ignore_merges", &TokenizerSpec::ignore_merges},
    {"synapse.tokenizer.byte_fallback", &TokenizerSpec::byte_fallback},
    {"synapse.tokenizer.fuse_unk", &TokenizerSpec::fuse_unk},
    {"synapse.tokenizer.strip_space_prefix", &TokenizerSpec::strip_space_prefix},
    {"synapse.tokenizer.space_prefix_every_segment", &TokenizerSpec::space_prefix_every_segment},
    {"synapse.tokenizer.space_prefix_if_missing", &TokenizerSpec::space_prefix_if_missing},
};

// Ids around one sequence, where they are not BOS and EOS alone.
inline constexpr std::string_view kPrefixKey = "synapse.tokenizer.prefix",
                                  kSuffixKey = "synapse.tokenizer.suffix";

// The cuts by their names here, where tokenizer.ggml.pre has none for them; then the regular expressions
// among them, and of each whether what lies between its matches is kept.
inline constexpr std::string_view kPreKey = "synapse.tokenizer.pre",
                                  kPatternsKey = "synapse.tokenizer.patterns",
                                  kKeepRestKey = "synapse.tokenizer.patterns.keep_rest";
std::string_view pre_name(PreTokenizer pre);

// What is done to a text before it is cut: of each step its name, `from` and `to`.
inline constexpr std::string_view kNormalizersKey = "synapse.tokenizer.normalizers";
std::string_view normal_step_name(NormalStep step);

// spm: tokenizer.ggml.merges decides, not the scores.
inline constexpr std::string_view kByMergesKey = "synapse.tokenizer.by_merges";

// The added tokens, where they are not all control, unknown and user-defined ones without a condition: of
// each its id and a sum of these.
inline constexpr std::string_view kAddedIdsKey = "synapse.tokenizer.added.ids",
                                  kAddedFlagsKey = "synapse.tokenizer.added.flags";
struct AddedFlag {
  int32_t bit;
  bool AddedToken::*flag;
};
inline constexpr AddedFlag kAddedFlags[] = {{1, &AddedToken::special},
                                            {2, &AddedToken::lstrip},
                                            {4, &AddedToken::rstrip},
                                            {8, &AddedToken::single_word},
                                            {16, &AddedToken::normalized}};

// Applies what the checkpoint says to a spec whose tokens are read. Who has a pattern engine gives it to the
// spec.
Status read_tokenizer_rules(const Checkpoint& checkpoint, TokenizerSpec& spec, Arena& arena);

}  // namespace synapse
