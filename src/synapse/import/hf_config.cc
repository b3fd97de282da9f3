#include "synapse/import/hf_config.h"

#include <algorithm>
#include <cmath>

#include "synapse/import/hf_reader.h"
#include "synapse/nn/config.h"

namespace synapse {
namespace {

// The first of these keys that holds a positive integer; 0: none.
int64_t first_count(JsonValue object, std::initializer_list<std::string_view> keys) {
  for (const std::string_view key : keys)
    if (const int64_t n = object[key].as_int().value_or(0); n > 0) return n;
  return 0;
}

}  // namespace

Status HfReader::check_supported() const {
  for (const std::string_view key : {"quantization_config", "compression_config", "quantization"})
    if (!values_[key].is_null()) return refuse_quantization(std::string("config.json ").append(key), values_[key]);
  for (const auto [key, values] : map_.root["expect"].members()) {
    const JsonValue found = values_[key];
    bool known = found.is_null();
    std::string wanted;
    for (const JsonValue v : values.elements()) {
      known |= v.is_string() ? found.is_string() && found.as_string() == v.as_string()
                             : v.is_bool() ? found.as_bool() == v.as_bool() : found.as_number() == v.as_number();
      wanted.append(wanted.empty() ? "" : " or ").append(v.is_string() ? std::string(v.as_string()) : shown(v));
    }
    if (!known) return fail(Code::unsupported, "config.json ", key, ": found ", shown(found), ", wanted ", wanted.empty() ? "none" : wanted);
  }
  return {};
}

void HfReader::put(std::string_view key, MetaValue value) {
  constexpr std::string_view arch = "{arch}";
  std::string full(key);
  if (full.starts_with(arch)) full.replace(0, arch.size(), map_.architecture);
  for (MetaEntry& e : out.metadata)
    if (e.key == full) return void(e.value = value);
  out.metadata.push_back({texts_.emplace_back(full), value});
}

void HfReader::read_table() {
  put("general.architecture", meta_text(texts_.emplace_back(map_.architecture)));
  for (const auto [key, value] : map_.root["constants"].members()) put_constant(key, value);
  for (const auto [key, row] : map_.root["metadata"].members()) read_row(key, row);
  out.n_layers = int32_t(values_.number("block_count").value_or(0));
}

// The number that a row is about, from the first of its sources that has one, and how the row shows it.
void HfReader::read_row(std::string_view key, JsonValue row) {
  const std::string_view to = row["to"].as_string(), type = row["type"].as_string();
  const std::string_view from = row["from"].is_null() ? key : row["from"].as_string();
  JsonValue found = values_[key], otherwise = row["default"];
  const bool is_there = !found.is_null() || (!row["from"].is_null() && values_.number(from));
  if (!is_there && otherwise.is_null() && row["optional"].as_bool().value_or(false)) return;

  if (type == "bool") {
    if (found.is_null()) found = otherwise;
    if (!found.is_bool()) return faults_.add("config.json ", key, ": found ", shown(found), ", wanted true or false");
    return put(to, meta_bool(*found.as_bool()));
  }
  std::optional<double> x;
  if (is_there) {
    x = values_.number(from);
  } else if (otherwise.is_number()) {
    x = otherwise.as_number();
  } else if (otherwise.is_string()) {
    x = values_.number(otherwise.as_string());
    found = values_[otherwise.as_string()];
  } else {
    for (const JsonValue v : otherwise.elements())
      if (!x) x = v.is_number() ? v.as_number() : values_.number(v.as_string());
  }
  const double least = row["least"].as_number().value_or(type == "f32" ? 0 : 1);
  if (type == "f32") {
    if (!x || !(*x >= least) || !(*x <= 1e30) || (*x == 0 && row["least"].is_null())) {
      return faults_.add("config.json ", key, ": found ", shown(found), ", wanted a number above ", least, " and at most 1e30");
    }
    put(to, meta_f32(float(*x)));
  } else {
    if (!x || *x != std::floor(*x) || !(*x >= least) || *x > INT32_MAX) {
      return faults_.add("config.json ", key, ": found ", shown(found), ", wanted an integer from ", least, " to ", INT32_MAX);
    }
    put(to, meta_u32(uint32_t(*x)));
  }
  if (row["from"].is_null()) values_.set(key, *x);
  constexpr std::string_view kArch = "{arch}.";
  if (to.starts_with(kArch)) values_.set(to.substr(kArch.size()), *x);
}

void HfReader::put_constant(std::string_view key, JsonValue value) {
  if (value.is_bool()) return put(key, meta_bool(*value.as_bool()));
  if (value.is_string()) return put(key, meta_text(value.as_string()));
  const double x = value.as_number().value_or(0);
  const auto n = value.as_int();
  put(key, n && *n >= 0 && *n <= INT32_MAX ? meta_u32(uint32_t(*n)) : meta_f32(float(x)));
  constexpr std::string_view kArch = "{arch}.";
  if (key.starts_with(kArch)) values_.set(key.substr(kArch.size()), x);
}

void HfReader::read_generation(JsonValue generation) {
  std::vector<int32_t> ends;
  for (const JsonValue eos : {values_["eos_token_id"], generation["eos_token_id"]}) {
    if (eos.is_array()) {
      for (const JsonValue id : eos.elements()) add_end(id, ends);
    } else if (!eos.is_null()) {
      add_end(eos, ends);
    }
  }
  if (!ends.empty()) put_array("synapse.generation.end_ids", std::span<const int32_t>(ends));
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

void HfReader::add_end(JsonValue id, std::vector<int32_t>& ends) {
  const int64_t n = id.as_int().value_or(-1), vocab = values_["vocab_size"].as_int().value_or(INT32_MAX);
  if (n < 0 || n >= vocab) return faults_.add("eos_token_id: found ", shown(id), ", wanted 0 to ", vocab - 1);
  if (std::ranges::find(ends, int32_t(n)) == ends.end()) ends.push_back(int32_t(n));
}

int64_t HfReader::integer(std::string_view key, JsonValue v, int64_t most) {
  const int64_t n = v.as_int().value_or(-1);
  if (n >= 1 && n <= most) return n;
  faults_.add("config.json ", key, ": found ", shown(v), ", wanted an integer from 1 to ", most);
  return 0;
}

double HfReader::positive(std::string_view key, JsonValue v) {
  const double x = v.as_number().value_or(0);
  if (x > 0 && x <= 1e30) return x;
  faults_.add("config.json ", key, ": found ", shown(v), ", wanted a number above 0 and at most 1e30");
  return 0;
}

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

Result<HfConfig> read_hf_config(const WeightMap& map, HfValues& values, JsonValue generation,
                                std::deque<std::string>& texts, Arena& arena, Faults& faults) {
  HfReader reader(map, values, texts, arena, faults);
  SYN_RETURN_IF_ERROR(reader.check_supported());
  reader.read_table();
  if (reader.out.n_layers < 1 || reader.out.n_layers > kMaxLayers) {
    if (faults.none()) faults.add("config.json num_hidden_layers: found ", reader.out.n_layers, ", wanted 1 to ", kMaxLayers);
    return reader.out;
  }
  SYN_RETURN_IF_ERROR(reader.read_layers());
  SYN_RETURN_IF_ERROR(reader.read_rope());
  reader.read_generation(generation);
  return reader.out;
}

}  // namespace synapse
