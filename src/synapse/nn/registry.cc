// The kinds of block there are. A new one is a file and a row.
#include "synapse/nn/attention.h"
#include "synapse/nn/ffn.h"
#include "synapse/nn/moe_ffn.h"

namespace synapse {
namespace {

struct BlockKind {
  std::string_view name;
  const Block* (*make)(BlockParts&);
};

constexpr BlockKind kKinds[] = {
    {"attention", make_attention},
    {"ffn", make_ffn},
    {"moe_ffn", make_moe_ffn},
};

}  // namespace

const Block* make_block(std::string_view kind, BlockParts& parts) {
  for (const BlockKind& k : kKinds)
    if (k.name == kind) return k.make(parts);
  char text[128];
  TextBuffer known(text, sizeof text);
  for (const BlockKind& k : kKinds) known.append(' '), known.append(k.name);
  parts.faults.add("model.json: no block is called ", kind, "; there are:", known.view());
  return nullptr;
}

int32_t wiring_word(const BlockParts& parts, std::string_view key, std::span<const std::string_view> words,
                    int32_t fallback) {
  const JsonValue value = parts.wiring[key];
  if (value.is_null()) return fallback;
  for (size_t i = 0; i < words.size(); ++i)
    if (value.as_string() == words[i]) return int32_t(i);
  parts.faults.add("model.json: \"", key, "\" is \"", value.as_string(), "\", wanted one of ", words.size(), " words, ",
                   words[0], " the first");
  return fallback;
}

bool wiring_flag(const BlockParts& parts, std::string_view key, bool fallback) {
  const JsonValue value = parts.wiring[key];
  if (value.is_null()) return fallback;
  if (!value.is_bool()) parts.faults.add("model.json: \"", key, "\" is not true or false");
  return value.as_bool().value_or(fallback);
}

}  // namespace synapse
