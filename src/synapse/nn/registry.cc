// The kinds of block there are. A new one is a file and a row.
#include "synapse/nn/attention.h"
#include "synapse/nn/ffn.h"
#include "synapse/nn/gated_delta_net.h"
#include "synapse/nn/mamba.h"
#include "synapse/nn/mamba2.h"
#include "synapse/nn/moe_ffn.h"
#include "synapse/nn/parallel.h"
#include "synapse/nn/rwkv7.h"

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
    {"parallel", make_parallel},
    {"mamba", make_mamba},
    {"mamba2", make_mamba2},
    {"gated_delta_net", make_gated_delta_net},
    {"rwkv7_time_mix", make_rwkv7_time_mix},
    {"rwkv7_channel_mix", make_rwkv7_channel_mix},
};

// What "when" can ask of a layer.
struct Property {
  std::string_view name;
  bool (*holds)(const Config& c, int32_t layer);
};

constexpr Property kProperties[] = {
    {"sliding", [](const Config& c, int32_t i) { return c.layer(i).sliding; }},
    {"full", [](const Config& c, int32_t i) { return !c.layer(i).sliding; }},
    {"recurrent", [](const Config& c, int32_t i) { return c.layer(i).recurrent; }},
    {"attention", [](const Config& c, int32_t i) { return !c.layer(i).recurrent; }},
    {"moe", [](const Config& c, int32_t i) { return c.layer(i).moe; }},
    {"dense", [](const Config& c, int32_t i) { return !c.layer(i).moe; }},
    {"parallel", [](const Config& c, int32_t) { return c.parallel_residual; }},
    {"sequential", [](const Config& c, int32_t) { return !c.parallel_residual; }},
};

bool holds(JsonValue when, const BlockParts& parts) {
  if (when.is_null()) return true;
  for (const Property& p : kProperties)
    if (p.name == when.as_string()) return p.holds(parts.config, parts.layer);
  char text[128];
  TextBuffer known(text, sizeof text);
  for (const Property& p : kProperties) known.append(' '), known.append(p.name);
  parts.faults.add("model.json: \"when\" is \"", when.as_string(), "\", wanted one of:", known.view());
  return false;
}

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

size_t make_blocks(JsonValue list, const BlockParts& parts, std::span<const Block*> out) {
  size_t n = 0;
  for (JsonValue wiring : list.elements()) {
    if (!holds(wiring["when"], parts)) continue;
    BlockParts one = parts;
    one.wiring = wiring;
    out[n++] = make_block(wiring["block"].as_string(), one);
  }
  return n;
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
