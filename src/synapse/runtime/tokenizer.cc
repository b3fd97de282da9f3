// What a built tokenizer says about its tokens, and the alphabets that texts of tokens are written in.
#include "synapse/runtime/tokenizer.h"

#include <algorithm>

#include "synapse/runtime/tokenizer_impl.h"

namespace synapse {
namespace {

constexpr std::string_view kEndTexts[] = {"<|im_end|>",    "<|eot_id|>",      "<|eom_id|>",      "<|end|>",
                                          "<end_of_turn>", "<|endoftext|>",   "<|end_of_text|>", "<|eot|>",
                                          "<|return|>"};

// The 188 bytes that print stand for themselves, the others for U+0100 onwards.
struct Alphabet {
  uint16_t letter[256] = {};
  int16_t byte[0x144] = {};
  constexpr Alphabet() {
    for (int16_t& b : byte) b = -1;
    uint16_t next = 0x100;
    for (uint16_t b = 0; b < 256; ++b) {
      const bool prints = (b >= 33 && b <= 126) || (b >= 161 && b != 173);
      letter[b] = prints ? b : next++;
      byte[letter[b]] = int16_t(b);
    }
  }
};
constexpr Alphabet kAlphabet;

}  // namespace

uint32_t byte_to_letter(uint8_t byte) { return kAlphabet.letter[byte]; }
int32_t letter_to_byte(uint32_t c) { return c < 0x144 ? kAlphabet.byte[c] : -1; }

bool ends_generation(std::string_view token) {
  return std::find(std::begin(kEndTexts), std::end(kEndTexts), token) != std::end(kEndTexts);
}

int32_t byte_token_value(std::string_view text) {
  if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>') return -1;
  int32_t value = 0;
  for (const char c : text.substr(3, 2)) {
    const int32_t digit = c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

int32_t Tokenizer::vocab_size() const { return impl_->vocabulary.size(); }
std::string_view Tokenizer::token_text(int32_t id) const {
  SYN_CHECK(id >= 0 && id < vocab_size());
  return impl_->vocabulary.text(id);
}
TokenType Tokenizer::token_type(int32_t id) const {
  SYN_CHECK(id >= 0 && id < vocab_size());
  return impl_->types[size_t(id)];
}
int32_t Tokenizer::find(std::string_view token) const { return impl_->vocabulary.find(token); }
int32_t Tokenizer::bos_id() const { return impl_->spec.bos_id; }
bool Tokenizer::strips_space_prefix() const { return impl_->spec.strip_space_prefix; }
int32_t Tokenizer::eos_id() const { return impl_->spec.eos_id; }
std::span<const int32_t> Tokenizer::end_ids() const { return impl_->spec.end_ids; }

}  // namespace synapse
