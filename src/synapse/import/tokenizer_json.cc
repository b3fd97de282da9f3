#include "synapse/import/tokenizer_json.h"

#include <algorithm>
#include <string>
#include <vector>

#include "synapse/base/json.h"
#include "synapse/import/split_pattern.h"
#include "synapse/runtime/vocabulary.h"

namespace synapse {
namespace {

constexpr std::string_view kSpace = "\u2581";

template <typename... Parts>
Status unsupported(const Parts&... parts) {
  return fail(Code::unsupported, "tokenizer.json: ", parts...);
}
template <typename... Parts>
Status corrupt(const Parts&... parts) {
  return fail(Code::corrupt, "tokenizer.json: ", parts...);
}

template <typename T>
Result<std::span<T>> make_table(size_t n, Arena& arena) {
  T* p = arena.array<T>(n);
  if (!p) return fail(Code::out_of_memory, "tokenizer.json: no room for ", n, " entries");
  std::fill_n(p, n, T{});
  return std::span<T>(p, n);
}

bool flag(JsonValue v, bool missing) { return v.as_bool().value_or(missing); }

// A step, or the steps of a Sequence (in `list`), however nested; null gives none.
void flatten(JsonValue step, std::string_view list, std::vector<JsonValue>& out) {
  if (step.is_null()) return;
  if (step["type"].as_string() != "Sequence") return out.push_back(step);
  for (const JsonValue part : step[list].elements()) flatten(part, list, out);
}

// The model's vocabulary and the added tokens, by id.
Status read_tokens(JsonValue root, TokenizerSpec& spec, Arena& arena) {
  const JsonValue vocabulary = root["model"]["vocab"], added = root["added_tokens"];
  if (!vocabulary.is_object()) return corrupt("model.vocab: wanted an object of texts and ids");
  const uint64_t n_given = uint64_t(vocabulary.size()) + added.size();
  const auto most = int64_t(std::min<uint64_t>(2 * n_given + 65536, Vocabulary::kMaxTokens));  // some leave holes
  int64_t n = 0;
  const auto widen = [&](std::string_view text, JsonValue id) -> Status {
    const int64_t i = id.as_int().value_or(-1);
    if (i < 0 || i >= most) return corrupt("token ", text, ": id ", id.number_text(), ", wanted 0 to ", most - 1);
    n = std::max(n, i + 1);
    return {};
  };
  for (const auto [text, id] : vocabulary.members()) SYN_RETURN_IF_ERROR(widen(text, id));
  for (const JsonValue a : added.elements()) SYN_RETURN_IF_ERROR(widen(a["content"].as_string(), a["id"]));

  SYN_TRY(tokens, make_table<std::string_view>(size_t(n), arena));
  SYN_TRY(types, make_table<TokenType>(size_t(n), arena));
  SYN_TRY(list, make_table<AddedToken>(added.size(), arena));
  std::fill(types.begin(), types.end(), TokenType::unused);
  const auto put = [&](std::string_view text, JsonValue id, TokenType type) -> Status {
    const auto i = size_t(*id.as_int());
    if (types[i] != TokenType::unused && tokens[i] != text) return corrupt("id ", i, " is both ", tokens[i], " and ", text);
    tokens[i] = text;
    types[i] = type;
    return {};
  };
  for (const auto [text, id] : vocabulary.members()) SYN_RETURN_IF_ERROR(put(text, id, TokenType::normal));
  size_t n_added = 0;
  for (const JsonValue a : added.elements()) {
    AddedToken& token = list[n_added++];
    token.text = a["content"].as_string();
    token.id = int32_t(*a["id"].as_int());
    token.special = flag(a["special"], false);
    token.lstrip = flag(a["lstrip"], false);
    token.rstrip = flag(a["rstrip"], false);
    token.single_word = flag(a["single_word"], false);
    token.normalized = flag(a["normalized"], !token.special);
    SYN_RETURN_IF_ERROR(put(token.text, a["id"], token.special ? TokenType::control : TokenType::user_defined));
  }
  spec.tokens = tokens;
  spec.types = types;
  spec.added = list;
  return {};
}

Status read_merges(JsonValue merges, TokenizerSpec& spec, Arena& arena) {
  if (!merges.is_array()) return corrupt("model.merges: wanted an array");
  SYN_TRY(table, make_table<Merge>(merges.size(), arena));
  size_t n = 0;
  for (const JsonValue m : merges.elements()) {
    if (m.is_array() && m.size() == 2) {
      table[n] = {m.at(0).as_string(), m.at(1).as_string()};
    } else {
      const std::string_view text = m.as_string();
      const size_t space = text.find(' ');
      if (space == text.npos || text.find(' ', space + 1) != text.npos) {
        return corrupt("merge ", n, " is '", text, "', wanted two tokens with a space between");
      }
      table[n] = {text.substr(0, space), text.substr(space + 1)};
    }
    ++n;
  }
  spec.merges = table;
  return {};
}

int32_t find_token(const TokenizerSpec& spec, std::string_view text) {
  if (text.empty()) return -1;
  const auto found = std::find(spec.tokens.begin(), spec.tokens.end(), text);
  return found == spec.tokens.end() ? -1 : int32_t(found - spec.tokens.begin());
}

Status read_model(JsonValue root, TokenizerSpec& spec, Arena& arena) {
  const JsonValue model = root["model"];
  const std::string_view type = model["type"].as_string();
  if (!type.empty() && type != "BPE") return unsupported("model ", type, ", wanted BPE");
  for (const std::string_view key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (!model[key].as_string().empty()) return unsupported("model.", key, " '", model[key].as_string(), "'");
  }
  if (model["dropout"].as_number().value_or(0) != 0) return unsupported("model.dropout");
  SYN_RETURN_IF_ERROR(read_tokens(root, spec, arena));
  SYN_RETURN_IF_ERROR(read_merges(model["merges"], spec, arena));
  spec.byte_fallback = flag(model["byte_fallback"], false);
  spec.fuse_unk = flag(model["fuse_unk"], false);
  spec.ignore_merges = flag(model["ignore_merges"], false);
  spec.unk_id = find_token(spec, model["unk_token"].as_string());
  if (spec.unk_id >= 0) spec.types[size_t(spec.unk_id)] = TokenType::unknown;
  return {};
}

// Sets spaces_replaced when " " becomes U+2581.
Status read_normalizer(JsonValue normalizer, TokenizerSpec& spec, bool& spaces_replaced) {
  std::vector<JsonValue> steps;
  flatten(normalizer, "normalizers", steps);
  for (const JsonValue step : steps) {
    const std::string_view type = step["type"].as_string();
    if (type == "NFC") {
      spec.nfc = true;
    } else if (type == "Prepend" && step["prepend"].as_string() == kSpace) {
      spec.add_space_prefix = true;
      spec.space_prefix_every_segment = true;
    } else if (type == "Replace" && step["pattern"]["String"].as_string() == " " && step["content"].as_string() == kSpace) {
      spaces_replaced = true;
    } else {
      return unsupported("normalizer ", type, ", wanted NFC, or Prepend and Replace of spaces by ", kSpace);
    }
  }
  if (spec.add_space_prefix && !spaces_replaced) return unsupported("normalizer Prepend without Replace");
  return {};
}

Status read_metaspace(JsonValue step, TokenizerSpec& spec) {
  if (step["replacement"].as_string() != kSpace) return unsupported("Metaspace of '", step["replacement"].as_string(), "'");
  const std::string_view scheme = step["prepend_scheme"].as_string();
  if (!scheme.empty() && scheme != "always" && scheme != "first" && scheme != "never") {
    return unsupported("Metaspace with prepend_scheme ", scheme);
  }
  spec.kind = TokenizerKind::spm_bpe;
  spec.add_space_prefix = scheme.empty() ? flag(step["add_prefix_space"], true) : scheme != "never";
  spec.space_prefix_every_segment = scheme != "first";
  spec.space_prefix_if_missing = true;
  spec.pre = flag(step["split"], true) ? PreTokenizer::metaspace : PreTokenizer::none;
  return {};
}

Status read_byte_level(JsonValue step, bool only, TokenizerSpec& spec) {
  spec.kind = TokenizerKind::byte_bpe;
  if (flag(step["add_prefix_space"], true)) {
    if (!only) return unsupported("pre_tokenizer ByteLevel with add_prefix_space after another");
    spec.add_space_prefix = spec.space_prefix_every_segment = spec.space_prefix_if_missing = true;
  }
  const bool has_pattern = spec.pre != PreTokenizer::none;
  if (!flag(step["use_regex"], true)) {
    if (spec.pre == PreTokenizer::gpt2_digits) return unsupported("pre_tokenizer Digits without a pattern");
    return {};
  }
  if (has_pattern && spec.pre != PreTokenizer::gpt2_digits) return unsupported("pre_tokenizer Split and then ByteLevel's own");
  if (!has_pattern) spec.pre = PreTokenizer::gpt2;
  return {};
}

Status read_split(JsonValue step, TokenizerSpec& spec) {
  const std::string_view behavior = step["behavior"].as_string(), regex = step["pattern"]["Regex"].as_string();
  const bool invert = flag(step["invert"], false);
  if (!(behavior == "Isolated" && !invert) && !(behavior == "Removed" && invert)) {  // the patterns match every character
    return unsupported("pre_tokenizer Split with behavior ", behavior);
  }
  const auto pre = known_split_pattern(regex);
  if (!pre || spec.pre != PreTokenizer::none) return unsupported("pre_tokenizer Split by ", regex);
  spec.pre = *pre;
  return {};
}

Status read_pre_tokenizer(JsonValue pre_tokenizer, bool spaces_replaced, TokenizerSpec& spec) {
  std::vector<JsonValue> steps;
  flatten(pre_tokenizer, "pretokenizers", steps);
  for (const JsonValue step : steps) {
    const std::string_view type = step["type"].as_string();
    const bool only = steps.size() == 1;
    if (spec.kind != TokenizerKind::none) return unsupported("pre_tokenizer ", type, " after the last of a known kind");
    if (type == "ByteLevel" && !spaces_replaced) {
      SYN_RETURN_IF_ERROR(read_byte_level(step, only, spec));
    } else if (type == "Metaspace" && only && !spec.add_space_prefix) {
      SYN_RETURN_IF_ERROR(read_metaspace(step, spec));
    } else if (type == "Digits" && spec.pre == PreTokenizer::none && flag(step["individual_digits"], false)) {
      spec.pre = PreTokenizer::gpt2_digits;
    } else if (type == "Split" && spaces_replaced && step["pattern"]["String"].as_string() == " ") {
      // No space is left to split at.
    } else if (type == "Split" && !spaces_replaced) {
      SYN_RETURN_IF_ERROR(read_split(step, spec));
    } else {
      return unsupported("pre_tokenizer ", type);
    }
  }
  if (spec.kind != TokenizerKind::none) return {};
  if (!spaces_replaced || spec.pre != PreTokenizer::none) return unsupported("pre_tokenizer without ByteLevel or Metaspace");
  spec.kind = TokenizerKind::spm_bpe;
  return {};
}

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

Status read_post_processor(JsonValue processor, TokenizerSpec& spec, Arena& arena) {
  std::vector<JsonValue> steps;
  flatten(processor, "processors", steps);
  for (const JsonValue step : steps) {
    const std::string_view type = step["type"].as_string();
    if (type == "ByteLevel") continue;  // moves offsets, not ids
    if (type != "TemplateProcessing" || spec.has_template) return unsupported("post_processor ", type);
    SYN_RETURN_IF_ERROR(read_template(step, spec, arena));
  }
  return {};
}

Status read_decoder(JsonValue decoder, TokenizerSpec& spec) {
  std::vector<JsonValue> steps;
  flatten(decoder, "decoders", steps);
  const bool spm = spec.kind == TokenizerKind::spm_bpe;
  for (const JsonValue step : steps) {
    const std::string_view type = step["type"].as_string();
    const bool replaces = type == "Replace" && step["pattern"]["String"].as_string() == kSpace && step["content"].as_string() == " ";
    if (type == "Metaspace" && spm) {
      spec.strip_space_prefix = step["prepend_scheme"].as_string() != "never" && flag(step["add_prefix_space"], true);
    } else if (type == "Strip" && spm && step["content"].as_string() == " " && step["stop"].as_int() == 0) {
      const auto start = step["start"].as_int();
      if (start != 0 && start != 1) return unsupported("decoder Strip of more than one space");
      spec.strip_space_prefix = start == 1;
    } else if (!((type == "ByteLevel" && !spm) || type == "ByteFallback" || type == "Fuse" || (replaces && spm))) {
      return unsupported("decoder ", type);
    }
  }
  return {};
}

// Tokens that stand for one byte, and those whose text is known to end a generation.
Status finish(TokenizerSpec& spec, Arena& arena) {
  if (spec.kind == TokenizerKind::spm_bpe && spec.byte_fallback) {
    for (size_t i = 0; i < spec.tokens.size(); ++i) {
      if (spec.types[i] == TokenType::normal && byte_token_value(spec.tokens[i]) >= 0) spec.types[i] = TokenType::byte;
    }
  }
  std::vector<int32_t> ends;
  for (const AddedToken& t : spec.added) {
    if (t.special && ends_generation(t.text)) ends.push_back(t.id);
  }
  SYN_TRY(table, make_table<int32_t>(ends.size(), arena));
  std::copy(ends.begin(), ends.end(), table.begin());
  spec.end_ids = table;
  return {};
}

}  // namespace

size_t tokenizer_json_arena_bytes(std::span<const uint8_t> bytes) {
  return json_arena_bytes(bytes) + 8 * bytes.size() + (size_t(2) << 20);
}

Result<TokenizerSpec> read_tokenizer_json(std::span<const uint8_t> bytes, Arena& arena) {
  SYN_TRY(document, parse_json(bytes, arena));
  const JsonValue root = document.root();
  if (!root.is_object() || !root["model"].is_object()) return corrupt("wanted an object with a model");
  TokenizerSpec spec;
  bool spaces_replaced = false;
  SYN_RETURN_IF_ERROR(read_model(root, spec, arena));
  SYN_RETURN_IF_ERROR(read_normalizer(root["normalizer"], spec, spaces_replaced));
  SYN_RETURN_IF_ERROR(read_pre_tokenizer(root["pre_tokenizer"], spaces_replaced, spec));
  SYN_RETURN_IF_ERROR(read_post_processor(root["post_processor"], spec, arena));
  SYN_RETURN_IF_ERROR(read_decoder(root["decoder"], spec));
  SYN_RETURN_IF_ERROR(finish(spec, arena));
  return spec;
}

Status apply_tokenizer_config(std::span<const uint8_t> bytes, TokenizerSpec& spec, Arena& arena) {
  SYN_TRY(document, parse_json(bytes, arena));
  const JsonValue root = document.root();
  if (!root.is_object()) return fail(Code::corrupt, "tokenizer_config.json: wanted an object");
  const auto id_of = [&](std::string_view key) {
    const JsonValue token = root[key];
    return find_token(spec, token.is_object() ? token["content"].as_string() : token.as_string());
  };
  const int32_t bos = id_of("bos_token"), eos = id_of("eos_token"), pad = id_of("pad_token");
  if (bos >= 0) spec.bos_id = bos;
  if (eos >= 0) spec.eos_id = eos;
  if (pad >= 0) spec.pad_id = pad;
  if (eos >= 0 && std::find(spec.end_ids.begin(), spec.end_ids.end(), eos) == spec.end_ids.end()) {
    SYN_TRY(ends, make_table<int32_t>(spec.end_ids.size() + 1, arena));
    *std::copy(spec.end_ids.begin(), spec.end_ids.end(), ends.begin()) = eos;
    spec.end_ids = ends;
  }
  if (spec.has_template) return {};
  SYN_TRY(around, make_table<int32_t>(2, arena));
  around[0] = spec.bos_id;
  around[1] = spec.eos_id;
  spec.prefix = around.subspan(0, flag(root["add_bos_token"], false) && spec.bos_id >= 0);
  spec.suffix = around.subspan(1, flag(root["add_eos_token"], false) && spec.eos_id >= 0);
  return {};
}

}  // namespace synapse
