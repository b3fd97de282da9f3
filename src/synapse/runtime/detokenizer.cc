// Decoding: the bytes of one token, and a stream of tokens as text that is valid UTF-8 at every step.
#include <algorithm>

#include "synapse/runtime/tokenizer_impl.h"
#include "synapse/runtime/unicode.h"

namespace synapse {
namespace {

constexpr std::string_view kSpace = "\u2581";
constexpr std::string_view kReplacement = "\uFFFD";

// Maps GPT-2's letters back to bytes; a text with any other character is written as it is.
size_t write_letters(std::string_view text, char* out) {
  size_t n = 0;
  for (size_t at = 0; at < text.size();) {
    const CodePoint c = decode_utf8(text, at);
    const int32_t byte = letter_to_byte(c.value);
    if (byte < 0) {
      std::copy(text.begin(), text.end(), out);
      return text.size();
    }
    out[n++] = char(byte);
    at += c.bytes;
  }
  return n;
}

size_t write_spaced(std::string_view text, char* out) {
  size_t n = 0;
  for (size_t at = 0; at < text.size();) {
    const bool space = text.substr(at, kSpace.size()) == kSpace;
    out[n++] = space ? ' ' : text[at];
    at += space ? kSpace.size() : 1;
  }
  return n;
}

// The first piece of a word has a space before it, but what cleaned text writes close to the word before.
size_t write_piece(const TokenizerSpec& spec, std::string_view text, char* out) {
  constexpr std::string_view kClose[] = {".", "?", "!", ",", "n't", "'m", "'s", "'ve", "'re"};
  const bool next = !spec.next_prefix.empty() && text.starts_with(spec.next_prefix);
  const bool first = spec.next_prefix.empty() ? text.starts_with(spec.first_prefix) : !next;
  text.remove_prefix(next ? spec.next_prefix.size() : first ? spec.first_prefix.size() : 0);
  const bool close = spec.clean_spaces && std::find(std::begin(kClose), std::end(kClose), text) != std::end(kClose);
  const bool space = first && !close;
  if (space) *out = ' ';
  return size_t(std::copy(text.begin(), text.end(), out + space) - out);
}

// CLIP's: the last piece of a word is followed by a space.
size_t write_suffixed(std::string_view suffix, std::string_view text, char* out) {
  if (suffix.empty() || !text.ends_with(suffix)) return write_letters(text, out);
  text.remove_suffix(suffix.size());
  const size_t n = write_letters(text, out);
  out[n] = ' ';
  return n + 1;
}

size_t write_normal(const TokenizerSpec& spec, std::string_view text, char* out) {
  switch (spec.kind) {
    case TokenizerKind::byte_bpe: return write_suffixed(spec.word_suffix, text, out);
    case TokenizerKind::wordpiece: return write_piece(spec, text, out);
    case TokenizerKind::trie: return text.copy(out, text.size());
    default: return write_spaced(text, out);
  }
}

// Bytes of the UTF-8 character that `first` begins, 0 when it begins none.
size_t wanted_bytes(uint8_t first) {
  return first < 0x80 ? 1 : first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
}

// Whether these bytes can still become a character: decode_utf8 would accept them with some continuation.
bool is_prefix(const uint8_t* bytes, size_t n) {
  const size_t wanted = wanted_bytes(bytes[0]);
  if (n >= wanted) return false;
  for (size_t i = 1; i < n; ++i) {
    if ((bytes[i] & 0xC0) != 0x80) return false;
  }
  if (n < 2) return true;
  const uint8_t a = bytes[0], b = bytes[1];
  return !(a == 0xE0 && b < 0xA0) && !(a == 0xED && b > 0x9F) && !(a == 0xF0 && b < 0x90) && !(a == 0xF4 && b > 0x8F);
}

}  // namespace

size_t Tokenizer::max_piece_bytes() const { return impl_->vocabulary.max_token_bytes() + 1; }

size_t Tokenizer::piece(int32_t id, bool show_special, char* out) const {
  const std::string_view text = token_text(id);
  switch (token_type(id)) {
    case TokenType::control:
    case TokenType::unknown:
      if (!show_special) return 0;
      [[fallthrough]];
    case TokenType::user_defined:
      return std::copy(text.begin(), text.end(), out) - out;
    case TokenType::byte:
      return out[0] = char(byte_token_value(text)), 1;
    default:
      return write_normal(impl_->spec, text, out);
  }
}

Detokenizer::Detokenizer(const Tokenizer& tokenizer, bool show_special)
    : tokenizer_(&tokenizer), show_special_(show_special) {}

void Detokenizer::reset() {
  at_start_ = true;
  n_pending_ = 0;
}

size_t Detokenizer::push(int32_t id, char* out) {
  // The piece waits at the far end of `out` while its text is written from the front: text takes three bytes for
  // each byte of the piece at most, so the front never reaches what is still unread.
  const size_t capacity = tokenizer_->max_piece_bytes() * 3 + 16;
  char* piece = out + capacity - tokenizer_->max_piece_bytes();
  size_t n_piece = tokenizer_->piece(id, show_special_, piece);
  if (n_piece == 0) return 0;
  if (at_start_ && tokenizer_->strips_space_prefix() && piece[0] == ' ') {
    ++piece;
    --n_piece;
  }
  at_start_ = false;

  size_t n = 0;
  for (size_t i = 0; i < n_piece;) {
    pending_[n_pending_++] = uint8_t(piece[i++]);
    while (n_pending_ > 0) {
      const std::string_view waiting(reinterpret_cast<const char*>(pending_), n_pending_);
      const CodePoint c = decode_utf8(waiting, 0);
      if (c.value < kInvalidByte) {
        for (size_t k = 0; k < n_pending_; ++k) out[n++] = char(pending_[k]);
        n_pending_ = 0;
      } else if (is_prefix(pending_, n_pending_)) {
        break;
      } else {
        // One U+FFFD for the longest start of a character that came to nothing (Unicode, 3.9); the byte that
        // ended it is looked at again.
        const size_t gone = n_pending_ > 1 ? n_pending_ - 1u : 1u;
        n += kReplacement.copy(out + n, kReplacement.size());
        pending_[0] = pending_[gone];
        n_pending_ = uint8_t(n_pending_ - gone);
      }
    }
  }
  return n;
}

size_t Detokenizer::finish(char* out) {
  const size_t n = n_pending_ > 0 ? kReplacement.copy(out, kReplacement.size()) : 0;
  n_pending_ = 0;
  return n;
}

}  // namespace synapse
