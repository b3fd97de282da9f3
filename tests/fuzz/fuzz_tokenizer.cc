// Any text, any options: the ids decode to the bytes that went in, and the scratch memory stated suffices.
#include <array>
#include <cstdlib>
#include <string>
#include <vector>

#include "synapse/runtime/tokenizer.h"
#include "synapse/runtime/tokenizer_impl.h"
#include "synapse/runtime/unicode.h"

namespace synapse {
namespace {

constexpr size_t kKinds = 8;  // the byte-level patterns, and spm by rank and by score

// Views what it owns: built once, never moved.
struct Built {
  std::vector<std::string> texts;
  std::vector<uint8_t> memory;
  Tokenizer* tokenizer = nullptr;

  explicit Built(size_t kind) {
    TokenizerSpec spec;
    const bool spm = kind >= 6;
    spec.kind = spm ? TokenizerKind::spm_bpe : TokenizerKind::byte_bpe;
    spec.pre = spm ? PreTokenizer::none : PreTokenizer(kind);
    spec.ignore_merges = kind == 2;
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
      } else {
        add({bytes, encode_utf8(byte_to_letter(uint8_t(b)), bytes)}, TokenType::normal);
      }
    }
    const std::string space = spm ? "\u2581" : "\u0120";
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
    if (kind != 7) spec.merges = merges;
    if (kind == 7) spec.scores = scores;
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
  static const std::array<Built, kKinds> kBuilt = {Built(0), Built(1), Built(2), Built(3), Built(4), Built(5), Built(6), Built(7)};
  if (size < 2) return 0;
  const Tokenizer& t = *kBuilt[data[0] % kKinds].tokenizer;
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
  std::vector<int32_t> ids(text.size());
  const auto n = t.encode(text, options, ids, scratch);
  if (!n.ok()) std::abort();

  std::string back, shown, piece(t.max_piece_bytes(), 0), out(t.max_piece_bytes() * 3 + 16, 0);
  Detokenizer detokenizer(t, true);
  for (size_t i = 0; i < *n; ++i) {
    back.append(piece.data(), t.piece(ids[i], true, piece.data()));
    shown.append(out.data(), detokenizer.push(ids[i], out.data()));
  }
  shown.append(out.data(), detokenizer.finish(out.data()));
  if (back != text) std::abort();
  for (size_t at = 0; at < shown.size();) {
    const CodePoint c = decode_utf8(shown, at);
    if (c.value >= kInvalidByte) std::abort();
    at += c.bytes;
  }
  return 0;
}
