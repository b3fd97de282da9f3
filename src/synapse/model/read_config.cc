#include "synapse/model/read_config.h"

#include <optional>

#include "synapse/base/math.h"

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
    {"block_count", &Config::n_layers, 1, kMaxLayers, kRequired},
    {"embedding_length", &Config::dim, 1, 1 << 20, kRequired},
    {"feed_forward_length", &Config::hidden_dim, 0, 1 << 22, 0},      // blocks that need it say so
    {"attention.head_count", &Config::n_heads, 0, 1 << 14, 0},        // likewise
    {"attention.head_count_kv", &Config::n_kv_heads, 0, 1 << 14, 0},  // 0: as many as heads
    {"attention.key_length", &Config::head_dim, 1, 1 << 14, 0},       // 0: dim / heads
    {"rope.dimension_count", &Config::n_rot, 0, 1 << 14, 0},          // 0: the whole head
    {"context_length", &Config::max_seq_len, 1, 1 << 28, kRequired},
    {"attention.sliding_window", &Config::window, 0, 1 << 28, 0},
    {"ssm.conv_kernel", &Config::ssm_conv, 1, 1 << 8, 0},
    {"ssm.inner_size", &Config::ssm_inner, 1, 1 << 18, 0},
    {"ssm.state_size", &Config::ssm_state, 1, 1 << 12, 0},
    {"ssm.time_step_rank", &Config::ssm_dt_rank, 1, 1 << 16, 0},
    {"ssm.group_count", &Config::ssm_groups, 0, 1 << 14, 0},
    {"wkv.head_size", &Config::wkv_head_dim, 1, 1 << 12, 0},
    {"attention.decay_lora_rank", &Config::lora_decay, 0, 1 << 14, 0},
    {"attention.iclr_lora_rank", &Config::lora_iclr, 0, 1 << 14, 0},
    {"attention.value_residual_mix_lora_rank", &Config::lora_value, 0, 1 << 14, 0},
    {"attention.gate_lora_rank", &Config::lora_gate, 0, 1 << 14, 0},
    {"expert_count", &Config::n_experts, 0, 1 << 14, 0},
    {"expert_used_count", &Config::n_experts_used, 0, 1 << 14, 0},
    {"expert_feed_forward_length", &Config::expert_hidden_dim, 1, 1 << 22, 0},        // 0: feed_forward_length
    {"expert_shared_feed_forward_length", &Config::shared_hidden_dim, 0, 1 << 22, 0},  // 0: as an expert
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
    {"rope.freq_base_swa", &Config::rope_theta_swa, 0, 1e12},
    {"rope.scaling.attn_factor", &Config::rope_factor, 1e-6, 1e6},
    {"rope.scaling.yarn_beta_slow", &Config::yarn_beta_slow, 1e-6, 1e6},
    {"rope.scaling.yarn_beta_fast", &Config::yarn_beta_fast, 1e-6, 1e6},
    {"embedding_scale", &Config::embedding_scale, -1e6, 1e6},
    {"residual_scale", &Config::residual_scale, -1e6, 1e6},
    {"attention.scale", &Config::attention_scale, 0, 1e6},
    {"attn_logit_softcapping", &Config::attn_softcap, 0, 1e6},
    {"final_logit_softcapping", &Config::final_softcap, 0, 1e6},
    {"logit_scale", &Config::logit_scale, 1e-6, 1e6},
    {"ssm.dt_b_c_rms_epsilon", &Config::ssm_dt_b_c_eps, 0, 1},
    {"ssm.time_step_min", &Config::ssm_dt_min, 0, 1e30},
    {"ssm.time_step_max", &Config::ssm_dt_max, 0, 3e38},
};

struct BoolField {
  std::string_view key;
  bool Config::*field;
};

constexpr BoolField kBools[] = {
    {"use_parallel_residual", &Config::parallel_residual},
    {"ssm.dt_b_c_rms", &Config::ssm_dt_b_c_rms},
    {"ssm.norm_before_gate", &Config::ssm_norm_before_gate},
};

// A MetaValue of a JSON number, boolean or string; nothing of anything else.
std::optional<MetaValue> meta_of(JsonValue v) {
  MetaValue value;
  if (v.is_bool()) return meta_bool(*v.as_bool());
  if (v.is_string()) return meta_text(v.as_string());
  if (const auto n = v.as_int()) {
    value.type = MetaType::i64, value.i = *n;
    return value;
  }
  if (const auto x = v.as_number()) {
    value.type = MetaType::f64, value.f = *x;
    return value;
  }
  return {};
}

struct Reader {
  const Checkpoint& checkpoint;
  JsonValue wiring;
  Faults& faults;

  Text<128> full(std::string_view key) const { return Text<128>(checkpoint.architecture(), ".", key); }

  // The file's value, else that of the variant with its number of layers, else the family's.
  std::optional<MetaValue> find(std::string_view key) const {
    if (const MetaValue* value = checkpoint.find(full(key))) return *value;
    for (JsonValue variant : wiring["variants"].elements()) {
      const MetaValue* layers = checkpoint.find("{arch}.block_count");
      if (layers && layers->as_int() == variant["block_count"].as_int() && !variant[key].is_null()) return meta_of(variant[key]);
    }
    return meta_of(wiring["defaults"][key]);
  }

  void check(const IntField& f, std::optional<int64_t> n, int32_t& out) const {
    if (!n) {
      faults.add(full(f.key).view(), ": not an integer");
    } else if (*n < f.least || *n > f.most) {
      faults.add(full(f.key).view(), ": ", *n, ", wanted ", f.least, " to ", f.most);
    } else {
      out = int32_t(*n);
    }
  }

  void read(const IntField& f, Config& c) const {
    const auto value = find(f.key);
    c.*f.field = f.fallback == kRequired ? 0 : f.fallback;
    if (!value) {
      if (f.fallback == kRequired) faults.add(full(f.key).view(), ": missing");
    } else if (value->type == MetaType::array) {
      read_layers(f, *value, c);
    } else {
      check(f, value->as_int(), c.*f.field);
    }
  }

  // An array with a number for each layer. Layers may lack the thing, those without KV heads are recurrent; where they have
  // it, it is of one size.
  void read_layers(const IntField& f, const MetaValue& array, Config& c) const {
    const bool is_kv = f.field == &Config::n_kv_heads;
    const bool is_number = meta_type_bytes(array.element) > 0 && array.element != MetaType::boolean;
    if (!is_number || array.count != uint64_t(c.n_layers)) {
      return faults.add(full(f.key).view(), ": an array of ", array.count, ", wanted a number for each of ", c.n_layers,
                        " layers");
    }
    int32_t all = 0;
    for (int32_t i = 0; i < c.n_layers; ++i) {
      int32_t n = 0;
      check(f, meta_element(array, uint64_t(i)).as_int(), n);
      if (n == 0 && is_kv) c.recurrent.add(i);
      if (n == 0 || n == all) continue;
      if (all) {
        return faults.add(full(f.key).view(), ": ", n, " in layer ", i, " after ", all,
                          "; layers of different sizes are not run");
      }
      all = n;
    }
    c.*f.field = all;
  }

  void read(const FloatField& f, Config& c) const {
    const auto value = find(f.key);
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

  void read_experts(Config& c) const {
    if (!c.expert_hidden_dim) c.expert_hidden_dim = c.hidden_dim;
    if (!c.shared_hidden_dim) c.shared_hidden_dim = c.expert_hidden_dim;
    if (c.n_experts && (c.n_experts_used < 1 || c.n_experts_used > c.n_experts))
      faults.add(full("expert_used_count").view(), ": ", c.n_experts_used, ", wanted 1 to the expert_count ", c.n_experts);
    const auto norm = find("expert_weights_norm");
    if (!norm) return;
    if (!norm->as_bool()) return faults.add(full("expert_weights_norm").view(), ": not true or false");
    c.expert_weights_norm = *norm->as_bool();
  }

  void read(const BoolField& f, Config& c) const {
    const auto value = find(f.key);
    if (!value) return;
    if (!value->as_bool()) return faults.add(full(f.key).view(), ": wanted true or false");
    c.*f.field = *value->as_bool();
  }

  void read_rope_scaling(Config& c) const {
    const auto type = find("rope.scaling.type");
    const std::string_view name = type ? type->as_text().value_or("?") : "none";
    const Tensor* factors = checkpoint.tensor("rope_factors_long.weight");
    if (factors) {
      const auto original = find("rope.scaling.original_context_length");
      const IntField positions = {"rope.scaling.original_context_length", nullptr, 1, 1 << 28, 0};
      check(positions, original ? original->as_int() : std::nullopt, c.rope_long_after);
    }
    if (name == "none" || (name == "longrope" && factors)) return;
    if (name != "linear" && name != "yarn") {
      return faults.add(full("rope.scaling.type").view(), ": ", name,
                        ", wanted none, linear, yarn, or longrope with rope_factors_long.weight");
    }
    const auto factor = find("rope.scaling.factor");
    const auto x = factor ? factor->as_float() : std::nullopt;
    if (!x || !(*x > 0 && *x <= 1e6)) return faults.add(full("rope.scaling.factor").view(), ": wanted 0 to 1000000");
    c.rope_stretch = float(*x);
    if (name == "linear") return;
    read(IntField{"rope.scaling.original_context_length", &Config::yarn_original, 1, 1 << 28, c.max_seq_len}, c);
    if (*x > 1) c.rope_factor *= float(1 + 0.1 * log_f64(*x));
  }

  // Which layers have the window: all of them, those that an array says, or of every n all but the last.
  void read_sliding(Config& c) const {
    const auto pattern = find("attention.sliding_window_pattern");
    if (c.window == 0) return;
    const bool is_array = pattern && pattern->type == MetaType::array;
    const std::optional<int64_t> period = pattern ? pattern->as_int() : int64_t(0);
    if (is_array ? pattern->element != MetaType::boolean || pattern->count != uint64_t(c.n_layers) : !period || *period < 0) {
      return faults.add(full("attention.sliding_window_pattern").view(), ": wanted a period, or a boolean for each of ",
                        c.n_layers, " layers");
    }
    for (int32_t i = 0; i < c.n_layers; ++i) {
      const bool is_sliding = is_array ? meta_element(*pattern, uint64_t(i)).as_bool().value_or(false)
                                       : *period == 0 || i % *period < *period - 1;
      if (is_sliding) c.sliding.add(i);
    }
  }

  // Recurrent layers: those without KV heads (read_layers), or of every n all but the last. Experts: where there is a router.
  void read_kinds(Config& c) const {
    if (const auto value = find("full_attention_interval")) {
      const int64_t n = value->as_int().value_or(0);
      if (n < 1) return faults.add(full("full_attention_interval").view(), ": wanted a number from 1");
      for (int32_t i = 0; i < c.n_layers; ++i)
        if ((i + 1) % n) c.recurrent.add(i);
    }
    for (int32_t i = 0; i < c.n_layers; ++i)
      if (checkpoint.tensor(Text<64>("blk.", i, ".ffn_gate_inp.weight"))) c.moe.add(i);
    if (const auto value = find("attention.causal")) {
      if (!value->as_bool()) return faults.add(full("attention.causal").view(), ": wanted true or false");
      c.causal = *value->as_bool();
    }
  }

  void check_heads(Config& c) const {
    if (!c.n_kv_heads) c.n_kv_heads = c.n_heads;
    if (!c.head_dim) {
      if (c.dim % c.n_heads) faults.add("embedding_length ", c.dim, " is no multiple of head_count ", c.n_heads);
      c.head_dim = c.dim / c.n_heads;
    }
    if (!c.n_rot) c.n_rot = c.head_dim;
    if (c.n_heads % c.n_kv_heads)
      faults.add("head_count ", c.n_heads, " is no multiple of head_count_kv ", c.n_kv_heads);
    if (c.n_rot > c.head_dim) faults.add("rope.dimension_count: ", c.n_rot, ", the head has ", c.head_dim);
    if (int64_t(c.n_heads) * c.head_dim > (1 << 24))
      faults.add("head_count ", c.n_heads, " x key_length ", c.head_dim, ": too large");
    const auto v = find("attention.value_length");
    if (v && v->as_int() != c.head_dim)
      faults.add(full("attention.value_length").view(), ": wanted the key_length ", c.head_dim);
  }
};

}  // namespace

Config read_config(const Checkpoint& checkpoint, JsonValue wiring, Faults& faults) {
  const Reader reader{checkpoint, wiring, faults};
  const int32_t faults_before = faults.count();
  Config c;
  for (const IntField& f : kInts) {
    reader.read(f, c);
    if (f.field == &Config::n_layers && c.n_layers == 0) return c;
  }
  for (const FloatField& f : kFloats) reader.read(f, c);
  for (const BoolField& f : kBools) reader.read(f, c);
  reader.read_rope_scaling(c);
  reader.read_sliding(c);
  reader.read_kinds(c);
  reader.read_experts(c);
  if (!reader.find(kFloats[0].key) && !reader.find(kFloats[1].key)) faults.add(reader.full(kFloats[0].key).view(), ": missing");
  if (faults.count() > faults_before) return c;
  if (c.n_heads > 0) reader.check_heads(c);

  const Tensor* embedding = checkpoint.tensor("token_embd.weight");
  if (!embedding) {
    faults.add("token_embd.weight: missing");
  } else if (embedding->rank != 2) {
    faults.add("token_embd.weight: shape ", embedding->shape(), ", wanted (vocabulary, ", c.dim, ")");
  } else {
    c.vocab_size = embedding->rows();
  }
  const Tensor* types = checkpoint.tensor("token_types.weight");
  if (types && types->rank == 2) c.n_token_types = types->rows();
  return c;
}

}  // namespace synapse
