// tokenizer.json's normalizer and pre_tokenizer.
#include <algorithm>

#include "synapse/import/split_pattern.h"
#include "synapse/import/tokenizer_json_parts.h"
#include "synapse/runtime/pretokenize.h"

namespace synapse::tokenizer_json {
namespace {

constexpr size_t kMaxSteps = 16;

using Steps = std::vector<Normalizer>;

constexpr std::pair<std::string_view, NormalStep> kPlainSteps[] = {
    {"NFC", NormalStep::nfc},   {"NFD", NormalStep::nfd},           {"NFKC", NormalStep::nfkc},
    {"NFKD", NormalStep::nfkd}, {"Lowercase", NormalStep::lowercase}, {"StripAccents", NormalStep::strip_marks},
};

void read_bert_normalizer(JsonValue step, Steps& out) {
  const bool lower = flag(step["lowercase"], true);
  if (flag(step["clean_text"], true)) out.push_back({NormalStep::bert_clean});
  if (flag(step["handle_chinese_chars"], true)) out.push_back({NormalStep::bert_chinese});
  if (flag(step["strip_accents"], lower)) {
    out.push_back({NormalStep::nfd});
    out.push_back({NormalStep::strip_nonspacing});
  }
  if (lower) out.push_back({NormalStep::lowercase});
}

Status read_replace(JsonValue step, Steps& out) {
  const std::string_view text = step["pattern"]["String"].as_string(), regex = step["pattern"]["Regex"].as_string();
  const std::string_view content = step["content"].as_string();
  if (regex == R"(\s+)") {
    out.push_back({NormalStep::squeeze_space, "", content});
  } else if (regex == " {2,}") {
    out.push_back({NormalStep::squeeze, " ", content});
  } else if (!text.empty()) {
    out.push_back({NormalStep::replace, text, content});
  } else {
    return unsupported("normalizer Replace of ", regex);
  }
  return {};
}

Status read_step(JsonValue step, Steps& out) {
  const std::string_view type = step["type"].as_string();
  for (const auto& [name, kind] : kPlainSteps) {
    if (type == name) return out.push_back({kind}), Status();
  }
  if (type == "BertNormalizer") return read_bert_normalizer(step, out), Status();
  if (type == "Replace") return read_replace(step, out);
  if (type == "Prepend") return out.push_back({NormalStep::prepend, "", step["prepend"].as_string()}), Status();
  if (type != "Strip") return unsupported("normalizer ", type);
  if (flag(step["strip_left"], true)) out.push_back({NormalStep::strip_left});
  if (flag(step["strip_right"], true)) out.push_back({NormalStep::strip_right});
  return {};
}

Status add_cut(PreTokenizer cut, TokenizerSpec& spec) {
  const size_t n = spec.pre.size();
  if (n == PreTokenizers::kMost) return unsupported("pre_tokenizer of more than ", PreTokenizers::kMost, " steps");
  spec.pre.steps[n] = cut;
  return {};
}

Status read_metaspace(JsonValue step, TokenizerSpec& spec) {
  if (step["replacement"].as_string() != kSpace) return unsupported("Metaspace of '", step["replacement"].as_string(), "'");
  const std::string_view scheme = step["prepend_scheme"].as_string();
  if (!scheme.empty() && scheme != "always" && scheme != "first" && scheme != "never") {
    return unsupported("Metaspace with prepend_scheme ", scheme);
  }
  if (spec.kind == TokenizerKind::none) spec.kind = TokenizerKind::spm_bpe;
  spec.add_space_prefix = scheme.empty() ? flag(step["add_prefix_space"], true) : scheme != "never";
  spec.space_prefix_every_segment = scheme != "first";
  spec.space_prefix_if_missing = true;
  return flag(step["split"], true) ? add_cut(PreTokenizer::metaspace, spec) : Status();
}

Status read_byte_level(JsonValue step, bool first, TokenizerSpec& spec) {
  spec.kind = TokenizerKind::byte_bpe;
  if (flag(step["add_prefix_space"], true)) {
    if (!first) return unsupported("pre_tokenizer ByteLevel with add_prefix_space after another");
    spec.add_space_prefix = spec.space_prefix_every_segment = spec.space_prefix_if_missing = true;
  }
  return flag(step["use_regex"], true) ? add_cut(PreTokenizer::gpt2, spec) : Status();
}

Status read_split(JsonValue step, TokenizerSpec& spec, std::vector<SplitPattern>& patterns) {
  const std::string_view behavior = step["behavior"].as_string(), regex = step["pattern"]["Regex"].as_string();
  const bool invert = flag(step["invert"], false);
  const bool isolated = behavior == "Isolated" && !invert, only = behavior == "Removed" && invert;
  if (regex.empty()) return unsupported("pre_tokenizer Split by ", step["pattern"]["String"].as_string());
  if (!isolated && !only) return unsupported("pre_tokenizer Split with behavior ", behavior);
  const auto known = known_split_pattern(regex);
  if (known && (finds_everything(*known) || drops_white_space(*known) == only)) return add_cut(*known, spec);
  if (!spec.pattern_engine) return unsupported("pre_tokenizer Split by ", regex);
  patterns.push_back({regex, isolated});
  return add_cut(PreTokenizer::pattern, spec);
}

// A step that cuts and does nothing else; none when it is no such step.
PreTokenizer plain_cut(JsonValue step, bool byte_level) {
  const std::string_view type = step["type"].as_string(), behavior = step["behavior"].as_string();
  if (type == "Digits" && byte_level) {
    return flag(step["individual_digits"], false) ? PreTokenizer::none : PreTokenizer::byte_digit_runs;
  }
  if (type == "Split" && byte_level && step["pattern"]["Regex"].as_string() == "[0-9][0-9][0-9]" && behavior == "Isolated") {
    return PreTokenizer::three_ascii_digits;
  }
  if (byte_level) return PreTokenizer::none;
  if (type == "Digits") return flag(step["individual_digits"], false) ? PreTokenizer::digits : PreTokenizer::digit_runs;
  if (type == "Punctuation" && behavior == "Isolated") return PreTokenizer::punctuation;
  if (type == "Punctuation" && behavior == "Contiguous") return PreTokenizer::punctuation_runs;
  if (type == "BertPreTokenizer") return PreTokenizer::bert;
  if (type == "WhitespaceSplit") return PreTokenizer::white_space;
  return PreTokenizer::none;
}

}  // namespace

Status read_normalizer(JsonValue normalizer, TokenizerSpec& spec, bool& spaces_replaced, Arena& arena) {
  std::vector<JsonValue> steps;
  flatten(normalizer, "normalizers", steps);
  Steps list;
  if (steps.size() > kMaxSteps) return unsupported("normalizer of ", steps.size(), " steps, at most ", kMaxSteps);
  for (const JsonValue step : steps) {
    const std::string_view type = step["type"].as_string();
    if (type == "Prepend" && step["prepend"].as_string() == kSpace) {
      spec.add_space_prefix = true;
      spec.space_prefix_every_segment = true;
    } else if (type == "Replace" && step["pattern"]["String"].as_string() == " " && step["content"].as_string() == kSpace) {
      spaces_replaced = true;
    } else if ((spec.add_space_prefix || spaces_replaced) && type != "NFC") {
      return unsupported("normalizer ", type, " after spaces became ", kSpace);
    } else {
      SYN_RETURN_IF_ERROR(read_step(step, list));
    }
  }
  if (spec.add_space_prefix && !spaces_replaced) return unsupported("normalizer Prepend without Replace");
  SYN_TRY(table, make_table<Normalizer>(list.size(), arena));
  std::copy(list.begin(), list.end(), table.begin());
  spec.normalizers = table;
  return {};
}

Status read_pre_tokenizer(JsonValue pre_tokenizer, bool spaces_replaced, TokenizerSpec& spec, Arena& arena) {
  std::vector<JsonValue> steps;
  std::vector<SplitPattern> patterns;
  flatten(pre_tokenizer, "pretokenizers", steps);
  bool spaced = spaces_replaced;
  const bool wordpiece = spec.kind == TokenizerKind::wordpiece;
  for (size_t i = 0; i < steps.size(); ++i) {
    const JsonValue step = steps[i];
    const std::string_view type = step["type"].as_string();
    const bool first = i == 0, byte_level = spec.kind == TokenizerKind::byte_bpe;
    const PreTokenizer cut = plain_cut(step, byte_level);
    if (cut != PreTokenizer::none && !spaced) {
      SYN_RETURN_IF_ERROR(add_cut(cut, spec));
    } else if (type == "ByteLevel" && spec.kind == TokenizerKind::none && !spaced) {
      SYN_RETURN_IF_ERROR(read_byte_level(step, first, spec));
    } else if (type == "Metaspace" && first && !spec.add_space_prefix && !byte_level && !wordpiece) {
      SYN_RETURN_IF_ERROR(read_metaspace(step, spec));
      spaced = true;
    } else if (type == "Split" && spaces_replaced && step["pattern"]["String"].as_string() == " ") {
      // No space is left to split at.
    } else if (type == "Split" && !spaced && !byte_level) {
      SYN_RETURN_IF_ERROR(read_split(step, spec, patterns));
    } else {
      return unsupported("pre_tokenizer ", type, steps.size() > 1 ? " where it stands" : "");
    }
  }
  SYN_TRY(table, make_table<SplitPattern>(patterns.size(), arena));
  std::copy(patterns.begin(), patterns.end(), table.begin());
  spec.patterns = table;
  if (!spec.word_suffix.empty() && spec.kind != TokenizerKind::byte_bpe) {
    return unsupported("model.end_of_word_suffix '", spec.word_suffix, "' without ByteLevel");
  }
  if (spec.kind == TokenizerKind::byte_bpe || wordpiece) return {};
  if (!spaced) return unsupported("pre_tokenizer without ByteLevel or Metaspace");
  if (spec.kind == TokenizerKind::none) spec.kind = TokenizerKind::spm_bpe;
  return {};
}

}  // namespace synapse::tokenizer_json
