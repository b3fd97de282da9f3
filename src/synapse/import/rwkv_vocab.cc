#include "synapse/import/rwkv_vocab.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>

#include "synapse/runtime/unicode.h"
#include "synapse/runtime/vocabulary.h"

namespace synapse {
namespace {

size_t count_lines(std::string_view text) { return size_t(std::count(text.begin(), text.end(), '\n')) + 1; }

// Ids may leave holes, but not many.
size_t most_tokens(size_t n_lines) { return std::min(2 * n_lines + 65536, size_t(Vocabulary::kMaxTokens)); }

template <typename T>
std::optional<T> number(std::string_view digits, int base = 10) {
  T value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

// What \x.. \u.... \U........ stand for, and how many digits they have.
constexpr std::pair<char, size_t> kHexEscapes[] = {{'x', 2}, {'u', 4}, {'U', 8}};

// The bytes of a literal, at most as many as it has; nullopt when it is none.
std::optional<std::string> literal(std::string_view text) {
  const bool is_bytes = text.starts_with('b');
  if (is_bytes) text.remove_prefix(1);
  if (text.size() < 2 || text.front() != text.back() || (text.front() != '\'' && text.front() != '"')) return std::nullopt;
  text = text.substr(1, text.size() - 2);
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    if (++i == text.size()) return std::nullopt;
    const char c = text[i];
    const auto* hex = std::find_if(std::begin(kHexEscapes), std::end(kHexEscapes), [c](const auto& h) { return h.first == c; });
    if (hex == std::end(kHexEscapes)) {
      out += c == 't' ? '\t' : c == 'n' ? '\n' : c == 'r' ? '\r' : c;
      continue;
    }
    const auto value = text.size() - i > hex->second ? number<uint32_t>(text.substr(i + 1, hex->second), 16) : std::nullopt;
    if (!value || *value >= kInvalidByte || (is_bytes && c != 'x')) return std::nullopt;
    i += hex->second;
    char utf8[4];
    is_bytes ? out += char(*value) : out.append(utf8, encode_utf8(*value, utf8));
  }
  return out;
}

template <typename... Parts>
Status corrupt(size_t line, const Parts&... parts) {
  return fail(Code::corrupt, "rwkv vocabulary: line ", line, ": ", parts...);
}

}  // namespace

size_t rwkv_vocab_arena_bytes(std::span<const uint8_t> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return text.size() + most_tokens(count_lines(text)) * (sizeof(std::string_view) + sizeof(TokenType)) + 4096;
}

Result<TokenizerSpec> read_rwkv_vocab(std::span<const uint8_t> bytes, Arena& arena) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const size_t most = most_tokens(count_lines(text));
  SYN_TRY(tokens, arena.zeroed<std::string_view>(most, "rwkv vocabulary"));
  SYN_TRY(types, arena.zeroed<TokenType>(most, "rwkv vocabulary"));
  SYN_TRY(end, arena.zeroed<int32_t>(1, "rwkv vocabulary"));
  std::fill(types.begin(), types.end(), TokenType::unused);
  size_t n = 1, line_number = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t next = std::min(text.find('\n', at), text.size());
    std::string_view line = text.substr(at, next - at);
    if (line.ends_with('\r')) line.remove_suffix(1);
    at = next + 1;
    ++line_number;
    if (line.empty()) continue;
    const size_t first = line.find(' '), last = line.rfind(' ');
    if (first == line.npos || first == last) return corrupt(line_number, "wanted an id, a literal and a size");
    const auto id = number<size_t>(line.substr(0, first)), size = number<size_t>(line.substr(last + 1));
    if (!id || *id == 0 || *id >= most) return corrupt(line_number, "id ", line.substr(0, first), ", wanted 1 to ", most - 1);
    const auto token = literal(line.substr(first + 1, last - first - 1));
    if (!token || !size || token->size() != *size || token->empty()) {
      return corrupt(line_number, "the literal is not of ", line.substr(last + 1), " bytes");
    }
    char* copy = arena.array<char>(token->size());
    if (!copy) return fail(Code::out_of_memory, "rwkv vocabulary: no room for ", token->size(), " bytes");
    token->copy(copy, token->size());
    tokens[*id] = {copy, token->size()};
    types[*id] = TokenType::normal;
    n = std::max(n, *id + 1);
  }
  types[0] = TokenType::control;
  TokenizerSpec spec;
  spec.kind = TokenizerKind::trie;
  spec.tokens = tokens.first(n);
  spec.types = types.first(n);
  spec.end_ids = end;  // id 0
  spec.eos_id = 0;
  return spec;
}

}  // namespace synapse
