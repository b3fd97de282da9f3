#include "text_ids.h"

#include <algorithm>

namespace synapse::cli {

Result<TextIds> TextIds::read(std::string_view text, const Vocabulary& vocabulary) {
  TextIds out;
  const EncodeOptions options{.add_special = true, .parse_special = false};
  SYN_TRY(ids, vocabulary.encode(text, options));
  SYN_TRY(frame, vocabulary.encode("", options));
  out.ids = std::move(ids);
  out.bos_id = vocabulary.tokenizer->bos_id();
  out.adds_bos = !frame.empty() && frame[0] == out.bos_id;
  return out;
}

std::vector<int32_t> TextIds::window(const Window& w, bool begin_anew) const {
  std::vector<int32_t> part(ids.begin() + w.first, ids.begin() + w.first + w.n);
  if (begin_anew && adds_bos) part[0] = bos_id;
  return part;
}

Result<int32_t> use_window(Engine& engine, Engine* other) {
  constexpr int32_t kUsual = 512;
  int32_t longest = engine.model().config().max_seq_len;
  if (other) longest = std::min(longest, other->model().config().max_seq_len);
  const int32_t asked = engine.flags().ctx_size;
  if (asked > longest) return fail(Code::invalid, "window: ", asked, " tokens, the model's context is ", longest);
  const int32_t window = asked ? asked : std::min(kUsual, longest);
  engine.flags().ctx_size = window;
  if (other) other->flags().ctx_size = window;
  return window;
}

}  // namespace synapse::cli
