// tokenizer.ggml.* metadata -> TokenizerSpec. Where a key is missing, llama.cpp's defaults hold, so that the same
// file gives the same ids.
#include <algorithm>

#include "synapse/runtime/gguf_pre.h"
#include "synapse/runtime/tokenizer.h"
#include "synapse/runtime/tokenizer_rules.h"
#include "synapse/runtime/vocabulary.h"

namespace synapse {
namespace {

constexpr uint64_t kMaxMerges = 1u << 26;

// The array of a key with this many elements at most; null when the key is missing.
Result<const MetaValue*> find_array(const Checkpoint& checkpoint, std::string_view key, bool of_strings, uint64_t most) {
  const MetaValue* value = checkpoint.find(key);
  if (!value) return value;
  const bool strings = value->element == MetaType::string;
  if (value->type != MetaType::array || strings != of_strings || value->element == MetaType::array) {
    return fail(Code::corrupt, key, ": wanted an array of ", of_strings ? "strings" : "numbers");
  }
  if (value->count > most) return fail(Code::corrupt, key, ": ", value->count, " entries, at most ", most);
  return value;
}

template <typename T>
Result<std::span<T>> make_table(size_t n, std::string_view key, Arena& arena) {
  T* p = arena.array<T>(n);
  if (!p) return fail(Code::out_of_memory, key, ": no room for ", n, " entries");
  return std::span<T>(p, n);
}

Status read_tokens(const Checkpoint& checkpoint, TokenizerSpec& spec, Arena& arena) {
  constexpr std::string_view kKey = "tokenizer.ggml.tokens";
  SYN_TRY(array, find_array(checkpoint, kKey, true, Vocabulary::kMaxTokens));
  if (!array || array->count == 0) return fail(Code::corrupt, kKey, ": none, wanted the vocabulary");
  SYN_TRY(tokens, make_table<std::string_view>(array->count, kKey, arena));
  size_t n = 0;
  StringWalk walk(*array);
  while (n < tokens.size() && walk.next(tokens[n])) ++n;
  if (n != tokens.size()) return fail(Code::corrupt, kKey, ": ", n, " strings, the count is ", tokens.size());
  spec.tokens = tokens;
  return {};
}

Status read_scores(const Checkpoint& checkpoint, TokenizerSpec& spec, Arena& arena) {
  constexpr std::string_view kKey = "tokenizer.ggml.scores";
  SYN_TRY(array, find_array(checkpoint, kKey, false, Vocabulary::kMaxTokens));
  if (!array) return {};
  if (array->count != spec.tokens.size()) {
    return fail(Code::corrupt, kKey, ": ", array->count, " entries, there are ", spec.tokens.size(), " tokens");
  }
  SYN_TRY(scores, make_table<float>(array->count, kKey, arena));
  for (size_t i = 0; i < scores.size(); ++i) {
    const auto score = meta_element(*array, i).as_float();
    if (!score) return fail(Code::corrupt, kKey, ": entry ", i, " is no number");
    scores[i] = float(*score);
  }
  spec.scores = scores;
  return {};
}

Status read_types(const Checkpoint& checkpoint, TokenizerSpec& spec, Arena& arena) {
  constexpr std::string_view kKey = "tokenizer.ggml.token_type";
  SYN_TRY(array, find_array(checkpoint, kKey, false, Vocabulary::kMaxTokens));
  SYN_TRY(types, make_table<TokenType>(spec.tokens.size(), kKey, arena));
  std::fill(types.begin(), types.end(), TokenType::normal);
  spec.types = types;
  if (!array) return {};
  if (array->count != types.size()) {
    return fail(Code::corrupt, kKey, ": ", array->count, " entries, there are ", types.size(), " tokens");
  }
  size_t n_added = 0;
  for (size_t i = 0; i < types.size(); ++i) {
    const auto type = meta_element(*array, i).as_int();
    if (!type || *type < 0 || *type > 6) return fail(Code::corrupt, kKey, ": entry ", i, ", wanted 1 to 6");
    types[i] = *type == 0 ? TokenType::normal : TokenType(*type);
    n_added += *type >= 2 && *type <= 4;
  }
  SYN_TRY(added, make_table<AddedToken>(n_added, kKey, arena));
  n_added = 0;
  for (size_t i = 0; i < types.size(); ++i) {
    if (types[i] < TokenType::unknown || types[i] > TokenType::user_defined) continue;
    added[n_added] = {};
    added[n_added].id = int32_t(i);
    added[n_added].text = spec.tokens[i];
    added[n_added++].special = types[i] != TokenType::user_defined;
  }
  spec.added = added;
  return {};
}

Status read_merges(const Checkpoint& checkpoint, TokenizerSpec& spec, Arena& arena) {
  constexpr std::string_view kKey = "tokenizer.ggml.merges";
  SYN_TRY(array, find_array(checkpoint, kKey, true, kMaxMerges));
  if (!array) return fail(Code::corrupt, kKey, ": none, wanted the merges of a gpt2 tokenizer");
  SYN_TRY(merges, make_table<Merge>(array->count, kKey, arena));
  StringWalk walk(*array);
  for (size_t i = 0; i < merges.size(); ++i) {
    std::string_view text;
    if (!walk.next(text)) return fail(Code::corrupt, kKey, ": ", i, " strings, the count is ", merges.size());
    const size_t space = text.find(' ', 1);
    if (space == text.npos || space + 1 == text.size()) {
      return fail(Code::corrupt, kKey, ": entry ", i, " is '", text, "', wanted two tokens with a space between");
    }
    merges[i] = {text.substr(0, space), text.substr(space + 1)};
  }
  spec.merges = merges;
  return {};
}

Status read_id(const Checkpoint& checkpoint, std::string_view key, size_t n_tokens, int32_t missing, int32_t& id) {
  const MetaValue* value = checkpoint.find(key);
  if (!value) {
    id = size_t(missing) < n_tokens ? missing : -1;
    return {};
  }
  const auto i = value->as_int();
  const bool absent = i && (*i == -1 || *i == int64_t(UINT32_MAX));  // how writers say "none"
  if (!absent && (!i || *i < 0 || *i >= int64_t(n_tokens))) {
    return fail(Code::corrupt, key, ": ", i.value_or(-1), ", wanted an id below ", n_tokens);
  }
  id = absent ? -1 : int32_t(*i);
  return {};
}

bool read_flag(const Checkpoint& checkpoint, std::string_view key, bool missing) {
  const MetaValue* value = checkpoint.find(key);
  return value ? value->as_bool().value_or(missing) : missing;
}

Status read_pre(const Checkpoint& checkpoint, TokenizerSpec& spec, bool& add_bos) {
  const MetaValue* value = checkpoint.find("tokenizer.ggml.pre");
  const std::string_view name = value ? value->as_text().value_or("") : "default";
  SYN_TRY(rule, gguf_pre(name));
  spec.pre = rule.pre;
  spec.ignore_merges = rule.ignore_merges;
  add_bos = rule.add_bos;
  return {};
}

Status read_ids(const Checkpoint& checkpoint, TokenizerSpec& spec, bool add_bos, Arena& arena) {
  const size_t n = spec.tokens.size();
  const bool spm = spec.kind == TokenizerKind::spm_bpe;
  int32_t eot = -1, eom = -1;
  SYN_RETURN_IF_ERROR(read_id(checkpoint, "tokenizer.ggml.bos_token_id", n, spm ? 1 : -1, spec.bos_id));
  SYN_RETURN_IF_ERROR(read_id(checkpoint, "tokenizer.ggml.eos_token_id", n, spm ? 2 : -1, spec.eos_id));
  SYN_RETURN_IF_ERROR(read_id(checkpoint, "tokenizer.ggml.unknown_token_id", n, spm ? 0 : -1, spec.unk_id));
  SYN_RETURN_IF_ERROR(read_id(checkpoint, "tokenizer.ggml.padding_token_id", n, -1, spec.pad_id));
  SYN_RETURN_IF_ERROR(read_id(checkpoint, "tokenizer.ggml.eot_token_id", n, -1, eot));
  SYN_RETURN_IF_ERROR(read_id(checkpoint, "tokenizer.ggml.eom_token_id", n, -1, eom));

  constexpr size_t kMaxEnds = 32;
  SYN_TRY(ids, make_table<int32_t>(2 + kMaxEnds, "tokenizer ids", arena));
  ids[0] = spec.bos_id;
  ids[1] = spec.eos_id;
  const bool bos = read_flag(checkpoint, "tokenizer.ggml.add_bos_token", add_bos) && spec.bos_id >= 0;
  const bool eos = read_flag(checkpoint, "tokenizer.ggml.add_eos_token", false) && spec.eos_id >= 0;
  spec.prefix = ids.subspan(0, bos);
  spec.suffix = ids.subspan(1, eos);

  size_t n_ends = 0;
  const auto add_end = [&](int32_t id) {
    const auto ends = ids.subspan(2, n_ends);
    if (id >= 0 && n_ends < kMaxEnds && std::find(ends.begin(), ends.end(), id) == ends.end()) ids[2 + n_ends++] = id;
  };
  add_end(spec.eos_id);
  add_end(eot);
  add_end(eom);
  for (const AddedToken& token : spec.added) {
    if (ends_generation(token.text) && spec.types[size_t(token.id)] == TokenType::control) add_end(token.id);
  }
  spec.end_ids = ids.subspan(2, n_ends);
  return {};
}

struct KindName {
  std::string_view name;
  TokenizerKind kind;
};
constexpr KindName kKinds[] = {{"gpt2", TokenizerKind::byte_bpe},
                               {"llama", TokenizerKind::spm_bpe},
                               {"bert", TokenizerKind::wordpiece},
                               {"rwkv", TokenizerKind::trie}};

// BERT's: writers put U+2581 before tokens that begin a word and take "##" from the others. [CLS] and [SEP] stand
// around a text, under the names of two spellings.
Result<TokenizerSpec> bert_spec(const Checkpoint& checkpoint, TokenizerSpec& spec, Arena& arena) {
  static constexpr Normalizer kUncased[] = {{NormalStep::bert_clean},       {NormalStep::bert_chinese}, {NormalStep::nfd},
                                            {NormalStep::strip_nonspacing}, {NormalStep::lowercase}};
  constexpr int32_t kUnknown = 100, kCls = 101, kSep = 102;
  const size_t n = spec.tokens.size();
  const bool misspelled = checkpoint.find("tokenizer.ggml.seperator_token_id") != nullptr;
  const std::string_view sep = misspelled ? "tokenizer.ggml.seperator_token_id" : "tokenizer.ggml.separator_token_id";
  spec.normalizers = kUncased;
  spec.pre = PreTokenizer::bert;
  spec.first_prefix = "\u2581";
  spec.strip_space_prefix = spec.clean_spaces = true;
  SYN_RETURN_IF_ERROR(read_id(checkpoint, "tokenizer.ggml.unknown_token_id", n, kUnknown, spec.unk_id));
  SYN_RETURN_IF_ERROR(read_id(checkpoint, "tokenizer.ggml.cls_token_id", n, kCls, spec.bos_id));
  SYN_RETURN_IF_ERROR(read_id(checkpoint, sep, n, kSep, spec.eos_id));
  SYN_RETURN_IF_ERROR(read_id(checkpoint, "tokenizer.ggml.padding_token_id", n, 0, spec.pad_id));
  SYN_TRY(ids, make_table<int32_t>(2, "tokenizer ids", arena));
  ids[0] = spec.bos_id;
  ids[1] = spec.eos_id;
  spec.prefix = ids.subspan(0, read_flag(checkpoint, "tokenizer.ggml.add_bos_token", true) && spec.bos_id >= 0);
  spec.suffix = ids.subspan(1, read_flag(checkpoint, "tokenizer.ggml.add_eos_token", true) && spec.eos_id >= 0);
  SYN_RETURN_IF_ERROR(read_tokenizer_rules(checkpoint, spec, arena));
  return spec;
}

// RWKV's: the bytes of a token are written as Python shows them, with \t \n \r \\ \' \xNN.
std::string_view unescape(std::string_view text, char* out) {
  const auto digit = [](char c) { return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1; };
  size_t n = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out[n++] = text[i];
      continue;
    }
    const char c = text[++i];
    const int high = i + 2 < text.size() ? digit(text[i + 1]) : -1, low = i + 2 < text.size() ? digit(text[i + 2]) : -1;
    if (c == 'x' && high >= 0 && low >= 0) {
      out[n++] = char(high * 16 + low);
      i += 2;
    } else {
      out[n++] = c == 't' ? '\t' : c == 'n' ? '\n' : c == 'r' ? '\r' : c;
    }
  }
  return {out, n};
}

Result<TokenizerSpec> rwkv_spec(const Checkpoint& checkpoint, TokenizerSpec& spec, Arena& arena) {
  size_t bytes = 0;
  for (const std::string_view t : spec.tokens) bytes += t.size();
  SYN_TRY(room, make_table<char>(bytes, "tokenizer.ggml.tokens", arena));
  char* at = room.data();
  for (size_t i = 0; i < spec.tokens.size(); ++i) {
    if (spec.types[i] != TokenType::normal) continue;
    spec.tokens[i] = unescape(spec.tokens[i], at);
    at += spec.tokens[i].size();
  }
  SYN_RETURN_IF_ERROR(read_ids(checkpoint, spec, false, arena));
  return spec;
}

}  // namespace

Result<TokenizerSpec> tokenizer_spec(const Checkpoint& checkpoint, Arena& arena) {
  TokenizerSpec spec;
  const MetaValue* model = checkpoint.find("tokenizer.ggml.model");
  if (!model) return spec;
  const std::string_view name = model->as_text().value_or("");
  if (name == "none" || name == "no_vocab") return spec;
  const auto* found = std::find_if(std::begin(kKinds), std::end(kKinds), [&](const KindName& k) { return k.name == name; });
  if (found == std::end(kKinds)) {
    return fail(Code::unsupported, "tokenizer.ggml.model: ", name, ", wanted gpt2, llama, bert, rwkv or none");
  }
  spec.kind = found->kind;
  SYN_RETURN_IF_ERROR(read_tokens(checkpoint, spec, arena));
  SYN_RETURN_IF_ERROR(read_types(checkpoint, spec, arena));
  if (spec.kind == TokenizerKind::wordpiece) return bert_spec(checkpoint, spec, arena);
  if (spec.kind == TokenizerKind::trie) return rwkv_spec(checkpoint, spec, arena);
  bool add_bos = true;
  if (spec.kind == TokenizerKind::byte_bpe) {
    SYN_RETURN_IF_ERROR(read_pre(checkpoint, spec, add_bos));
    SYN_RETURN_IF_ERROR(read_merges(checkpoint, spec, arena));
    spec.space_prefix_if_missing = true;
  } else {
    SYN_RETURN_IF_ERROR(read_scores(checkpoint, spec, arena));
    if (spec.scores.empty()) return fail(Code::corrupt, "tokenizer.ggml.scores: none, wanted those of a llama tokenizer");
    if (read_flag(checkpoint, kByMergesKey, false)) SYN_RETURN_IF_ERROR(read_merges(checkpoint, spec, arena));
    spec.byte_fallback = true;
    spec.fuse_unk = true;
  }
  // A fragment after a special token counts as a start again.
  spec.add_space_prefix = read_flag(checkpoint, "tokenizer.ggml.add_space_prefix", spec.kind == TokenizerKind::spm_bpe);
  spec.strip_space_prefix = spec.add_space_prefix;
  spec.space_prefix_every_segment = true;
  SYN_RETURN_IF_ERROR(read_ids(checkpoint, spec, add_bos, arena));
  SYN_RETURN_IF_ERROR(read_tokenizer_rules(checkpoint, spec, arena));
  return spec;
}

}  // namespace synapse
