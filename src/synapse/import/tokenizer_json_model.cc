// tokenizer.json's model and added_tokens: texts, types, merges and scores.
#include <algorithm>

#include "synapse/import/tokenizer_json_parts.h"
#include "synapse/runtime/vocabulary.h"

namespace synapse::tokenizer_json {
namespace {

// Unigram's vocabulary. Tokens that are only added have no place in it: nothing is less likely.
Status read_pieces(JsonValue vocabulary, std::span<std::string_view> tokens, std::span<TokenType> types, TokenizerSpec& spec,
                   Arena& arena) {
  if (vocabulary.size() > size_t(Vocabulary::kMaxTokens)) return corrupt("model.vocab: ", vocabulary.size(), " tokens");
  SYN_TRY(log_probs, make_table<double>(tokens.size(), arena));
  size_t i = 0;
  for (const JsonValue entry : vocabulary.elements()) {
    const auto log_prob = entry.at(1).as_number();
    if (!entry.at(0).is_string() || !log_prob) return corrupt("model.vocab: entry ", i, ", wanted a text and a number");
    tokens[i] = entry.at(0).as_string();
    types[i] = TokenType::normal;
    log_probs[i++] = *log_prob;
  }
  spec.log_probs = log_probs;
  return {};
}

// The model's vocabulary and the added tokens, by id.
Status read_tokens(JsonValue root, TokenizerSpec& spec, Arena& arena) {
  const JsonValue vocabulary = root["model"]["vocab"], added = root["added_tokens"];
  const bool listed = spec.kind == TokenizerKind::unigram;  // as [text, log probability], the place is the id
  if (listed ? !vocabulary.is_array() : !vocabulary.is_object()) {
    return corrupt("model.vocab: wanted ", listed ? "an array of texts and numbers" : "an object of texts and ids");
  }
  const uint64_t n_given = uint64_t(vocabulary.size()) + added.size();
  const auto most = int64_t(std::min<uint64_t>(2 * n_given + 65536, Vocabulary::kMaxTokens));  // some leave holes
  int64_t n = 0;
  const auto widen = [&](std::string_view text, JsonValue id) -> Status {
    const int64_t i = id.as_int().value_or(-1);
    if (i < 0 || i >= most) return corrupt("token ", text, ": id ", id.number_text(), ", wanted 0 to ", most - 1);
    n = std::max(n, i + 1);
    return {};
  };
  if (listed) n = int64_t(vocabulary.size());
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
  if (listed) SYN_RETURN_IF_ERROR(read_pieces(vocabulary, tokens, types, spec, arena));
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

Status read_bpe(JsonValue model, TokenizerSpec& spec, Arena& arena) {
  if (!model["continuing_subword_prefix"].as_string().empty()) {
    return unsupported("model.continuing_subword_prefix '", model["continuing_subword_prefix"].as_string(), "'");
  }
  if (model["dropout"].as_number().value_or(0) != 0) return unsupported("model.dropout");
  spec.word_suffix = model["end_of_word_suffix"].as_string();
  spec.fuse_unk = flag(model["fuse_unk"], false);
  spec.ignore_merges = flag(model["ignore_merges"], false);
  spec.unk_id = find_token(spec, model["unk_token"].as_string());
  return read_merges(model["merges"], spec, arena);
}

Status read_wordpiece(JsonValue model, TokenizerSpec& spec) {
  const JsonValue prefix = model["continuing_subword_prefix"];
  spec.next_prefix = prefix.is_string() ? prefix.as_string() : "##";
  spec.unk_id = find_token(spec, model["unk_token"].is_string() ? model["unk_token"].as_string() : "[UNK]");
  const int64_t chars = model["max_input_chars_per_word"].as_int().value_or(100);
  if (chars < 1 || chars > 65536) return corrupt("model.max_input_chars_per_word: ", chars, ", wanted 1 to 65536");
  spec.max_word_chars = int32_t(chars);
  return {};
}

Status read_unigram(JsonValue model, TokenizerSpec& spec) {
  const int64_t unknown = model["unk_id"].as_int().value_or(-1);
  if (unknown < -1 || unknown >= int64_t(spec.tokens.size())) {
    return corrupt("model.unk_id: ", unknown, ", there are ", spec.tokens.size(), " tokens");
  }
  spec.unk_id = int32_t(unknown);
  spec.fuse_unk = true;
  return {};
}

}  // namespace

int32_t find_token(const TokenizerSpec& spec, std::string_view text) {
  if (text.empty()) return -1;
  for (const AddedToken& token : spec.added)  // where it nearly always is
    if (token.text == text) return token.id;
  const auto found = std::find(spec.tokens.begin(), spec.tokens.end(), text);
  return found == spec.tokens.end() ? -1 : int32_t(found - spec.tokens.begin());
}

Status read_model(JsonValue root, TokenizerSpec& spec, Arena& arena) {
  const JsonValue model = root["model"];
  const std::string_view type = model["type"].as_string();
  if (type == "Unigram") spec.kind = TokenizerKind::unigram;
  if (type == "WordPiece") spec.kind = TokenizerKind::wordpiece;
  if (spec.kind == TokenizerKind::none && !type.empty() && type != "BPE") {
    return unsupported("model ", type, ", wanted BPE, Unigram or WordPiece");
  }
  SYN_RETURN_IF_ERROR(read_tokens(root, spec, arena));
  spec.byte_fallback = flag(model["byte_fallback"], false);
  SYN_RETURN_IF_ERROR(spec.kind == TokenizerKind::unigram     ? read_unigram(model, spec)
                      : spec.kind == TokenizerKind::wordpiece ? read_wordpiece(model, spec)
                                                              : read_bpe(model, spec, arena));
  if (spec.unk_id >= 0) spec.types[size_t(spec.unk_id)] = TokenType::unknown;
  return {};
}

}  // namespace synapse::tokenizer_json
