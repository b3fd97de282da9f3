#include "synapse/model/read_config.h"

namespace synapse {
namespace {

constexpr int32_t kRequired = -1;

// {arch}.<key> -> an integer of Config. `fallback` stands in when the key is absent.
struct IntField {
  std::string_view key;
  int32_t Config::*field;
  int32_t least, most;
  int32_t fallback;
};

constexpr IntField kInts[] = {
    {"block_count", &Config::n_layers, 1, 4096, kRequired},
    {"embedding_length", &Config::dim, 1, 1 << 20, kRequired},
    {"feed_forward_length", &Config::hidden_dim, 1, 1 << 22, kRequired},
    {"attention.head_count", &Config::n_heads, 1, 1 << 14, kRequired},
    {"attention.head_count_kv", &Config::n_kv_heads, 1, 1 << 14, 0},  // 0: as many as heads
    {"attention.key_length", &Config::head_dim, 1, 1 << 14, 0},       // 0: dim / heads
    {"rope.dimension_count", &Config::n_rot, 2, 1 << 14, 0},          // 0: the whole head
    {"context_length", &Config::max_seq_len, 1, 1 << 28, kRequired},
    {"attention.sliding_window", &Config::window, 0, 1 << 28, 0},
    {"expert_count", &Config::n_experts, 0, 1 << 14, 0},
    {"expert_used_count", &Config::n_experts_used, 0, 1 << 14, 0},
    {"expert_feed_forward_length", &Config::expert_hidden_dim, 1, 1 << 22, 0},        // 0: feed_forward_length
    {"expert_shared_feed_forward_length", &Config::shared_hidden_dim, 1, 1 << 22, 0},  // 0: as an expert
};

struct FloatField {
  std::string_view key;
  float Config::*field;
  double least, most;
};

constexpr FloatField kFloats[] = {
    {"attention.layer_norm_rms_epsilon", &Config::norm_eps, 0, 1},
    {"attention.layer_norm_epsilon", &Config::norm_eps, 0, 1},
    {"rope.freq_base", &Config::rope_theta, 1, 1e12},
    {"expert_weights_scale", &Config::expert_weights_scale, 0, 1e6},
};

struct Reader {
  const Checkpoint& checkpoint;
  Faults& faults;

  Text<128> full(std::string_view key) const { return Text<128>(checkpoint.architecture(), ".", key); }
  const MetaValue* find(std::string_view key) const { return checkpoint.find(full(key)); }

  void read(const IntField& f, Config& c) const {
    const MetaValue* value = find(f.key);
    c.*f.field = f.fallback == kRequired ? 0 : f.fallback;
    if (!value) {
      if (f.fallback == kRequired) faults.add(full(f.key).view(), ": missing");
      return;
    }
    const auto n = value->as_int();
    if (!n) {
      faults.add(full(f.key).view(), ": not an integer");
    } else if (*n < f.least || *n > f.most) {
      faults.add(full(f.key).view(), ": ", *n, ", wanted ", f.least, " to ", f.most);
    } else {
      c.*f.field = int32_t(*n);
    }
  }

  void read(const FloatField& f, Config& c) const {
    const MetaValue* value = find(f.key);
    if (!value) return;
    const auto x = value->as_float();
    if (!x) {
      faults.add(full(f.key).view(), ": not a number type");
    } else if (!(*x >= f.least && *x <= f.most)) {  // a NaN fails too
      faults.add(full(f.key).view(), ": ", *x, ", wanted ", f.least, " to ", f.most);
    } else {
      c.*f.field = float(*x);
    }
  }

  void read_expert_weights_norm(Config& c) const {
    const MetaValue* value = find("expert_weights_norm");
    if (!value) return;
    c.expert_weights_norm = value->as_bool();
    if (!c.expert_weights_norm) faults.add(full("expert_weights_norm").view(), ": not true or false");
  }

  void read_rope_scaling(Config& c) const {
    const MetaValue* type = find("rope.scaling.type");
    const std::string_view name = type ? type->as_text().value_or("?") : "none";
    if (name == "none") return;
    if (name != "linear") return faults.add(full("rope.scaling.type").view(), ": ", name, ", wanted none or linear");
    const MetaValue* factor = find("rope.scaling.factor");
    const auto x = factor ? factor->as_float() : std::nullopt;
    if (!x || !(*x > 0 && *x <= 1e6)) return faults.add(full("rope.scaling.factor").view(), ": wanted 0 to 1000000");
    c.rope_linear = float(*x);
  }
};

}  // namespace

Config read_config(const Checkpoint& checkpoint, Faults& faults) {
  const Reader reader{checkpoint, faults};
  Config c;
  for (const IntField& f : kInts) reader.read(f, c);
  for (const FloatField& f : kFloats) reader.read(f, c);
  reader.read_rope_scaling(c);
  reader.read_expert_weights_norm(c);
  if (!reader.find(kFloats[0].key) && !reader.find(kFloats[1].key)) faults.add(reader.full(kFloats[0].key).view(), ": missing");
  if (!faults.none()) return c;

  if (!c.n_kv_heads) c.n_kv_heads = c.n_heads;
  if (!c.head_dim) {
    if (c.dim % c.n_heads) faults.add("embedding_length ", c.dim, " is no multiple of head_count ", c.n_heads);
    c.head_dim = c.dim / c.n_heads;
  }
  if (!c.n_rot) c.n_rot = c.head_dim;
  if (!c.expert_hidden_dim) c.expert_hidden_dim = c.hidden_dim;
  if (!c.shared_hidden_dim) c.shared_hidden_dim = c.expert_hidden_dim;
  if (c.n_experts && (c.n_experts_used < 1 || c.n_experts_used > c.n_experts))
    faults.add(reader.full("expert_used_count").view(), ": ", c.n_experts_used, ", wanted 1 to the expert_count ", c.n_experts);
  if (c.n_heads % c.n_kv_heads) faults.add("head_count ", c.n_heads, " is no multiple of head_count_kv ", c.n_kv_heads);
  if (c.n_rot > c.head_dim || c.n_rot % 2)
    faults.add("rope.dimension_count: ", c.n_rot, ", wanted an even number up to the head's ", c.head_dim);
  if (int64_t(c.n_heads) * c.head_dim > (1 << 24)) faults.add("head_count ", c.n_heads, " x key_length ", c.head_dim, ": too large");
  const MetaValue* v = reader.find("attention.value_length");
  if (v && v->as_int() != c.head_dim)
    faults.add(reader.full("attention.value_length").view(), ": wanted the key_length ", c.head_dim);

  const Tensor* embedding = checkpoint.tensor("token_embd.weight");
  if (!embedding) {
    faults.add("token_embd.weight: missing");
  } else if (embedding->rank != 2) {
    faults.add("token_embd.weight: shape ", embedding->shape(), ", wanted (vocabulary, ", c.dim, ")");
  } else {
    c.vocab_size = embedding->rows();
  }
  return c;
}

}  // namespace synapse
