// The parts of a tokenizer.json, read one by one into a spec. Private to import/tokenizer_json*.cc.
#pragma once
#include <string_view>
#include <vector>

#include "synapse/base/json.h"
#include "synapse/runtime/tokenizer.h"

namespace synapse::tokenizer_json {

inline constexpr std::string_view kSpace = "\u2581";

template <typename... Parts>
Status unsupported(const Parts&... parts) {
  return fail(Code::unsupported, "tokenizer.json: ", parts...);
}
template <typename... Parts>
Status corrupt(const Parts&... parts) {
  return fail(Code::corrupt, "tokenizer.json: ", parts...);
}

template <typename T>
Result<std::span<T>> make_table(size_t n, Arena& arena) {
  T* p = arena.array<T>(n);
  if (!p) return fail(Code::out_of_memory, "tokenizer.json: no room for ", n, " entries");
  std::fill_n(p, n, T{});
  return std::span<T>(p, n);
}

inline bool flag(JsonValue v, bool missing) { return v.as_bool().value_or(missing); }

// A step, or the steps of a Sequence (in `list`), however nested; null gives none.
void flatten(JsonValue step, std::string_view list, std::vector<JsonValue>& out);

int32_t find_token(const TokenizerSpec& spec, std::string_view text);  // -1 when absent

// In this order. The kind of a BPE is none until its pre-tokenizer is known; spaces_replaced: " " becomes U+2581.
Status read_model(JsonValue root, TokenizerSpec& spec, Arena& arena);
Status read_normalizer(JsonValue normalizer, TokenizerSpec& spec, bool& spaces_replaced, Arena& arena);
Status read_pre_tokenizer(JsonValue pre_tokenizer, bool spaces_replaced, TokenizerSpec& spec, Arena& arena);
Status read_post_processor(JsonValue processor, TokenizerSpec& spec, Arena& arena);
Status read_decoder(JsonValue decoder, TokenizerSpec& spec);

}  // namespace synapse::tokenizer_json
