// Order among values, by merging: an order that fails or contradicts itself does no harm.
#include <algorithm>

#include "synapse/runtime/jinja/run.h"
#include "synapse/runtime/jinja/text.h"
#include "synapse/runtime/unicode.h"

namespace synapse::jinja {

bool Run::sort(Keyed* items, size_t n, bool reverse) {
  Keyed* from = items;
  Keyed* to = make<Keyed>(n);
  if (!to) return false;
  for (size_t width = 1; width < n; width *= 2) {
    for (size_t begin = 0; begin < n; begin += 2 * width) {
      const size_t middle = std::min(begin + width, n), end = std::min(begin + 2 * width, n);
      size_t left = begin, right = middle;
      for (size_t at = begin; at < end; ++at) {
        int relation = -1;
        if (left < middle && right < end && !order(from[left].key, from[right].key, relation)) return false;
        if (reverse && left < middle && right < end) relation = -relation;
        const bool takes_left = left < middle && (right == end || relation <= 0);
        to[at] = takes_left ? from[left++] : from[right++];
      }
    }
    std::swap(from, to);
  }
  if (from != items) std::copy(from, from + n, items);
  return true;
}

bool Run::sort_dict(Dict& dict) {
  Keyed* sorted = make<Keyed>(dict.size);
  Entry* entries = make<Entry>(dict.size);
  if (!sorted || !entries) return false;
  for (uint32_t i = 0; i < dict.size; ++i) sorted[i] = {dict.entries[i].key, dict.entries[i].value};
  if (!sort(sorted, dict.size, false)) return false;
  for (uint32_t i = 0; i < dict.size; ++i) entries[i] = {sorted[i].key, sorted[i].value};
  dict.entries = entries;
  return true;
}

bool Run::fold_case(const Value& v, Value& out) {
  out = v;
  if (!v.is_string()) return true;
  const std::string_view text = v.view();
  const auto is_lower = [](char c) { return uint8_t(c) < 0x80 && (c < 'A' || c > 'Z'); };
  if (std::all_of(text.begin(), text.end(), is_lower)) return spend_bytes(text.size());
  Builder folded(*this);
  for (size_t at = 0; at < text.size();) {
    const CodePoint c = decode_utf8(text, at);
    if (!(c.value < kInvalidByte ? folded.add_point(to_lower(c.value)) : folded.add(text[at]))) return false;
    at += c.bytes;
  }
  return spend_points(text.size()) && (out = folded.value(), true);
}

}  // namespace synapse::jinja
