#include "synapse/runtime/unigram.h"

#include <algorithm>

#include "synapse/runtime/unicode.h"

namespace synapse {
namespace {

// The best way to write the text up to here: its last token and where that began.
struct Node {
  double score;
  uint32_t begin;
  int32_t id;
};
constexpr uint32_t kNowhere = UINT32_MAX;

}  // namespace

Result<size_t> best_tokens(const Unigram& model, std::string_view word, Symbol* symbols, Arena& scratch) {
  static_assert(sizeof(Node) == 16);
  const size_t mark = scratch.mark(), n = word.size();
  Node* nodes = scratch.array<Node>(n + 1);
  if (!nodes) return fail(Code::out_of_memory, "tokenizer: no room for a word of ", n, " bytes");
  std::fill_n(nodes, n + 1, Node{0, kNowhere, -1});
  const double unknown = model.least - Unigram::kUnknownPenalty;
  for (size_t at = 0; at < n;) {
    const size_t bytes = decode_utf8(word, at).bytes;
    const double before = nodes[at].score;
    const auto offer = [&](size_t end, double score, int32_t id) {
      if (nodes[end].begin == kNowhere || score > nodes[end].score) nodes[end] = {score, uint32_t(at), id};
    };
    bool is_token = false;
    model.index.prefixes(model.vocabulary, word.substr(at), true, [&](int32_t id, size_t size) {
      offer(at + size, before + model.log_probs[size_t(id)], id);
      is_token |= size == bytes;
    });
    if (!is_token) offer(at + bytes, before + unknown, -1);
    at += bytes;
  }
  size_t count = 0;
  for (size_t end = n; end > 0; end = nodes[end].begin) symbols[count++] = {nodes[end].begin, nodes[end].id};
  std::reverse(symbols, symbols + count);
  symbols[count] = {uint32_t(n), -1};
  scratch.rewind(mark);
  return count;
}

}  // namespace synapse
