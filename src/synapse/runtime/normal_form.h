// The normal forms of Unicode Standard Annex 15, over text that may hold invalid bytes.
#pragma once
#include <string_view>

#include "synapse/base/arena.h"
#include "synapse/base/status.h"

namespace synapse {

struct NormalForm {
  bool compose;    // what can be one code point is
  bool compatible; // what looks the same is the same: ligatures, full width letters, superscripts
};
inline constexpr NormalForm kNfc = {true, false}, kNfd = {false, false}, kNfkc = {true, true}, kNfkd = {false, true};

// The text in this form, invalid bytes unchanged; a view of `text` when nothing can change, else of the arena, which
// gives normal_form_bytes() at most while it works and keeps normal_form_growth() bytes a byte.
Result<std::string_view> to_normal_form(std::string_view text, NormalForm form, Arena& arena);

constexpr size_t normal_form_growth(NormalForm form) { return form.compatible ? 11 : 3; }  // U+FDFA, U+1D160
constexpr size_t normal_form_bytes(NormalForm form, size_t text_bytes) {
  return (form.compatible ? 60 : 16) * text_bytes + 256;
}

}  // namespace synapse
