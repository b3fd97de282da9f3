#include "synapse/import/tokenizer_json.h"

#include <algorithm>

#include "synapse/import/pattern_engine.h"
#include "synapse/import/tokenizer_json_parts.h"

namespace synapse {

using namespace tokenizer_json;

void tokenizer_json::flatten(JsonValue step, std::string_view list, std::vector<JsonValue>& out) {
  if (step.is_null()) return;
  if (step["type"].as_string() != "Sequence") return out.push_back(step);
  for (const JsonValue part : step[list].elements()) flatten(part, list, out);
}

namespace {

// Tokens that stand for one byte, and those whose text is known to end a generation.
Status finish(TokenizerSpec& spec, Arena& arena) {
  if (spec.kind != TokenizerKind::byte_bpe && spec.byte_fallback) {
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
  spec.pattern_engine = pattern_engine();
  bool spaces_replaced = false;
  SYN_RETURN_IF_ERROR(read_model(root, spec, arena));
  SYN_RETURN_IF_ERROR(read_normalizer(root["normalizer"], spec, spaces_replaced, arena));
  SYN_RETURN_IF_ERROR(read_pre_tokenizer(root["pre_tokenizer"], spaces_replaced, spec, arena));
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
