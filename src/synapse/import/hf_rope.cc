// Rotary positions of a Hugging Face model: how much of a head turns, how fast, and the scaling for longer contexts.
#include <algorithm>

#include "synapse/base/math.h"
#include "synapse/import/hf_reader.h"

namespace synapse {
namespace {

constexpr double kTwoPi = 6.283185307179586;

// The value at the key that weights.json's "rope" names for `what`, else at `what`.
JsonValue own_key(const WeightMap& map, const HfValues& values, std::string_view what) {
  const std::string_view other = map.root["rope"][what].as_string();
  const JsonValue v = other.empty() ? JsonValue() : values[other];
  return v.is_null() ? values[what] : v;
}

}  // namespace

Status HfReader::read_rope() {
  const auto n_heads = values_.number("attention.head_count");
  if (!n_heads || *n_heads < 1) return {};  // no attention
  const auto dim = values_.number("embedding_length");
  int64_t head_dim = 0;
  if (!values_["head_dim"].is_null()) {
    head_dim = integer("head_dim", values_["head_dim"], 1 << 14);
  } else if (const auto given = values_.number("attention.key_length")) {
    head_dim = int64_t(*given);
  } else if (dim) {
    const auto heads = int64_t(*n_heads), width = int64_t(*dim);
    head_dim = width / heads;
    if (width % heads)
      faults_.add("config.json hidden_size: ", width, " is no multiple of num_attention_heads ", heads);
  }
  if (head_dim < 1 || head_dim > 1 << 14) {
    if (faults_.none()) faults_.add("config.json: head_dim ", head_dim, ", wanted 1 to 16384");
    return {};
  }
  put("{arch}.attention.key_length", meta_u32(uint32_t(head_dim)));
  put("{arch}.attention.value_length", meta_u32(uint32_t(head_dim)));
  values_.set("attention.key_length", double(head_dim));
  if (map_.root["rope"].as_bool() == false) return {};  // positions come in otherwise

  const JsonValue newer = values_["rope_parameters"];
  JsonValue rope = newer.is_object() ? newer : values_["rope_scaling"];
  JsonValue local;  // of sliding layers, where they have their own
  if (newer.is_object() && newer["full_attention"].is_object()) {
    rope = newer["full_attention"], local = newer["sliding_attention"];
    const std::string_view type = local["rope_type"].as_string();
    if (!type.empty() && type != "default") {
      return fail(Code::unsupported, "config.json rope_parameters sliding_attention: found rope_type ", type,
                  ", wanted default");
    }
  }
  JsonValue part = rope["partial_rotary_factor"];
  if (part.is_null()) part = own_key(map_, values_, "partial_rotary_factor");
  const double share = part.is_null() ? 1 : positive("partial_rotary_factor", part);
  const auto n_rot = int32_t(double(head_dim) * std::min(share, 1.0));
  if (n_rot < 2 || n_rot % 2) faults_.add("config.json: ", n_rot, " rotary dims, wanted an even number from 2");
  put("{arch}.rope.dimension_count", meta_u32(uint32_t(n_rot)));
  values_.set("rope.dimension_count", n_rot);

  JsonValue theta_value = rope["rope_theta"];
  if (theta_value.is_null()) theta_value = own_key(map_, values_, "rope_theta");
  if (theta_value.is_null()) theta_value = map_.root["rope"]["default_theta"];
  const double theta = theta_value.is_null() ? 10000 : positive("rope_theta", theta_value);
  put("{arch}.rope.freq_base", meta_f32(float(theta)));
  const JsonValue local_theta = local.is_null() ? values_["rope_local_base_freq"] : local["rope_theta"];
  if (!local_theta.is_null())
    put("{arch}.rope.freq_base_swa", meta_f32(float(positive("rope_local_base_freq", local_theta))));
  return read_rope_kind(rope, theta, n_rot);
}

Status HfReader::read_rope_kind(JsonValue rope, double theta, int32_t n_rot) {
  const JsonValue type_value = rope["rope_type"].is_null() ? rope["type"] : rope["rope_type"];
  const std::string_view type = type_value.is_null() ? "default" : type_value.as_string();
  if (type == "default") return {};
  if (type == "longrope" || type == "su") return read_longrope(rope, n_rot);
  if (type == "yarn") return read_yarn(rope);
  if (type == "linear") {
    put("{arch}.rope.scaling.type", meta_text("linear"));
    put("{arch}.rope.scaling.factor", meta_f32(float(positive("rope factor", rope["factor"]))));
    return {};
  }
  if (type != "llama3") {
    return fail(Code::unsupported, "config.json rope type: found ", shown(type_value),
                ", wanted default, linear, llama3, longrope or yarn");
  }
  const Llama3Scaling scaling{
      positive("rope factor", rope["factor"]), positive("rope low_freq_factor", rope["low_freq_factor"]),
      positive("rope high_freq_factor", rope["high_freq_factor"]),
      double(integer("rope original_max_position_embeddings", rope["original_max_position_embeddings"]))};
  if (!faults_.none()) return {};
  if (scaling.high_freq_factor <= scaling.low_freq_factor) {
    faults_.add("config.json rope high_freq_factor: ", scaling.high_freq_factor,
                ", wanted more than low_freq_factor");
    return {};
  }
  out.vectors.push_back({"rope_freqs.weight", llama3_rope_freqs(theta, n_rot, scaling)});
  return {};
}

// YaRN (Peng et al. 2023). GGUF's attn_factor is beside the 1 + ln(factor) / 10 that goes without saying.
Status HfReader::read_yarn(JsonValue rope) {
  if (rope["truncate"].as_bool() == false) return fail(Code::unsupported, "config.json rope truncate: found false, wanted true");
  const JsonValue given = rope["original_max_position_embeddings"];
  const auto longest = values_.number("context_length");
  const double original = given.is_null() ? longest.value_or(0) : double(integer("original_max_position_embeddings", given));
  const double factor = rope["factor"].is_null() && original > 0 ? longest.value_or(0) / original : positive("rope factor", rope["factor"]);
  if (!faults_.none()) return {};
  const auto usual = [&](double weight) { return factor > 1 ? 1 + 0.1 * weight * log_f64(factor) : 1; };
  double attention = usual(1);
  if (!rope["attention_factor"].is_null()) {
    attention = positive("rope attention_factor", rope["attention_factor"]);
  } else if (const double all = rope["mscale_all_dim"].as_number().value_or(0), one = rope["mscale"].as_number().value_or(0); all != 0 && one != 0) {
    attention = usual(one) / usual(all);
  }
  put("{arch}.rope.scaling.type", meta_text("yarn"));
  put("{arch}.rope.scaling.factor", meta_f32(float(factor)));
  put("{arch}.rope.scaling.original_context_length", meta_u32(uint32_t(original)));
  put("{arch}.rope.scaling.attn_factor", meta_f32(float(attention / usual(1))));
  for (const auto& [key, name] : {std::pair("beta_fast", "{arch}.rope.scaling.yarn_beta_fast"), std::pair("beta_slow", "{arch}.rope.scaling.yarn_beta_slow")})
    if (const JsonValue beta = rope[key]; !beta.is_null()) put(name, meta_f32(float(positive(key, beta))));
  return {};
}

// Two sets of divisors (Ding et al. 2024): for streams within the original context, and for longer ones. Both go with sin
// and cos times sqrt(1 + ln(stretch) / ln(original)), stretch being how much longer the context became.
Status HfReader::read_longrope(JsonValue rope, int32_t n_rot) {
  JsonValue original_value = values_["original_max_position_embeddings"];
  if (original_value.is_null()) original_value = rope["original_max_position_embeddings"];
  const auto original = double(integer("original_max_position_embeddings", original_value));
  const auto longest = values_.number("context_length");
  for (const auto& [key, name] : {std::pair("long_factor", "rope_factors_long.weight"),
                                  std::pair("short_factor", "rope_factors_short.weight")}) {
    HfConfig::Vector& v = out.vectors.emplace_back(HfConfig::Vector{name, {}});
    for (const JsonValue x : rope[key].elements()) v.values.push_back(float(positive(key, x)));
    if (v.values.size() != size_t(n_rot / 2))
      faults_.add("config.json ", key, ": ", v.values.size(), " of them, wanted ", n_rot / 2);
  }
  if (!faults_.none() || !longest) return {};
  const double stretch = *longest / original;
  double factor = rope["attention_factor"].as_number().value_or(0);
  if (!(factor > 0)) {
    const double ratio = stretch > 1 && original > 1 ? 1 + log_f64(stretch) / log_f64(original) : 1;
    factor = pow_f64(ratio, 0.5);
  }
  put("{arch}.rope.scaling.type", meta_text("longrope"));
  put("{arch}.rope.scaling.original_context_length", meta_u32(uint32_t(original)));
  put("{arch}.rope.scaling.attn_factor", meta_f32(float(factor)));
  return {};
}

std::vector<float> llama3_rope_freqs(double theta, int32_t n_rot, const Llama3Scaling& s) {
  std::vector<float> factors;
  for (int32_t i = 0; i < n_rot / 2; ++i) {
    const double wavelength = kTwoPi * pow_f64(theta, 2.0 * i / n_rot);
    const double turns = s.original_positions / wavelength;  // within the trained context
    const double smooth =
        std::clamp((turns - s.low_freq_factor) / (s.high_freq_factor - s.low_freq_factor), 0.0, 1.0);
    factors.push_back(float(1 / ((1 - smooth) / s.factor + smooth)));
  }
  return factors;
}

}  // namespace synapse
