#include "synapse/runtime/resume.h"

#include <algorithm>

namespace synapse {
namespace {

// Walks tokens as bytes.
struct Walk {
  const Tokenizer& tokenizer;
  std::span<const int32_t> ids;
  char* buffer;
  size_t n_taken = 0;          // tokens whose bytes were loaded
  std::string_view left = {};  // bytes of the last of them that were not compared yet

  bool done() const { return n_taken == ids.size(); }
  // False at the end and at a token that is not text.
  bool load() {
    if (done()) return false;
    const int32_t id = ids[n_taken];
    const TokenType type = tokenizer.token_type(id);
    if (type == TokenType::control || type == TokenType::unknown) return false;
    ++n_taken;
    left = {buffer, tokenizer.piece(id, true, buffer)};
    return true;
  }
};

}  // namespace

size_t resume_scratch_bytes(const Tokenizer& tokenizer) { return 2 * (tokenizer.max_piece_bytes() + Arena::kAlign); }

Result<Resume> resume_point(const Tokenizer& tokenizer, std::span<const int32_t> read, std::span<const int32_t> wanted,
                            Arena& scratch) {
  const size_t mark = scratch.mark();
  char* buffers[] = {scratch.array<char>(tokenizer.max_piece_bytes()), scratch.array<char>(tokenizer.max_piece_bytes())};
  scratch.rewind(mark);  // nothing else takes from it until we are done
  if (!buffers[0] || !buffers[1]) return fail(Code::out_of_memory, "resume: no room for two tokens");
  Walk a{tokenizer, read, buffers[0]}, b{tokenizer, wanted, buffers[1]};
  Resume best;
  while (true) {
    if (a.left.empty() && b.left.empty()) {
      best = {a.n_taken, b.n_taken};
      if (a.done() || b.done()) return best;
      if (read[a.n_taken] == wanted[b.n_taken]) {
        ++a.n_taken, ++b.n_taken;
        continue;
      }
    }
    if (a.left.empty() && !a.load()) return best;
    if (b.left.empty() && !b.load()) return best;
    const size_t n = std::min(a.left.size(), b.left.size());
    if (a.left.substr(0, n) != b.left.substr(0, n)) return best;
    a.left.remove_prefix(n), b.left.remove_prefix(n);
  }
}

}  // namespace synapse
