#include "synapse/import/hf_config.h"

#include <algorithm>

#include "synapse/base/math.h"

namespace synapse {
namespace {

constexpr double kTwoPi = 6.283185307179586;

// As a message shows a value of the wrong kind.
std::string shown(JsonValue v) {
  switch (v.type()) {
    case JsonType::null:
      return "nothing";
    case JsonType::boolean:
      return *v.as_bool() ? "true" : "false";
    case JsonType::number:
      return std::string(v.number_text().substr(0, 40));
    case JsonType::string:
      return '"' + std::string(v.as_string().substr(0, 40)) + '"';
    case JsonType::array:
      return "an array";
    case JsonType::object:
      return "an object";
  }
  return {};
}

class ConfigReader {
 public:
  ConfigReader(const WeightMap& map, JsonValue config, std::deque<std::string>& texts, Arena& arena,
               Faults& faults)
      : map_(map), config_(config), texts_(texts), arena_(arena), faults_(faults) {}

  HfConfig out;

  Status supported() const {
    for (const std::string_view key : {"quantization_config", "compression_config", "quantization"}) {
      for (const JsonValue whole : {config_, config_["text_config"]})
        if (!whole[key].is_null()) return refuse_quantization(std::string("config.json ").append(key), whole[key]);
    }
    for (const auto [key, values] : map_.root["expect"].members()) {
      const JsonValue found = config_[key];
      bool known = found.is_null();
      std::string wanted;
      for (const JsonValue v : values.elements()) {
        known |= found.is_string() && found.as_string() == v.as_string();
        wanted.append(wanted.empty() ? "" : " or ").append(v.as_string());
      }
      if (!known)
        return fail(Code::unsupported, "config.json ", key, ": found ", shown(found), ", wanted ", wanted);
    }
    return {};
  }

  void read_table() {
    put("general.architecture", meta_text(map_.architecture));
    for (const auto [key, row] : map_.root["metadata"].members()) {
      std::string_view source = key;
      if (config_[key].is_null() && row["default"].is_string()) source = row["default"].as_string();
      if (row["type"].as_string() == "f32") {
        if (const double x = positive(source, config_[source]); x > 0)
          put(row["to"].as_string(), meta_f32(float(x)));
      } else if (const int64_t n = integer(source, config_[source]); n > 0) {
        put(row["to"].as_string(), meta_u32(uint32_t(n)));
      }
    }
    out.n_layers = int32_t(integer("num_hidden_layers", config_["num_hidden_layers"], 4096, false));
  }

  Status read_rope() {
    const int64_t heads = config_["num_attention_heads"].as_int().value_or(0),
                  dim = config_["hidden_size"].as_int().value_or(0);
    int64_t head_dim = 0;
    if (!config_["head_dim"].is_null()) {
      head_dim = integer("head_dim", config_["head_dim"], 1 << 14);
    } else if (heads > 0 && dim > 0) {
      head_dim = dim / heads;
      if (dim % heads)
        faults_.add("config.json hidden_size: ", dim, " is no multiple of num_attention_heads ", heads);
    }
    if (head_dim < 1 || head_dim > 1 << 14) {
      if (faults_.none()) faults_.add("config.json: head_dim ", head_dim, ", wanted 1 to 16384");
      return {};
    }
    put("{arch}.attention.key_length", meta_u32(uint32_t(head_dim)));
    put("{arch}.attention.value_length", meta_u32(uint32_t(head_dim)));

    const bool newer = config_["rope_parameters"].is_object();
    const JsonValue rope = newer ? config_["rope_parameters"] : config_["rope_scaling"];
    JsonValue part = rope["partial_rotary_factor"];
    if (part.is_null()) part = config_["partial_rotary_factor"];
    const double share = part.is_null() ? 1 : positive("partial_rotary_factor", part);
    const auto n_rot = int32_t(double(head_dim) * std::min(share, 1.0));
    if (n_rot < 2 || n_rot % 2)
      faults_.add("config.json: ", n_rot, " rotary dims, wanted an even number from 2");
    put("{arch}.rope.dimension_count", meta_u32(uint32_t(n_rot)));

    JsonValue theta_value = rope["rope_theta"];
    if (theta_value.is_null()) theta_value = config_["rope_theta"];
    const double theta = theta_value.is_null() ? 10000 : positive("rope_theta", theta_value);
    put("{arch}.rope.freq_base", meta_f32(float(theta)));

    const JsonValue type_value = rope["rope_type"].is_null() ? rope["type"] : rope["rope_type"];
    const std::string_view type = type_value.is_null() ? "default" : type_value.as_string();
    if (newer && std::ranges::any_of(member_types(rope), [](JsonType t) { return t == JsonType::object; })) {
      return fail(Code::unsupported,
                  "config.json rope_parameters: found one set for each kind of layer, wanted one");
    }
    if (type == "default") return {};
    if (type == "linear") {
      put("{arch}.rope.scaling.type", meta_text("linear"));
      put("{arch}.rope.scaling.factor", meta_f32(float(positive("rope factor", rope["factor"]))));
      return {};
    }
    if (type != "llama3") {
      return fail(Code::unsupported, "config.json rope type: found ", shown(type_value),
                  ", wanted default, linear or llama3");
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
    out.rope_freqs = llama3_rope_freqs(theta, n_rot, scaling);
    return {};
  }

  Status read_window() {
    const JsonValue window = config_["sliding_window"];
    if (window.is_null() || !config_["use_sliding_window"].as_bool().value_or(true)) return {};
    const int64_t n = integer("sliding_window", window);
    // From layer max_window_layers on, layers have the window; layer_types says it layer by layer.
    int64_t full = config_["max_window_layers"].as_int().value_or(0);
    if (const JsonValue types = config_["layer_types"]; types.is_array()) {
      full = 0;
      for (const JsonValue t : types.elements()) full += t.as_string() == "full_attention";
    }
    if (full >= out.n_layers) return {};
    if (full > 0) {
      return fail(Code::unsupported, "config.json sliding_window: found ", full, " of ", out.n_layers,
                  " layers without it, wanted all or none");
    }
    if (n > 0) put("{arch}.attention.sliding_window", meta_u32(uint32_t(n)));
    return {};
  }

  void read_generation(JsonValue generation) {
    std::vector<int32_t> ends;
    for (const JsonValue source : {config_, generation}) {
      const JsonValue eos = source["eos_token_id"];
      if (eos.is_array()) {
        for (const JsonValue id : eos.elements()) add_end(id, ends);
      } else if (!eos.is_null()) {
        add_end(eos, ends);
      }
    }
    if (!ends.empty()) {
      int32_t* ids = arena_.array<int32_t>(ends.size());
      if (!ids) return faults_.add("generation_config.json: ", ends.size(), " end ids do not fit");
      std::ranges::copy(ends, ids);
      put("synapse.generation.end_ids", meta_array(std::span<const int32_t>(ids, ends.size())));
    }
    constexpr std::pair<std::string_view, std::string_view> kSampling[] = {
        {"temperature", "general.sampling.temp"},
        {"top_p", "general.sampling.top_p"},
        {"min_p", "general.sampling.min_p"},
        {"repetition_penalty", "general.sampling.penalty_repeat"}};
    const bool is_greedy = generation["do_sample"].as_bool() == false;
    if (is_greedy) put("general.sampling.temp", meta_f32(0));
    for (const auto& [from, to] : kSampling) {
      const JsonValue v = generation[from];
      if (v.is_null() || (is_greedy && from == "temperature")) continue;
      const double x = v.as_number().value_or(-1);
      if (x < 0 || x > 1e6)
        faults_.add("generation_config.json ", from, ": found ", shown(v), ", wanted 0 to 1000000");
      put(to, meta_f32(float(x)));
    }
    if (const JsonValue v = generation["top_k"]; !v.is_null()) {
      const int64_t n = v.as_int().value_or(-1);
      if (n < 0 || n > INT32_MAX)
        faults_.add("generation_config.json top_k: found ", shown(v), ", wanted 0 to 2147483647");
      put("general.sampling.top_k", meta_i32(int32_t(n)));
    }
  }

 private:
  static std::vector<JsonType> member_types(JsonValue object) {
    std::vector<JsonType> types;
    for (const auto [key, value] : object.members()) types.push_back(value.type());
    return types;
  }

  void put(std::string_view key, MetaValue value) {
    constexpr std::string_view arch = "{arch}";
    std::string& full = texts_.emplace_back(key);
    if (full.starts_with(arch)) full.replace(0, arch.size(), map_.architecture);
    out.metadata.push_back({full, value});
  }

  void add_end(JsonValue id, std::vector<int32_t>& ends) {
    const int64_t n = id.as_int().value_or(-1), vocab = config_["vocab_size"].as_int().value_or(INT32_MAX);
    if (n < 0 || n >= vocab)
      return faults_.add("eos_token_id: found ", shown(id), ", wanted 0 to ", vocab - 1);
    if (std::ranges::find(ends, int32_t(n)) == ends.end()) ends.push_back(int32_t(n));
  }

  int64_t integer(std::string_view key, JsonValue v, int64_t most = INT32_MAX, bool report = true) {
    const int64_t n = v.as_int().value_or(-1);
    if (n >= 1 && n <= most) return n;
    if (report)
      faults_.add("config.json ", key, ": found ", shown(v), ", wanted an integer from 1 to ", most);
    return 0;
  }

  double positive(std::string_view key, JsonValue v) {
    const double x = v.as_number().value_or(0);
    if (x > 0 && x <= 1e30) return x;
    faults_.add("config.json ", key, ": found ", shown(v), ", wanted a number above 0 and at most 1e30");
    return 0;
  }

  const WeightMap& map_;
  JsonValue config_;
  std::deque<std::string>& texts_;
  Arena& arena_;
  Faults& faults_;
};

// The first of these keys that holds a positive integer; 0: none.
int64_t first_count(JsonValue object, std::initializer_list<std::string_view> keys) {
  for (const std::string_view key : keys)
    if (const int64_t n = object[key].as_int().value_or(0); n > 0) return n;
  return 0;
}

}  // namespace

Status refuse_quantization(std::string_view where, JsonValue config) {
  int64_t bits = first_count(config, {"bits", "num_bits", "w_bit", "weight_bits"});
  if (config["load_in_8bit"].as_bool().value_or(false)) bits = 8;
  if (config["load_in_4bit"].as_bool().value_or(false)) bits = 4;
  const int64_t group = first_count(config, {"group_size", "q_group_size"});
  std::string how;
  if (bits > 0) how += " (" + std::to_string(bits) + " bits";
  if (group > 0) how += std::string(how.empty() ? " (" : ", ") + "groups of " + std::to_string(group);
  if (!how.empty()) how += ")";
  return fail(Code::unsupported, where, ": quant_method ", shown(config["quant_method"]), how,
              " is not read; wanted the weights before they were quantised, or a GGUF file");
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

Result<HfConfig> read_hf_config(const WeightMap& map, JsonValue config, JsonValue generation,
                                std::deque<std::string>& texts, Arena& arena, Faults& faults) {
  ConfigReader reader(map, config, texts, arena, faults);
  SYN_RETURN_IF_ERROR(reader.supported());
  reader.read_table();
  SYN_RETURN_IF_ERROR(reader.read_rope());
  SYN_RETURN_IF_ERROR(reader.read_window());
  reader.read_generation(generation);
  if (reader.out.n_layers < 1 && faults.none()) {
    faults.add("config.json num_hidden_layers: found more than 4096 layers or none, wanted 1 to 4096");
  }
  return reader.out;
}

}  // namespace synapse
