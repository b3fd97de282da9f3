#include "synapse/runtime/tokenizer_rules.h"

#include <algorithm>

namespace synapse {
namespace {

// In the order of the enumerations.
constexpr std::string_view kPreNames[] = {"none",
                                          "gpt2",
                                          "llama3",
                                          "qwen2",
                                          "qwen35",
                                          "o200k",
                                          "o200k_plain",
                                          "tekken",
                                          "metaspace",
                                          "digits",
                                          "digits_by_3",
                                          "digit_runs",
                                          "byte_digit_runs",
                                          "three_ascii_digits",
                                          "punctuation",
                                          "punctuation_runs",
                                          "newlines",
                                          "trailing_space",
                                          "white_space",
                                          "bert",
                                          "clip",
                                          "bloom",
                                          "spaced_letters",
                                          "spaced_punctuation",
                                          "deepseek_letters",
                                          "deepseek_marks",
                                          "deepseek_cjk",
                                          "deepseek_v3_cjk",
                                          "deepseek_v3",
                                          "pattern"};
static_assert(std::size(kPreNames) == size_t(PreTokenizer::pattern) + 1 &&
              size_t(PreTokenizer::metaspace) == 8 && size_t(PreTokenizer::white_space) == 18 &&
              size_t(PreTokenizer::deepseek_letters) == 24);
constexpr std::string_view kStepNames[] = {
    "nfc",         "nfd",         "nfkc",    "nfkd",    "lowercase",     "strip_marks", "strip_nonspacing",
    "strip_left",  "strip_right", "replace", "squeeze", "squeeze_space", "prepend",     "bert_clean",
    "bert_chinese"};
static_assert(std::size(kStepNames) == size_t(NormalStep::bert_chinese) + 1 &&
              size_t(NormalStep::lowercase) == 4 && size_t(NormalStep::replace) == 9);

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

// The strings of a key; absent when the key is.
Result<std::optional<std::span<std::string_view>>> read_texts(const Checkpoint& checkpoint,
                                                              std::string_view key, Arena& arena) {
  const MetaValue* value = checkpoint.find(key);
  if (!value) return std::optional<std::span<std::string_view>>();
  if (value->type != MetaType::array || value->element != MetaType::string)
    return wrong(key, "an array of strings");
  SYN_TRY(texts, arena.zeroed<std::string_view>(size_t(value->count), key));
  StringWalk walk(*value);
  for (std::string_view& text : texts) walk.next(text);
  return std::optional(texts);
}

Status read_pre(const Checkpoint& checkpoint, TokenizerSpec& spec, Arena& arena) {
  SYN_TRY(names, read_texts(checkpoint, kPreKey, arena));
  if (names) {
    if (names->size() > PreTokenizers::kMost) return wrong(kPreKey, "at most 8 cuts");
    spec.pre = {};
    for (size_t i = 0; i < names->size(); ++i) {
      const auto* found = std::find(std::begin(kPreNames), std::end(kPreNames), (*names)[i]);
      if (found == std::end(kPreNames))
        return fail(Code::unsupported, kPreKey, ": no cut is called ", (*names)[i]);
      spec.pre.steps[i] = PreTokenizer(found - kPreNames);
    }
  }
  SYN_TRY(regexes, read_texts(checkpoint, kPatternsKey, arena));
  SYN_TRY(keep_rest, read_numbers(checkpoint, kKeepRestKey, 2, arena));
  if (!regexes && !keep_rest) return {};
  if (!regexes || !keep_rest || regexes->size() != keep_rest->size())
    return wrong(kKeepRestKey, "as many entries as patterns has");
  SYN_TRY(patterns, arena.zeroed<SplitPattern>(regexes->size(), kPatternsKey));
  for (size_t i = 0; i < patterns.size(); ++i) patterns[i] = {(*regexes)[i], (*keep_rest)[i] != 0};
  spec.patterns = patterns;
  return {};
}

Status read_normalizers(const Checkpoint& checkpoint, TokenizerSpec& spec, Arena& arena) {
  SYN_TRY(texts, read_texts(checkpoint, kNormalizersKey, arena));
  if (!texts) return {};
  if (texts->size() % 3) return wrong(kNormalizersKey, "three texts a step");
  SYN_TRY(steps, arena.zeroed<Normalizer>(texts->size() / 3, kNormalizersKey));
  for (size_t i = 0; i < steps.size(); ++i) {
    const auto* found = std::find(std::begin(kStepNames), std::end(kStepNames), (*texts)[3 * i]);
    if (found == std::end(kStepNames))
      return fail(Code::unsupported, kNormalizersKey, ": no step is called ", (*texts)[3 * i]);
    steps[i] = {NormalStep(found - kStepNames), (*texts)[3 * i + 1], (*texts)[3 * i + 2]};
  }
  spec.normalizers = steps;
  return {};
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

std::string_view pre_name(PreTokenizer pre) { return kPreNames[size_t(pre)]; }
std::string_view normal_step_name(NormalStep step) { return kStepNames[size_t(step)]; }

Status read_tokenizer_rules(const Checkpoint& checkpoint, TokenizerSpec& spec, Arena& arena) {
  for (const TokenizerRule& rule : kTokenizerRules) {
    const MetaValue* value = checkpoint.find(rule.key);
    if (!value) continue;
    if (!value->as_bool()) return wrong(rule.key, "true or false");
    spec.*rule.flag = *value->as_bool();
  }
  SYN_RETURN_IF_ERROR(read_pre(checkpoint, spec, arena));
  SYN_RETURN_IF_ERROR(read_normalizers(checkpoint, spec, arena));
  const auto n = int64_t(spec.tokens.size());
  SYN_TRY(prefix, read_numbers(checkpoint, kPrefixKey, n, arena));
  SYN_TRY(suffix, read_numbers(checkpoint, kSuffixKey, n, arena));
  if (prefix) spec.prefix = *prefix;
  if (suffix) spec.suffix = *suffix;
  return read_added(checkpoint, spec, arena);
}

}  // namespace synapse
