#include "synapse/import/tokenizer_metadata.h"

#include <algorithm>
#include <string>
#include <unordered_map>

#include "synapse/platform/region.h"
#include "synapse/runtime/gguf_pre.h"
#include "synapse/runtime/tokenizer_rules.h"

namespace synapse {
namespace {

struct KindName {
  TokenizerKind kind;
  std::string_view model;  // tokenizer.ggml.model
};
constexpr KindName kKinds[] = {{TokenizerKind::byte_bpe, "gpt2"}, {TokenizerKind::spm_bpe, "llama"}, {TokenizerKind::trie, "rwkv"},
                               {TokenizerKind::wordpiece, "bert"}};
constexpr std::string_view kWordBegin = "\u2581";  // of WordPiece in GGUF

// A token of RWKV as GGUF has it: bytes that are not plain text as \xNN.
std::string escaped(std::string_view token) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const char c : token) {
    const auto b = uint8_t(c);
    if (c == '\\') out += "\\\\";
    else if (b >= 32 && b < 127) out += c;
    else out.append("\\x").append(1, kDigits[b >> 4]).append(1, kDigits[b & 15]);
  }
  return out;
}

class Writer {
 public:
  Writer(const TokenizerSpec& spec, size_t n, Metadata& out) : spec_(spec), n_(n), out_(out) {}

  Status write(std::string_view model) {
    out_.text("tokenizer.ggml.model", model);
    const std::string_view pre = merges() && !spm() ? gguf_pre_name(spec_.pre, spec_.ignore_merges) : "";
    if (merges()) out_.text("tokenizer.ggml.pre", pre.empty() ? "default" : pre);
    write_tokens();
    if (spm()) write_scores();
    if (merges()) SYN_RETURN_IF_ERROR(write_merges());
    if (wordpiece()) SYN_RETURN_IF_ERROR(write_word_ids());
    else write_ids();
    return write_rules();
  }

 private:
  bool spm() const { return spec_.kind == TokenizerKind::spm_bpe; }
  bool trie() const { return spec_.kind == TokenizerKind::trie; }
  bool wordpiece() const { return spec_.kind == TokenizerKind::wordpiece; }
  bool merges() const { return !trie() && !wordpiece(); }
  size_t n_known() const { return std::min(n_, spec_.tokens.size()); }
  TokenType type(size_t id) const {
    if (id >= n_known() || spec_.tokens[id].empty()) return TokenType::unused;
    return spec_.types.empty() ? TokenType::normal : spec_.types[id];
  }

  void write_tokens() {
    std::vector<std::string> made;
    made.reserve(n_);
    std::vector<std::string_view> tokens;
    std::vector<int32_t> types;
    for (size_t id = 0; id < n_; ++id) {
      const bool known = id < n_known() && !spec_.tokens[id].empty();
      const bool ends = trie() && !known && int32_t(id) == spec_.eos_id;  // it has no bytes
      tokens.push_back(ends                ? "<s>"
                       : !known            ? made.emplace_back("[PAD" + std::to_string(id) + "]")
                       : trie()            ? made.emplace_back(escaped(spec_.tokens[id]))
                       : wordpiece()       ? made.emplace_back(word_token(spec_.tokens[id]))
                                           : spec_.tokens[id]);
      types.push_back(int32_t(ends ? TokenType::control : type(id)));
    }
    out_.texts("tokenizer.ggml.tokens", tokens);
    out_.put("tokenizer.ggml.token_type", meta_array(types));
  }

  // U+2581 before what begins a word, nothing before what goes on; [CLS] and its like stay as they are.
  std::string word_token(std::string_view token) const {
    if (token.starts_with('[') && token.ends_with(']') && token.size() > 2) return std::string(token);
    if (!spec_.next_prefix.empty() && token.starts_with(spec_.next_prefix)) return std::string(token.substr(spec_.next_prefix.size()));
    return spec_.first_prefix.empty() ? std::string(kWordBegin).append(token) : std::string(token);
  }

  // Where merges decide there are no scores: those that would merge in the same order are made up, for
  // readers that know only them.
  void write_scores() {
    std::vector<float> scores(n_, -float(spec_.merges.size()) - 1);
    if (spec_.merges.empty()) {
      std::copy_n(spec_.scores.begin(), n_known(), scores.begin());
    } else {
      std::unordered_map<std::string, size_t> ranks;
      for (size_t i = 0; i < spec_.merges.size(); ++i)
        ranks.try_emplace(std::string(spec_.merges[i].left).append(spec_.merges[i].right), i);
      for (size_t id = 0; id < n_known(); ++id) {
        const auto rank = ranks.find(std::string(spec_.tokens[id]));
        if (rank != ranks.end())
          scores[id] = -float(rank->second);
        else if (type(id) != TokenType::normal)
          scores[id] = 0;
      }
    }
    out_.put("tokenizer.ggml.scores", meta_array(scores));
  }

  Status write_merges() {
    if (spm() && spec_.merges.empty()) return {};
    std::vector<std::string> merges;
    merges.reserve(spec_.merges.size());
    for (const Merge& m : spec_.merges) {
      if (m.left.find(' ') != m.left.npos || m.right.find(' ') != m.right.npos) {
        return fail(Code::unsupported, "tokenizer: merge ", merges.size(),
                    " has a space, which ends a part in GGUF");
      }
      merges.push_back(std::string(m.left).append(" ").append(m.right));
    }
    out_.texts("tokenizer.ggml.merges", std::vector<std::string_view>(merges.begin(), merges.end()));
    if (spm()) out_.put(kByMergesKey, meta_bool(true));
    return {};
  }

  Status write_word_ids() {
    if (spec_.prefix.size() > 1 || spec_.suffix.size() > 1) return fail(Code::unsupported, "tokenizer: more than one id before or after a text");
    const int32_t cls = spec_.prefix.empty() ? spec_.bos_id : spec_.prefix[0], sep = spec_.suffix.empty() ? spec_.eos_id : spec_.suffix[0];
    const std::pair<std::string_view, int32_t> ids[] = {{"tokenizer.ggml.cls_token_id", cls},
                                                        {"tokenizer.ggml.seperator_token_id", sep},  // so GGUF spells it
                                                        {"tokenizer.ggml.unknown_token_id", spec_.unk_id},
                                                        {"tokenizer.ggml.padding_token_id", spec_.pad_id}};
    for (const auto& [key, id] : ids) out_.put(key, meta_u32(uint32_t(id)));
    out_.put("tokenizer.ggml.add_bos_token", meta_bool(!spec_.prefix.empty()));
    out_.put("tokenizer.ggml.add_eos_token", meta_bool(!spec_.suffix.empty()));
    return {};
  }

  void write_ids() {
    const std::pair<std::string_view, int32_t> ids[] = {{"tokenizer.ggml.bos_token_id", spec_.bos_id},
                                                        {"tokenizer.ggml.eos_token_id", spec_.eos_id},
                                                        {"tokenizer.ggml.unknown_token_id", spec_.unk_id},
                                                        {"tokenizer.ggml.padding_token_id", spec_.pad_id}};
    for (const auto& [key, id] : ids) {
      // Where this key is missing from a llama tokenizer, readers take 1, 2 and 0: "none" has to be said.
      const bool has_default = spm() && key != "tokenizer.ggml.padding_token_id";
      if (id >= 0 || has_default) out_.put(key, meta_u32(uint32_t(id)));
    }
    for (const int32_t id : spec_.end_ids) {
      if (id == spec_.eos_id) continue;
      const bool is_message = spec_.tokens[size_t(id)].find("eom") != std::string_view::npos;
      const std::string_view key = is_message ? "tokenizer.ggml.eom_token_id" : "tokenizer.ggml.eot_token_id";
      if (!out_.find(key)) out_.put(key, meta_u32(uint32_t(id)));
    }
    out_.put("tokenizer.ggml.add_bos_token",
             meta_bool(!spec_.prefix.empty() && spec_.prefix[0] == spec_.bos_id));
    out_.put("tokenizer.ggml.add_eos_token",
             meta_bool(!spec_.suffix.empty() && spec_.suffix[0] == spec_.eos_id));
    out_.put("tokenizer.ggml.add_space_prefix", meta_bool(spec_.add_space_prefix));
  }

  // Whatever reading the keys above does not give back.
  Status write_rules() {
    size_t bytes = size_t(1) << 20;
    for (const MetaEntry& entry : out_.entries()) bytes += 16 * entry.value.bytes.size();
    SYN_TRY(region, Region::make(bytes));
    SYN_TRY(read, tokenizer_spec(out_.checkpoint(), region.arena()));
    for (const TokenizerRule& rule : kTokenizerRules) {
      const bool without_effect =
          !spec_.add_space_prefix && (rule.flag == &TokenizerSpec::space_prefix_every_segment ||
                                      rule.flag == &TokenizerSpec::space_prefix_if_missing);
      if (read.*rule.flag != spec_.*rule.flag && !without_effect)
        out_.put(rule.key, meta_bool(spec_.*rule.flag));
    }
    write_cuts(read);
    write_normalizers(read);
    if (!std::ranges::equal(read.prefix, spec_.prefix)) out_.put(kPrefixKey, meta_array(spec_.prefix));
    if (!std::ranges::equal(read.suffix, spec_.suffix)) out_.put(kSuffixKey, meta_array(spec_.suffix));
    write_added(read);
    return {};
  }

  void write_cuts(const TokenizerSpec& read) {
    if (!(read.pre == spec_.pre)) {
      std::vector<std::string_view> names;
      for (size_t i = 0; i < spec_.pre.size(); ++i) names.push_back(pre_name(spec_.pre.steps[i]));
      out_.texts(kPreKey, names);
    }
    if (spec_.patterns.empty()) return;
    std::vector<std::string_view> regexes;
    std::vector<int32_t> keep_rest;
    for (const SplitPattern& p : spec_.patterns) regexes.push_back(p.regex), keep_rest.push_back(p.keep_rest);
    out_.texts(kPatternsKey, regexes);
    out_.put(kKeepRestKey, meta_array(keep_rest));
  }

  void write_normalizers(const TokenizerSpec& read) {
    if (std::ranges::equal(read.normalizers, spec_.normalizers)) return;
    std::vector<std::string_view> texts;
    for (const Normalizer& n : spec_.normalizers)
      texts.insert(texts.end(), {normal_step_name(n.step), n.from, n.to});
    out_.texts(kNormalizersKey, texts);
  }

  void write_added(const TokenizerSpec& read) {
    const auto order = [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; };
    std::vector<AddedToken> own(spec_.added.begin(), spec_.added.end()),
        given(read.added.begin(), read.added.end());
    std::erase_if(own, [this](const AddedToken& a) { return size_t(a.id) >= n_; });
    std::ranges::sort(own, order);
    std::ranges::sort(given, order);
    const auto same = [](const AddedToken& a, const AddedToken& b) {
      return a.id == b.id && a.text == b.text && flags(a) == flags(b);
    };
    if (std::ranges::equal(own, given, same)) return;
    std::vector<int32_t> ids, bits;
    for (const AddedToken& a : own) ids.push_back(a.id), bits.push_back(flags(a));
    out_.put(kAddedIdsKey, meta_array(ids));
    out_.put(kAddedFlagsKey, meta_array(bits));
  }

  static int32_t flags(const AddedToken& a) {
    int32_t bits = 0;
    for (const AddedFlag& f : kAddedFlags) bits |= a.*f.flag ? f.bit : 0;
    return bits;
  }

  const TokenizerSpec& spec_;
  size_t n_;
  Metadata& out_;
};

}  // namespace

Status put_tokenizer(const TokenizerSpec& spec, int64_t vocab_size, Metadata& out) {
  if (spec.kind == TokenizerKind::none) return out.text("tokenizer.ggml.model", "no_vocab"), Status();
  const auto kind = std::ranges::find(kKinds, spec.kind, &KindName::kind);
  if (kind == std::end(kKinds))
    return fail(Code::unsupported,
                "tokenizer: neither byte-level nor SentencePiece BPE nor WordPiece nor RWKV's; only these are written as GGUF");
  if (spec.kind == TokenizerKind::wordpiece && spec.max_word_chars != TokenizerSpec().max_word_chars)
    return fail(Code::unsupported, "tokenizer: max_input_chars_per_word ", spec.max_word_chars, " has no form in GGUF");
  if (!spec.word_suffix.empty())
    return fail(Code::unsupported, "tokenizer: end_of_word_suffix has no form in GGUF");
  const size_t n = vocab_size > 0 ? size_t(vocab_size) : spec.tokens.size();
  for (size_t id = n; id < spec.tokens.size(); ++id) {
    // Ids that no row stands for can be left out only where merging never makes them.
    if (spec.types.empty() || spec.types[id] == TokenType::normal || spec.types[id] == TokenType::byte) {
      return fail(Code::corrupt, "tokenizer: ", spec.tokens.size(), " tokens, token_embd.weight has ", n,
                  " rows");
    }
  }
  return Writer(spec, n, out).write(kind->model);
}

}  // namespace synapse
