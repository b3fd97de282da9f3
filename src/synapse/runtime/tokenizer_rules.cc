#include "synapse/runtime/tokenizer_rules.h"

namespace synapse {
namespace {

Status wrong(std::string_view key, std::string_view wanted) {
  return fail(Code::corrupt, key, ": wanted ", wanted);
}

// The i32 array of a key, each below `below`; absent when the key is.
Result<std::optional<std::span<int32_t>>> read_numbers(const Checkpoint& checkpoint, std::string_view key,
                                                       int64_t below, Arena& arena) {
  const MetaValue* value = checkpoint.find(key);
  if (!value) return std::optional<std::span<int32_t>>();
  if (value->type != MetaType::array || value->element != MetaType::i32) return wrong(key, "an array of i32");
  SYN_TRY(numbers, arena.zeroed<int32_t>(size_t(value->count), key));
  for (size_t i = 0; i < numbers.size(); ++i) {
    const int64_t n = meta_element(*value, i).i;
    if (n < 0 || n >= below)
      return fail(Code::corrupt, key, ": entry ", i, " is ", n, ", wanted 0 to ", below - 1);
    numbers[i] = int32_t(n);
  }
  return std::optional(numbers);
}

Status read_added(const Checkpoint& checkpoint, TokenizerSpec& spec, Arena& arena) {
  SYN_TRY(ids, read_numbers(checkpoint, kAddedIdsKey, int64_t(spec.tokens.size()), arena));
  SYN_TRY(flags, read_numbers(checkpoint, kAddedFlagsKey, 32, arena));
  if (!ids && !flags) return {};
  if (!ids || !flags || ids->size() != flags->size())
    return wrong(kAddedFlagsKey, "as many entries as added.ids has");
  SYN_TRY(added, arena.zeroed<AddedToken>(ids->size(), "added tokens"));
  for (size_t i = 0; i < added.size(); ++i) {
    added[i].id = (*ids)[i];
    added[i].text = spec.tokens[size_t((*ids)[i])];
    for (const AddedFlag& f : kAddedFlags) added[i].*f.flag = ((*flags)[i] & f.bit) != 0;
  }
  spec.added = added;
  return {};
}

}  // namespace

Status read_tokenizer_rules(const Checkpoint& checkpoint, TokenizerSpec& spec, Arena& arena) {
  for (const TokenizerRule& rule : kTokenizerRules) {
    const MetaValue* value = checkpoint.find(rule.key);
    if (!value) continue;
    if (!value->as_bool()) return wrong(rule.key, "true or false");
    spec.*rule.flag = *value->as_bool();
  }
  if (const MetaValue* value = checkpoint.find(kSplitKey)) {
    const std::string_view split = value->as_text().value_or("");
    if (split != "none" && split != "metaspace") return wrong(kSplitKey, "none or metaspace");
    spec.pre = split == "none" ? PreTokenizer::none : PreTokenizer::metaspace;
  }
  const auto n = int64_t(spec.tokens.size());
  SYN_TRY(prefix, read_numbers(checkpoint, kPrefixKey, n, arena));
  SYN_TRY(suffix, read_numbers(checkpoint, kSuffixKey, n, arena));
  if (prefix) spec.prefix = *prefix;
  if (suffix) spec.suffix = *suffix;
  return read_added(checkpoint, spec, arena);
}

}  // namespace synapse
