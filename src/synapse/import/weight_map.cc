#include "synapse/import/weight_map.h"

#include <charconv>
#include <optional>
#include <set>

#include "synapse/base/half.h"
#include "synapse/model/families.h"

namespace synapse {
namespace {

constexpr std::string_view kLayer = "{i}";

struct Rule {
  std::string_view from, to;
  JsonValue options;  // an object, or the name alone
  bool required;
};

std::string with_layer(std::string_view pattern, int32_t layer) {
  std::string name(pattern);
  if (const size_t at = name.find(kLayer); at != name.npos)
    name.replace(at, kLayer.size(), std::to_string(layer));
  return name;
}

std::vector<Rule> rules_of(JsonValue tensors, JsonValue config) {
  std::vector<Rule> rules;
  for (const auto [name, value] : tensors.members()) {
    const std::string_view unless = value["unless"].as_string();
    const bool needless = value["optional"].as_bool().value_or(false) ||
                          (!unless.empty() && config[unless].as_bool().value_or(false));
    rules.push_back(
        {name, value.is_string() ? value.as_string() : value["to"].as_string(), value, !needless});
  }
  return rules;
}

float to_f32(DType dtype, const uint8_t* p) {
  uint16_t half = 0;
  double wide = 0;
  if (dtype == DType::f64) return std::memcpy(&wide, p, sizeof wide), float(wide);
  std::memcpy(&half, p, sizeof half);
  return dtype == DType::f16 ? f16_to_f32(half) : bf16_to_f32(half);
}

// A tensor on its way from one name to the other; every step returns false after noting a fault.
class Mapper {
 public:
  Mapper(JsonValue config, Arena& arena, Faults& faults) : config_(config), arena_(arena), faults_(faults) {}

  bool apply(const Rule& rule, NamedTensor& t) {
    if (t.tensor.size() == 0) return fault(t, "has no elements");
    if (t.tensor.rank == 1 && t.tensor.dtype != DType::f32 && is_float(t.tensor.dtype) && !widen(t))
      return false;
    const std::string_view transform = rule.options["transform"].as_string();
    if (transform == "rope_permute") return rope_permute(rule.options["heads"].as_string(), t);
    if (!transform.empty()) return fault(t, "unknown transform in weights.json");
    const bool aligned =
        reinterpret_cast<uintptr_t>(t.tensor.data) % size_t(info(t.tensor.dtype).block_bytes) == 0;
    if (aligned) return true;
    uint8_t* out = room(t, t.tensor.bytes());
    if (out) std::memcpy(out, t.tensor.data, t.tensor.bytes()), t.tensor.data = out;
    return out;
  }

 private:
  template <typename... Parts>
  bool fault(const NamedTensor& t, const Parts&... parts) {
    return faults_.add(t.name, ": ", parts...), false;
  }

  uint8_t* room(const NamedTensor& t, size_t bytes) {
    uint8_t* out = arena_.array<uint8_t>(bytes, Arena::kAlign);
    if (!out) fault(t, bytes, " bytes for a copy do not fit");
    return out;
  }

  bool widen(NamedTensor& t) {
    const int32_t n = t.tensor.dims[0];
    uint8_t* out = room(t, size_t(n) * sizeof(float));
    if (!out) return false;
    const uint8_t* in = static_cast<const uint8_t*>(t.tensor.data);
    for (int32_t i = 0; i < n; ++i) {
      const float value = to_f32(t.tensor.dtype, in + row_bytes(t.tensor.dtype, i));
      std::memcpy(out + size_t(i) * sizeof value, &value, sizeof value);
    }
    t.tensor = make_tensor(out, DType::f32, {n});
    return true;
  }

  bool rope_permute(std::string_view heads_key, NamedTensor& t) {
    const int64_t heads =
        config_[heads_key].as_int().value_or(config_["num_attention_heads"].as_int().value_or(0));
    const int64_t rows = t.tensor.dims[0];
    if (heads < 1 || rows % heads || rows / heads % 2) {
      return fault(t, rows, " rows, wanted a multiple of 2 x ", heads, " heads (", heads_key, ")");
    }
    const size_t step = t.tensor.bytes() / size_t(rows), half = size_t(rows / heads / 2);
    uint8_t* out = room(t, t.tensor.bytes());
    if (!out) return false;
    const uint8_t* in = static_cast<const uint8_t*>(t.tensor.data);
    t.tensor.data = out;
    for (size_t head = 0; head < size_t(heads); ++head, in += 2 * half * step)
      for (size_t i = 0; i < half; ++i)
        for (const size_t row : {i, i + half}) std::memcpy(out, in + row * step, step), out += step;
    return true;
  }

  JsonValue config_;
  Arena& arena_;
  Faults& faults_;
};

}  // namespace

Result<WeightMap> WeightMap::of(std::string_view model_type, Arena& arena) {
  std::string known;
  for (const Family& family : families()) {
    if (family.weights_json.empty()) continue;
    SYN_TRY(document, parse_json(family.weights_json, arena));
    for (const JsonValue type : document.root()["hf_model_types"].elements()) {
      if (type.as_string() == model_type)
        return WeightMap{document.root(), document.root()["gguf_architectures"].at(0).as_string()};
      known.append(known.empty() ? "" : ", ").append(type.as_string());
    }
  }
  return fail(Code::unsupported, "config.json model_type: found \"", model_type.substr(0, 64),
              "\", wanted one of ", known);
}

bool match_name(std::string_view pattern, std::string_view name, int32_t& layer) {
  layer = -1;
  const size_t at = pattern.find(kLayer);
  if (at == pattern.npos) return pattern == name;
  const std::string_view head = pattern.substr(0, at), tail = pattern.substr(at + kLayer.size());
  if (name.size() <= head.size() + tail.size() || !name.starts_with(head) || !name.ends_with(tail))
    return false;
  const std::string_view digits = name.substr(head.size(), name.size() - head.size() - tail.size());
  if (digits.size() > 1 && digits[0] == '0') return false;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), layer);
  return error == std::errc() && end == digits.data() + digits.size() && layer >= 0;
}

std::vector<NamedTensor> map_tensors(const WeightMap& map, JsonValue config, int32_t n_layers,
                                     std::span<const NamedTensor> from, std::deque<std::string>& texts,
                                     Arena& arena, Faults& faults) {
  const std::vector<Rule> rules = rules_of(map.root["tensors"], config);
  Mapper mapper(config, arena, faults);
  std::vector<NamedTensor> out;
  std::set<std::string_view> seen;
  const auto ignored = [&](std::string_view name) {
    int32_t layer;
    for (const JsonValue pattern : map.root["ignore"].elements())
      if (match_name(pattern.as_string(), name, layer)) return true;
    return false;
  };
  for (NamedTensor t : from) {
    const Rule* rule = nullptr;
    int32_t layer = -1;
    for (size_t i = 0; i < rules.size() && !rule; ++i)
      if (match_name(rules[i].from, t.name, layer)) rule = &rules[i];
    if (!rule || layer >= n_layers) {
      if (!ignored(t.name))
        faults.add(t.name, ": not a tensor of a ", map.architecture, " model of ", n_layers, " layers");
      continue;
    }
    seen.insert(t.name);
    const std::string_view unless = rule->options["unless"].as_string();
    if (!unless.empty() && config[unless].as_bool().value_or(false)) continue;  // the same as another tensor
    if (!mapper.apply(*rule, t)) continue;
    out.push_back({texts.emplace_back(with_layer(rule->to, layer)), t.tensor});
  }
  for (const Rule& rule : rules) {
    const int32_t n = rule.from.find(kLayer) == rule.from.npos ? 1 : n_layers;
    for (int32_t layer = 0; rule.required && layer < n; ++layer) {
      const std::string name = with_layer(rule.from, layer);
      if (!seen.contains(name)) faults.add(name, ": missing");
    }
  }
  return out;
}

}  // namespace synapse
