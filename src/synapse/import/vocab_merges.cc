#include <algorithm>
#include <charconv>
#include <map>
#include <vector>

#include "synapse/import/tokenizer_files.h"
#include "synapse/runtime/vocabulary.h"

namespace synapse {
namespace {

struct ClassRow {
  std::string_view name;
  PreTokenizer pre;
  bool nfc;
  bool end_is_bos;  // without a config <|endoftext|> is EOS, and for these BOS too
};
constexpr ClassRow kClasses[] = {{"GPT2Tokenizer", PreTokenizer::gpt2, false, true},
                                 {"CodeGenTokenizer", PreTokenizer::gpt2, false, true},
                                 {"Qwen2Tokenizer", PreTokenizer::qwen2, true, false}};
constexpr std::string_view kEndOfText = "<|endoftext|>";

Result<ClassRow> class_of(JsonValue config) {
  std::string_view name = config["tokenizer_class"].as_string();
  if (name.ends_with("Fast")) name.remove_suffix(4);
  std::string known;
  for (const ClassRow& row : kClasses) {
    if (row.name == name) return row;
    known.append(known.empty() ? "" : ", ").append(row.name);
  }
  return fail(Code::unsupported, "tokenizer_config.json tokenizer_class: found \"", name.substr(0, 64),
              "\" for vocab.json and merges.txt, wanted one of ", known);
}

// Tokens and their types grown to n, the new ones unused.
Status grow(size_t n, TokenizerSpec& spec, Arena& arena) {
  if (n <= spec.tokens.size()) return {};
  SYN_TRY(tokens, arena.zeroed<std::string_view>(n, "tokens"));
  SYN_TRY(types, arena.zeroed<TokenType>(n, "token types"));
  std::ranges::fill(types, TokenType::unused);
  std::ranges::copy(spec.tokens, tokens.begin());
  std::ranges::copy(spec.types, types.begin());
  spec.tokens = tokens, spec.types = types;
  if (spec.scores.empty()) return {};
  SYN_TRY(scores, arena.zeroed<float>(n, "scores"));
  std::ranges::copy(spec.scores, scores.begin());
  spec.scores = scores;
  return {};
}

Result<int32_t> checked_id(std::string_view file, std::string_view text, int64_t id, int64_t below) {
  if (id >= 0 && id < below) return int32_t(id);
  return fail(Code::corrupt, file, ": token ", text.substr(0, 64), " has id ", id, ", wanted 0 to ",
              below - 1);
}

// Some vocabularies leave holes, none of them many.
int64_t most_ids(size_t n_tokens) {
  return std::min<int64_t>(2 * int64_t(n_tokens) + 65536, Vocabulary::kMaxTokens);
}

Status read_vocab(JsonValue vocab, TokenizerSpec& spec, Arena& arena) {
  if (!vocab.is_object() || vocab.size() == 0)
    return fail(Code::corrupt, "vocab.json: wanted an object of texts and ids");
  const int64_t most = most_ids(vocab.size());
  int32_t last = 0;
  for (const auto [text, value] : vocab.members()) {
    SYN_TRY(id, checked_id("vocab.json", text, value.as_int().value_or(-1), most));
    last = std::max(last, id);
  }
  SYN_RETURN_IF_ERROR(grow(size_t(last) + 1, spec, arena));
  for (const auto [text, value] : vocab.members()) {
    const auto id = size_t(*value.as_int());
    if (spec.types[id] != TokenType::unused)
      return fail(Code::corrupt, "vocab.json: id ", id, " is both ", spec.tokens[id], " and ", text);
    spec.tokens[id] = text, spec.types[id] = TokenType::normal;
  }
  return {};
}

Status read_merges(std::string_view text, TokenizerSpec& spec, Arena& arena) {
  SYN_TRY(merges, arena.zeroed<Merge>(size_t(std::ranges::count(text, '\n')) + 1, "merges"));
  size_t n = 0;
  for (size_t line = 1; !text.empty(); ++line) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (pair.ends_with('\r')) pair.remove_suffix(1);
    if (pair.empty() || (line == 1 && pair.starts_with("#version"))) continue;
    const size_t space = pair.find(' ');
    if (space == 0 || space == pair.npos || space + 1 == pair.size() ||
        pair.find(' ', space + 1) != pair.npos) {
      return fail(Code::corrupt, "merges.txt line ", line, ": '", pair.substr(0, 64),
                  "', wanted two tokens with a space between");
    }
    merges[n++] = {pair.substr(0, space), pair.substr(space + 1)};
  }
  spec.merges = merges.first(n);
  return {};
}

Status add_end_of_text(bool end_is_bos, TokenizerSpec& spec, Arena& arena) {
  const auto found = std::ranges::find(spec.tokens, kEndOfText);
  if (found == spec.tokens.end()) return {};
  spec.eos_id = int32_t(found - spec.tokens.begin());
  if (end_is_bos) spec.bos_id = spec.eos_id;
  spec.types[size_t(spec.eos_id)] = TokenType::control;
  SYN_TRY(added, arena.zeroed<AddedToken>(1, "added tokens"));
  added[0].id = spec.eos_id, added[0].text = kEndOfText, added[0].special = true;
  spec.added = added;
  return {};
}

bool flag(JsonValue v, bool missing) { return v.as_bool().value_or(missing); }

}  // namespace

Result<TokenizerSpec> read_vocab_merges(JsonValue vocab, std::string_view merges, JsonValue config,
                                        Arena& arena) {
  SYN_TRY(row, class_of(config));
  TokenizerSpec spec;
  spec.kind = TokenizerKind::byte_bpe;
  static constexpr Normalizer kNfc[] = {{NormalStep::nfc}};
  spec.pre = row.pre;
  if (row.nfc) spec.normalizers = kNfc;
  SYN_RETURN_IF_ERROR(read_vocab(vocab, spec, arena));
  SYN_RETURN_IF_ERROR(read_merges(merges, spec, arena));
  SYN_RETURN_IF_ERROR(add_end_of_text(row.end_is_bos, spec, arena));
  if (flag(config["add_prefix_space"], false))
    spec.add_space_prefix = spec.space_prefix_every_segment = spec.space_prefix_if_missing = true;
  return spec;
}

Status add_tokens(JsonValue config, JsonValue added, TokenizerSpec& spec, Arena& arena) {
  std::map<int32_t, AddedToken> all;
  for (const AddedToken& token : spec.added) all[token.id] = token;
  const JsonValue decoder = config["added_tokens_decoder"];
  const int64_t most = most_ids(spec.tokens.size() + decoder.size() + added.size());
  int32_t last = int32_t(spec.tokens.size()) - 1;
  for (const auto [text, value] : added.members()) {
    SYN_TRY(id, checked_id("added_tokens.json", text, value.as_int().value_or(-1), most));
    all.try_emplace(id, AddedToken{.id = id, .text = text, .normalized = true});
    last = std::max(last, id);
  }
  for (const auto [key, value] : decoder.members()) {
    int64_t number = -1;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), number);
    if (error != std::errc() || end != key.data() + key.size()) number = -1;
    const std::string_view text = value["content"].as_string();
    SYN_TRY(id, checked_id("tokenizer_config.json", text, number, most));
    const bool special = flag(value["special"], false);
    all[id] = {id,
               text,
               special,
               flag(value["lstrip"], false),
               flag(value["rstrip"], false),
               flag(value["single_word"], false),
               flag(value["normalized"], !special)};
    last = std::max(last, id);
  }
  SYN_RETURN_IF_ERROR(grow(size_t(last) + 1, spec, arena));
  SYN_TRY(table, arena.zeroed<AddedToken>(all.size(), "added tokens"));
  size_t n = 0;
  for (const auto& [id, token] : all) {
    if (token.text.empty()) return fail(Code::corrupt, "added token ", id, ": no text");
    table[n++] = token;
    spec.tokens[size_t(id)] = token.text;
    TokenType& type = spec.types[size_t(id)];
    if (type != TokenType::unknown) type = token.special ? TokenType::control : TokenType::user_defined;
  }
  spec.added = table;
  return {};
}

}  // namespace synapse
