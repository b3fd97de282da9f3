#include <algorithm>
#include <cstring>

#include "synapse/import/llama2c.h"
#include "synapse/runtime/vocabulary.h"

namespace synapse {
namespace {

constexpr std::string_view kSpace = "\u2581";
constexpr size_t kMinTokenBytes = 8;  // a score and a length
constexpr int32_t kUnk = 0, kBos = 1, kEos = 2;

template <typename... Parts>
Status wrong(const Parts&... parts) {
  return fail(Code::corrupt, "llama2.c tokenizer: ", parts...);
}

int32_t load_int(std::span<const uint8_t> file, size_t at) {
  int32_t value;
  std::memcpy(&value, file.data() + at, sizeof value);
  return value;
}

// As SentencePiece has the token: spaces as U+2581, and BOS and EOS without the line breaks they are printed
// with.
Result<std::string_view> stored_text(std::string_view text, int32_t id, Arena& arena) {
  if (id == kBos || id == kEos) {
    while (text.starts_with('\n')) text.remove_prefix(1);
    while (text.ends_with('\n')) text.remove_suffix(1);
    return text;
  }
  const auto n_spaces = size_t(std::count(text.begin(), text.end(), ' '));
  if (n_spaces == 0) return text;
  SYN_TRY(out, arena.zeroed<char>(text.size() + n_spaces * (kSpace.size() - 1), "tokens"));
  char* at = out.data();
  for (const char c : text) {
    const std::string_view part = c == ' ' ? kSpace : std::string_view(&c, 1);
    at += part.copy(at, part.size());
  }
  return std::string_view(out.data(), out.size());
}

}  // namespace

size_t llama2c_tokenizer_arena_bytes(std::span<const uint8_t> file) {
  constexpr size_t kTables = sizeof(std::string_view) + sizeof(float) + sizeof(TokenType);
  return kSpace.size() * file.size() + (file.size() / kMinTokenBytes + 1) * kTables + 1024;
}

Result<TokenizerSpec> read_llama2c_tokenizer(std::span<const uint8_t> file, int32_t vocab_size,
                                             Arena& arena) {
  SYN_CHECK(vocab_size > 0);
  const auto n = size_t(vocab_size);
  size_t at = sizeof(int32_t);  // the longest length tells nothing
  if (file.size() < at || n > (file.size() - at) / kMinTokenBytes)
    return wrong(file.size(), " bytes, too few for ", n, " tokens");
  SYN_TRY(tokens, arena.zeroed<std::string_view>(n, "tokens"));
  SYN_TRY(scores, arena.zeroed<float>(n, "scores"));
  SYN_TRY(types, arena.zeroed<TokenType>(n, "token types"));
  for (size_t i = 0; i < n; ++i) {
    if (file.size() - at < kMinTokenBytes) return wrong("ends at token ", i, ", the model has ", n);
    std::memcpy(&scores[i], file.data() + at, sizeof(float));
    if (!(scores[i] >= -1e30f && scores[i] <= 1e30f))
      return wrong("the score of token ", i, " is ", double(scores[i]));
    const int32_t bytes = load_int(file, at + sizeof(float));
    at += kMinTokenBytes;
    if (bytes < 0 || size_t(bytes) > file.size() - at)
      return wrong("token ", i, ": ", bytes, " bytes, the file has ", file.size() - at, " more");
    SYN_TRY(text,
            stored_text({reinterpret_cast<const char*>(file.data()) + at, size_t(bytes)}, int32_t(i), arena));
    tokens[i] = text;
    types[i] = byte_token_value(text) >= 0 ? TokenType::byte : TokenType::normal;
    at += size_t(bytes);
  }
  if (at != file.size()) return wrong("more than the ", n, " tokens that the model has");

  TokenizerSpec spec;
  spec.kind = TokenizerKind::spm_bpe;
  spec.tokens = tokens, spec.scores = scores, spec.types = types;
  spec.byte_fallback = spec.fuse_unk = true;
  spec.add_space_prefix = spec.strip_space_prefix = spec.space_prefix_every_segment = true;
  if (n <= size_t(kEos)) return spec;
  types[kUnk] = TokenType::unknown, types[kBos] = types[kEos] = TokenType::control;
  SYN_TRY(ids, arena.zeroed<int32_t>(2, "tokenizer ids"));
  ids[0] = kBos, ids[1] = kEos;
  spec.unk_id = kUnk, spec.bos_id = kBos, spec.eos_id = kEos;
  spec.prefix = ids.first(1), spec.end_ids = ids.last(1);
  SYN_TRY(added, arena.zeroed<AddedToken>(2, "added tokens"));
  for (size_t i = 0; i < added.size(); ++i) {
    added[i].id = ids[i], added[i].text = tokens[size_t(ids[i])], added[i].special = true;
  }
  spec.added = added;
  return spec;
}

}  // namespace synapse
