// Text to token ids and back. Freestanding: everything lies in the arena it was built in, nothing is
// allocated afterwards. Built from a TokenizerSpec, which GGUF metadata (tokenizer_gguf.cc) or a
// Hugging Face tokenizer.json (import/tokenizer_json.cc) fills.
#pragma once
#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

#include "synapse/base/arena.h"
#include "synapse/io/checkpoint.h"

namespace synapse {

enum class TokenizerKind : uint8_t {
  none,
  byte_bpe,   // GPT-2 style bytes
  spm_bpe,    // SentencePiece BPE with byte fallback
  unigram,    // SentencePiece unigram: the most likely tokens
  wordpiece,  // BERT: the longest token at the front of a word, then of its rest
  trie,       // RWKV: the longest token at the front of the bytes
};

// The patterns: runtime/pretokenize.cc and pretokenize_pieces.cc.
enum class PreTokenizer : uint8_t {
  none,         // the text between added tokens is one word
  gpt2,
  llama3,
  qwen2,
  qwen35,
  o200k,        // GPT-4o; tekken is Mistral's; plain is the form whose modifier letters are no small ones
  o200k_plain,
  tekken,
  metaspace,    // a word begins at every space
  // From here on: what is found is a piece, and so is what lies between; other steps may cut both.
  digits,               // one \p{N}
  digits_by_3,          // \p{N}{1,3}
  digit_runs,           // \p{N}+
  byte_digit_runs,      // the same in GPT-2's letters of bytes
  three_ascii_digits,   // [0-9][0-9][0-9]
  punctuation,          // one of \p{P} and ASCII's symbols
  punctuation_runs,
  newlines,             // [\r\n]
  trailing_space,       // \s+$
  white_space,          // left out, as by bert and clip
  bert,                 // white space and punctuation
  clip,
  bloom,                //  ?[^(\s|.,!?…。，、।۔،)]+
  spaced_letters,       // \s?\p{L}+
  spaced_punctuation,   // \s?\p{P}+
  deepseek_letters,
  deepseek_marks,
  deepseek_cjk,
  deepseek_v3_cjk,
  deepseek_v3,
  pattern,              // the next of the spec's patterns
};

// Cuts one after the other: each cuts the pieces that the one before it made.
struct PreTokenizers {
  static constexpr size_t kMost = 8;
  PreTokenizer steps[kMost] = {};  // ended by none

  constexpr PreTokenizers() = default;
  constexpr PreTokenizers(std::initializer_list<PreTokenizer> list) { std::copy(list.begin(), list.end(), steps); }
  constexpr PreTokenizers(PreTokenizer one) : steps{one} {}
  constexpr size_t size() const { return size_t(std::find(steps, steps + kMost, PreTokenizer::none) - steps); }
  constexpr bool operator==(const PreTokenizers&) const = default;
};

// What matches the regular expressions that no PreTokenizer is. Hosted builds have one (import/pcre_pattern.h).
struct PatternEngine {
  struct Match {
    size_t begin, end;
  };
  size_t (*bytes)(std::string_view regex);                             // what compile takes at most
  Result<const void*> (*compile)(std::string_view regex, Arena& arena);
  // The first match at or after `from` that is not empty; begin is text.size() when there is none.
  Result<Match> (*find)(const void* compiled, std::string_view text, size_t from);
};
struct SplitPattern {
  std::string_view regex;
  bool keep_rest = true;    // what lies between the matches is a piece too
};

// One step of what is done to a text before it is cut.
enum class NormalStep : uint8_t {
  nfc, nfd, nfkc, nfkd,
  lowercase,
  strip_marks,       // \p{M}
  strip_nonspacing,  // Mn
  strip_left,        // every `from` at the ends, white space where there is none
  strip_right,
  replace,           // every `from` by `to`
  squeeze,           // two `from` or more by one `to`
  squeeze_space,     // white space by one `to`
  prepend,           // `to` before a text that is not empty
  bert_clean,        // controls and U+FFFD go, white space becomes ' '
  bert_chinese,      // CJK ideographs get a space on both sides
};
struct Normalizer {
  NormalStep step = NormalStep::nfc;
  std::string_view from = {}, to = {};
  constexpr bool operator==(const Normalizer&) const = default;
};

enum class TokenType : uint8_t { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6 };  // GGUF's

struct Merge {
  std::string_view left, right;
};

struct AddedToken {   // found in the text before anything else
  int32_t id = 0;
  std::string_view text;
  bool special = false;     // control: hidden from text output, parsed only when asked
  bool lstrip = false, rstrip = false;  // takes the white space on that side along
  bool single_word = false;             // only where no word character touches it
  bool normalized = false;              // found after normalisation, not before
};

struct TokenizerSpec {
  TokenizerKind kind = TokenizerKind::none;
  PreTokenizers pre;
  std::span<const Normalizer> normalizers;  // in order; spaces and U+2581 are the flags' below
  std::span<const SplitPattern> patterns;   // one for each PreTokenizer::pattern
  const PatternEngine* pattern_engine = nullptr;  // where there are patterns
  bool ignore_merges = false;       // a word that is a token needs no merging
  bool byte_fallback = false;       // a character without a token becomes the tokens <0xXX> of its bytes
  bool fuse_unk = false;            // neighbouring unknown characters share one unk_id
  bool add_space_prefix = false;    // "Hello" is encoded as " Hello"
  bool strip_space_prefix = false;  // and one leading space is dropped on decoding
  bool space_prefix_every_segment = false;  // after each added token too, not only at the start of the text
  bool space_prefix_if_missing = false;     // not before text that begins with a space
  std::span<std::string_view> tokens;       // by id, as stored (byte-level ones in the GPT-2 alphabet)
  std::span<float> scores;                  // by id; spm from GGUF; may be empty
  std::span<double> log_probs;              // by id; unigram, which adds them up as doubles
  std::string_view first_prefix, next_prefix;  // wordpiece: what tokens begin with at the front of a word, and after
  std::string_view word_suffix;             // byte_bpe: the last letter of a word has this text (CLIP's </w>)
  bool clean_spaces = false;                // wordpiece: decoding writes punctuation close to the word before
  int32_t max_word_chars = 100;             // wordpiece: a longer word is unknown
  std::span<TokenType> types;               // by id
  std::span<Merge> merges;                  // best first; when empty, spm merges by scores
  std::span<AddedToken> added;
  std::span<int32_t> prefix, suffix;        // ids put around one sequence (BOS, EOS)
  bool has_template = false;                // prefix and suffix are the file's own: a config does not change them
  int32_t bos_id = -1, eos_id = -1, unk_id = -1, pad_id = -1;
  std::span<int32_t> end_ids;               // every id that ends a generation, as this source knows them
};

// From GGUF's tokenizer.ggml.* keys. Views the checkpoint; tables in `arena`. kind is none when the
// file has no tokenizer.
Result<TokenizerSpec> tokenizer_spec(const Checkpoint& checkpoint, Arena& arena);

// Whether a control token of this text ends a generation, whatever the id keys of a file say.
bool ends_generation(std::string_view token);

// "<0x0A>" -> 10; -1 for anything else.
int32_t byte_token_value(std::string_view token);

struct TextRange {
  size_t begin, end;
};

struct EncodeOptions {
  bool add_special = true;     // the template's prefix and suffix
  bool parse_special = true;   // control tokens written in the text become their ids,
  std::span<const TextRange> literal = {};  // but for those that reach into these ranges: ascending, apart
};

class Tokenizer {
 public:
  // Copies what it needs into `arena`; the spec may go. Errors name the token and the rule it breaks.
  static Result<Tokenizer*> build(const TokenizerSpec& spec, Arena& arena);
  // What build takes from its arena for this spec, an upper bound within 10 %.
  static size_t bytes(const TokenizerSpec& spec);

  // The most ids of a text of this size, whatever is in it.
  size_t max_ids(size_t text_bytes) const;

  // Writes the ids of `text`. When `out` is too small nothing is lost: the error says how many ids
  // there are. `scratch` holds working memory and is rewound; encode_scratch_bytes(text.size()) suffices.
  Result<size_t> encode(std::string_view text, EncodeOptions options, std::span<int32_t> out, Arena& scratch) const;
  size_t encode_scratch_bytes(size_t text_bytes) const;

  int32_t vocab_size() const;
  std::string_view token_text(int32_t id) const;  // as stored
  TokenType token_type(int32_t id) const;
  int32_t find(std::string_view token) const;     // -1 when absent
  int32_t bos_id() const;
  int32_t eos_id() const;
  std::span<const int32_t> end_ids() const;

  // The bytes of one token, written to `out` (at most max_piece_bytes()); special tokens give none unless
  // `show_special`. A piece may end inside a UTF-8 character: see Detokenizer.
  size_t piece(int32_t id, bool show_special, char* out) const;
  size_t max_piece_bytes() const;
  bool strips_space_prefix() const;  // decoding drops one leading space

 private:
  friend class Encoder;  // runtime/tokenizer_encode.cc
  struct Impl;
  const Impl* impl_ = nullptr;
};

// Turns a stream of ids into text that is valid UTF-8 at every step: bytes of an unfinished character wait
// for the next token; bytes that cannot become valid are shown as U+FFFD.
class Detokenizer {
 public:
  Detokenizer(const Tokenizer& tokenizer, bool show_special);
  // Appends the text of one id to `out`, which must hold max_piece_bytes() * 3 + 16. Returns the bytes written.
  size_t push(int32_t id, char* out);
  size_t finish(char* out);  // what waits, as U+FFFD
  void reset();

 private:
  const Tokenizer* tokenizer_;
  bool show_special_;
  bool at_start_ = true;
  uint8_t pending_[4] = {};
  uint8_t n_pending_ = 0;
};

}  // namespace synapse
