#include "tokenizer_cases.h"

#include "hex.h"
#include "synapse/base/rng.h"
#include "synapse/platform/platform.h"
#include "synapse/runtime/normalize.h"
#include "synapse/runtime/pretokenize.h"
#include "synapse/runtime/tokenizer.h"
#include "synapse/runtime/unicode.h"

namespace synapse::conformance {
namespace {

constexpr size_t kChars = 4000, kTextBytes = 4 * kChars;

// Letters of many scripts, signs, digits, white space, invalid bytes: any code point now and then.
std::string_view make_text(char* out) {
  constexpr uint32_t kOften[] = {' ', ' ', ' ', '\n', 'a', 'b', 'B', 's', '1', '2', '\'', '.', '#', 0xE9, 0x301, 0x416, 0x4E00, 0x1F600};
  size_t n = 0;
  for (uint64_t i = 0; i < kChars; ++i) {
    const uint64_t r = random_bits(41, i);
    uint32_t c = kOften[(r >> 8) % std::size(kOften)];
    if (r % 4 == 0) c = uint32_t(r >> 16) % (kInvalidByte + 256);
    const bool alone = (c >= 0xD800 && c < 0xE000) || (c >= kInvalidByte && c < kInvalidByte + 0x80);
    n += encode_utf8(alone ? '?' : c, out + n);
  }
  return {out, n};
}

uint64_t cut(PreTokenizer kind, std::string_view text) {
  uint64_t h = hash64(nullptr, 0);
  for (size_t at = 0; at < text.size();) {
    at = word_end(kind, text, at);
    const auto end = uint32_t(at);
    h = hash64(&end, sizeof end, h);
  }
  return h;
}

Result<uint64_t> normal(NormalStep step, std::string_view text, Arena& arena) {
  const Normalizer steps[] = {{step, "a", "bb"}};
  SYN_TRY(done, normalize(steps, text, arena));
  return hash64(done.data(), done.size());
}

std::string_view kTokens[] = {"<unk>", "a", "b", "ab", "\u2581", "\u2581a", "1", "12", "\u00E9", ".", "\u4E00", "s", "\u2581b", "bs", "#"};
float kScores[] = {0, -2, -2.5f, -3, -1, -2.75f, -4, -4.5f, -3, -2, -5, -3, -2.25f, -4, -6};
double kLogProbs[] = {0, -2, -2.5, -3, -1, -2.75, -4, -4.5, -3, -2, -5, -3, -2.25, -4, -6};
TokenType kTypes[std::size(kTokens)] = {TokenType::unknown};
constexpr Normalizer kUncased[] = {{NormalStep::bert_clean},       {NormalStep::bert_chinese}, {NormalStep::nfd},
                                   {NormalStep::strip_nonspacing}, {NormalStep::lowercase}};

Result<uint64_t> ids(TokenizerKind kind, std::string_view text, Arena& arena) {
  std::fill(std::begin(kTypes) + 1, std::end(kTypes), TokenType::normal);
  TokenizerSpec spec;
  spec.kind = kind;
  spec.tokens = kTokens;
  spec.types = kTypes;
  spec.unk_id = 0;
  if (kind == TokenizerKind::spm_bpe) spec.scores = kScores;
  if (kind == TokenizerKind::unigram) spec.log_probs = kLogProbs;
  if (kind == TokenizerKind::wordpiece) spec.normalizers = kUncased, spec.pre = PreTokenizer::bert, spec.first_prefix = "\u2581";
  SYN_TRY(tokenizer, Tokenizer::build(spec, arena));
  SYN_TRY(room, arena.zeroed<int32_t>(tokenizer->max_ids(text.size()), "ids"));
  SYN_TRY(n, tokenizer->encode(text, {}, room, arena));
  return hash64(room.data(), n * sizeof(int32_t));
}

int32_t report(std::string_view name, size_t k, const Result<uint64_t>& digest) {
  platform::log_line(digest.ok() ? Text<128>("digest tokenizer.", name, '.', k, " ", hex(*digest).view())
                                 : Text<128>("FAILED tokenizer.", name, '.', k, ": ", digest.status().message()));
  return !digest.ok();
}

}  // namespace

int32_t run_tokenizer_cases() {
  constexpr size_t kArenaBytes = size_t(8) << 20;
  auto memory = platform::Reservation::make(kArenaBytes);
  if (!memory.ok()) return platform::log_line("no memory"), 1;
  Arena arena(memory->bytes().data(), kArenaBytes);
  char* bytes = arena.array<char>(kTextBytes);
  if (!bytes) return platform::log_line("no memory"), 1;
  const std::string_view text = make_text(bytes);
  const size_t mark = arena.mark();
  int32_t failed = 0;
  for (size_t k = 1; k < size_t(PreTokenizer::pattern); ++k) failed += report("cut", k, cut(PreTokenizer(k), text));
  for (size_t k = 0; k <= size_t(NormalStep::bert_chinese); ++k) {
    failed += report("normal", k, normal(NormalStep(k), text, arena));
    arena.rewind(mark);
  }
  for (size_t k = size_t(TokenizerKind::spm_bpe); k <= size_t(TokenizerKind::trie); ++k) {
    failed += report("ids", k, ids(TokenizerKind(k), text, arena));
    arena.rewind(mark);
  }
  return failed;
}

}  // namespace synapse::conformance
