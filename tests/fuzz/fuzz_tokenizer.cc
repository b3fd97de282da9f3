// Any text, any options: the ids decode to the bytes that went in, and the scratch memory stated suffices.
#include <array>
#include <cstdlib>
#include <string>
#include <vector>

#include "synapse/runtime/pretokenize.h"
#include "synapse/runtime/tokenizer.h"
#include "synapse/runtime/tokenizer_impl.h"
#include "synapse/runtime/unicode.h"

namespace synapse {
namespace {

// Byte-level vocabularies under every PreTokenizer but pattern; then spm by rank and by score, unigram, a trie; and
// WordPiece, which does not give its text back.
constexpr size_t kPatterns = size_t(PreTokenizer::pattern);
constexpr size_t kSpmRank = kPatterns, kSpmScore = kPatterns + 1, kUnigram = kPatterns + 2, kTrie = kPatterns + 3;
constexpr size_t kWordPiece = kPatterns + 4, kKinds = kPatterns + 5;
constexpr TokenizerKind kKindOf[] = {TokenizerKind::spm_bpe, TokenizerKind::spm_bpe, TokenizerKind::unigram, TokenizerKind::trie,
                                     TokenizerKind::wordpiece};

// BERT's, and those that grow a text most.
constexpr Normalizer kSteps[] = {{NormalStep::bert_clean},       {NormalStep::bert_chinese}, {NormalStep::nfkd},
                                 {NormalStep::strip_nonspacing}, {NormalStep::squeeze_space, "", " "}};

// Views what it owns: built once, never moved.
struct Built {
  std::vector<std::string> texts;
  std::vector<uint8_t> memory;
  Tokenizer* tokenizer = nullptr;

  explicit Built(size_t kind) {
    TokenizerSpec spec;
    const bool bytes_only = kind < kPatterns, spm = stores_spaces(bytes_only ? TokenizerKind::byte_bpe : kKindOf[kind - kPatterns]);
    spec.kind = bytes_only ? TokenizerKind::byte_bpe : kKindOf[kind - kPatterns];
    spec.pre = kind == kWordPiece ? PreTokenizer::bert : bytes_only ? PreTokenizer(kind) : PreTokenizer::none;
    if (kind == kWordPiece) spec.normalizers = kSteps;
    if (kind == kWordPiece) spec.next_prefix = "a";
    spec.ignore_merges = kind == size_t(PreTokenizer::llama3);
    spec.byte_fallback = spec.fuse_unk = spm;
    std::vector<TokenType> types;
    const auto add = [&](std::string text, TokenType type) {
      texts.push_back(std::move(text));
      types.push_back(type);
    };
    for (int b = 0; b < 256; ++b) {
      char bytes[8];
      if (spm) {
        std::snprintf(bytes, sizeof bytes, "<0x%02X>", b);
        add(bytes, TokenType::byte);
      } else if (!bytes_only) {
        add(std::string(1, char(b)), TokenType::normal);
      } else {
        add({bytes, encode_utf8(byte_to_letter(uint8_t(b)), bytes)}, TokenType::normal);
      }
    }
    const std::string space = spm ? "\u2581" : bytes_only ? "\u0120" : " ";
    if (spm) {
      for (const char c : std::string("abc<>|' ")) add(c == ' ' ? space : std::string(1, c), TokenType::normal);
    }
    const std::vector<std::pair<std::string, std::string>> pairs = {
        {"a", "b"}, {"b", "b"}, {space, "a"}, {"ab", "ab"}, {"a", "a"}, {"aa", "aa"}, {space, space}, {"b", "c"}, {"<", "|"}};
    for (const auto& [l, r] : pairs) add(l + r, TokenType::normal);
    add("<|a|>", TokenType::control);
    add("<|a|><|a|>", TokenType::user_defined);

    std::vector<std::string_view> tokens(texts.begin(), texts.end());
    std::vector<Merge> merges;
    for (const auto& [l, r] : pairs) merges.push_back({l, r});
    std::vector<float> scores(tokens.size());
    for (size_t i = 0; i < scores.size(); ++i) scores[i] = -float(i * 7 % 11);
    std::array<AddedToken, 2> added;
    for (size_t i = 0; i < 2; ++i) {
      added[i].id = int32_t(tokens.size() - 2 + i);
      added[i].text = tokens[size_t(added[i].id)];
      added[i].special = i == 0;
    }
    spec.tokens = tokens;
    spec.types = types;
    spec.added = added;
    std::vector<double> log_probs(scores.begin(), scores.end());
    if (bytes_only || kind == kSpmRank) spec.merges = merges;
    if (kind == kSpmScore) spec.scores = scores;
    if (kind == kUnigram) spec.log_probs = log_probs;
    memory.resize(Tokenizer::bytes(spec));
    Arena arena(memory.data(), memory.size());
    const auto built = Tokenizer::build(spec, arena);
    if (!built.ok()) std::abort();
    tokenizer = *built;
  }
};

}  // namespace
}  // namespace synapse

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace synapse;
  static const std::vector<Built>& built = *[] {
    auto* all = new std::vector<Built>;
    all->reserve(kKinds);  // what is built views itself
    for (size_t kind = 0; kind < kKinds; ++kind) all->emplace_back(kind);
    return all;
  }();
    if (size < 2) return 0;
const size_t kind = data[0] % kKinds;
  const Tokenizer& t = *built[kind].tokenizer;
  const EncodeOptions options = {.add_special = bool(data[1] & 1), .parse_special = bool(data[1] & 2)};
  std::string text(reinterpret_cast<const char*>(data) + 2, size - 2);
  if (data[1] & 4) {  // long words from short inputs
    while (text.size() < 2000 && !text.empty()) text += text;
  }
  if (t.find("\u2581") >= 0) {  // spm writes U+2581 and spaces as one token
    for (size_t at = 0; (at = text.find("\u2581", at)) != text.npos;) text.replace(at, 3, " ");
  }
  std::vector<uint8_t> memory(t.encode_scratch_bytes(text.size()));
  Arena scratch(memory.data(), memory.size());
  std::vector<int32_t> ids(t.max_ids(text.size()));
  const auto n = t.encode(text, options, ids, scratch);
  if (!n.ok()) std::abort();

  std::string back, shown, piece(t.max_piece_bytes(), 0), out(t.max_piece_bytes() * 3 + 16, 0);
  Detokenizer detokenizer(t, true);
  for (size_t i = 0; i < *n; ++i) {
    back.append(piece.data(), t.piece(ids[i], true, piece.data()));
    shown.append(out.data(), detokenizer.push(ids[i], out.data()));
  }
  shown.append(out.data(), detokenizer.finish(out.data()));
  const bool gives_back = kind != kWordPiece && (kind >= kPatterns || !drops_white_space(PreTokenizer(kind)));
  if (gives_back && back != text) std::abort();
  for (size_t at = 0; at < shown.size();) {
    const CodePoint c = decode_utf8(shown, at);
    if (c.value >= kInvalidByte) std::abort();
    at += c.bytes;
  }
  return 0;
}
