// tokenizer.json's post_processor and decoder: what stands around a text, and how tokens become text again.
#include <algorithm>

#include "synapse/import/tokenizer_json_parts.h"

namespace synapse::tokenizer_json {
namespace {

// What stands around a single sequence.
Status read_template(JsonValue processor, TokenizerSpec& spec, Arena& arena) {
  std::vector<int32_t> before, after;
  bool seen = false;
  for (const JsonValue part : processor["single"].elements()) {
    if (!part["Sequence"].is_null()) {
      if (seen || part["Sequence"]["id"].as_string() != "A") return corrupt("post_processor: wanted the sequence A once");
      seen = true;
      continue;
    }
    const std::string_view name = part["SpecialToken"]["id"].as_string();
    const JsonValue ids = processor["special_tokens"][name]["ids"];
    if (ids.size() == 0) return corrupt("post_processor: no ids for '", name, "'");
    for (const JsonValue id : ids.elements()) {
      const int64_t i = id.as_int().value_or(-1);
      if (i < 0 || i >= int64_t(spec.tokens.size())) {
        return corrupt("post_processor: id ", i, " for ", name, ", there are ", spec.tokens.size(), " tokens");
      }
      (seen ? after : before).push_back(int32_t(i));
    }
  }
  if (!seen) return corrupt("post_processor: the template has no sequence A");
  SYN_TRY(ids, make_table<int32_t>(before.size() + after.size(), arena));
  std::copy(after.begin(), after.end(), std::copy(before.begin(), before.end(), ids.begin()));
  spec.prefix = ids.first(before.size());
  spec.suffix = ids.subspan(before.size());
  spec.has_template = true;
  return {};
}

// [CLS] text [SEP]; RoBERTa's options move offsets only.
Status read_cls_sep(JsonValue processor, TokenizerSpec& spec, Arena& arena) {
  SYN_TRY(ids, make_table<int32_t>(2, arena));
  for (const size_t i : {0, 1}) {
    const int64_t id = processor[i == 0 ? "cls" : "sep"].at(1).as_int().value_or(-1);
    if (id < 0 || id >= int64_t(spec.tokens.size())) {
      return corrupt("post_processor: id ", id, " for ", i == 0 ? "cls" : "sep", ", there are ", spec.tokens.size(), " tokens");
    }
    ids[i] = int32_t(id);
  }
  spec.prefix = ids.first(1);
  spec.suffix = ids.last(1);
  spec.has_template = true;
  return {};
}

}  // namespace

Status read_post_processor(JsonValue processor, TokenizerSpec& spec, Arena& arena) {
  std::vector<JsonValue> steps;
  flatten(processor, "processors", steps);
  for (const JsonValue step : steps) {
    const std::string_view type = step["type"].as_string();
    if (type == "ByteLevel") continue;  // moves offsets, not ids
    if (spec.has_template) return unsupported("post_processor ", type, " after another template");
    if (type == "TemplateProcessing") {
      SYN_RETURN_IF_ERROR(read_template(step, spec, arena));
    } else if (type == "BertProcessing" || type == "RobertaProcessing") {
      SYN_RETURN_IF_ERROR(read_cls_sep(step, spec, arena));
    } else {
      return unsupported("post_processor ", type);
    }
  }
  return {};
}

Status read_decoder(JsonValue decoder, TokenizerSpec& spec) {
  std::vector<JsonValue> steps;
  flatten(decoder, "decoders", steps);
  const bool spaced = spec.kind == TokenizerKind::spm_bpe || spec.kind == TokenizerKind::unigram;
  for (const JsonValue step : steps) {
    const std::string_view type = step["type"].as_string();
    const bool replaces = type == "Replace" && step["pattern"]["String"].as_string() == kSpace && step["content"].as_string() == " ";
    if (type == "Metaspace" && spaced) {
      spec.strip_space_prefix = step["prepend_scheme"].as_string() != "never" && flag(step["add_prefix_space"], true);
    } else if (type == "Strip" && spaced && step["content"].as_string() == " " && step["stop"].as_int() == 0) {
      const auto start = step["start"].as_int();
      if (start != 0 && start != 1) return unsupported("decoder Strip of more than one space");
      spec.strip_space_prefix = start == 1;
    } else if (type == "WordPiece" && spec.kind == TokenizerKind::wordpiece && step["prefix"].as_string() == spec.next_prefix) {
      spec.strip_space_prefix = true;
      spec.clean_spaces = flag(step["cleanup"], true);
    } else if (!((type == "ByteLevel" && spec.kind == TokenizerKind::byte_bpe) || type == "ByteFallback" || type == "Fuse" ||
                 (replaces && spaced))) {
      return unsupported("decoder ", type);
    }
  }
  return {};
}

}  // namespace synapse::tokenizer_json
