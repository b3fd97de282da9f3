// What each layer of a Hugging Face model is: windowed or not, recurrent or attention. The keys differ by family and by age;
// all of them end in GGUF's sliding_window_pattern and head_count_kv.
#include <algorithm>

#include "synapse/import/hf_reader.h"
#include "synapse/nn/config.h"

namespace synapse {
namespace {

struct Word {
  std::string_view name;
  bool is_sliding, is_recurrent;
};
constexpr Word kWords[] = {{"full_attention", false, false}, {"attention", false, false},
                           {"global", false, false},         {"sliding_attention", true, false},
                           {"linear_attention", false, true}, {"recurrent", false, true},
                           {"mamba", false, true},           {"mamba2", false, true}};

}  // namespace

Status HfReader::read_layers() {
  const int32_t n = out.n_layers;
  std::vector<bool> sliding(size_t(n), false), recurrent(size_t(n), false);
  bool knows_sliding = false;
  const JsonValue types = values_["layer_types"].is_null() ? values_["layers_block_type"] : values_["layer_types"];
  const auto pattern = [&] {
    const JsonValue v = values_["sliding_window_pattern"];
    return v.is_null() ? values_["_sliding_window_pattern"] : v;
  }();
  if (types.is_array()) {
    if (types.size() != size_t(n)) {
      faults_.add("config.json layer_types: ", types.size(), " of them for ", n, " layers");
      return {};
    }
    knows_sliding = true;
    size_t i = 0;
    for (const JsonValue type : types.elements()) {
      const Word* word = std::ranges::find(kWords, type.as_string(), &Word::name);
      if (word == std::end(kWords)) {
        return fail(Code::unsupported, "config.json layer_types: found ", shown(type), " in layer ", i,
                    ", which is not run");
      }
      sliding[i] = word->is_sliding, recurrent[i] = word->is_recurrent;
      ++i;
    }
  } else if (!pattern.is_null()) {
    const int64_t period = integer("sliding_window_pattern", pattern);
    knows_sliding = period > 0;
    for (int32_t i = 0; i < n && period > 0; ++i) sliding[size_t(i)] = (i + 1) % period != 0;
  } else if (const auto first = values_["max_window_layers"].as_int()) {
    knows_sliding = true;
    for (int32_t i = 0; i < n; ++i) sliding[size_t(i)] = i >= *first;
  }

  const JsonValue indices = values_["attn_layer_indices"], period = values_["attn_layer_period"],
                  interval = values_["full_attention_interval"];
  if (indices.is_array()) {
    std::fill(recurrent.begin(), recurrent.end(), true);
    for (const JsonValue v : indices.elements()) {
      const int64_t i = v.as_int().value_or(-1);
      if (i < 0 || i >= n) {
        faults_.add("config.json attn_layer_indices: found ", shown(v), ", wanted 0 to ", n - 1);
        return {};
      }
      recurrent[size_t(i)] = false;
    }
  } else if (!types.is_array() && !period.is_null()) {
    const int64_t every = integer("attn_layer_period", period), offset = values_["attn_layer_offset"].as_int().value_or(0);
    for (int32_t i = 0; i < n && every > 0; ++i) recurrent[size_t(i)] = i % every != offset;
  } else if (!types.is_array() && !interval.is_null()) {
    const int64_t every = integer("full_attention_interval", interval);
    for (int32_t i = 0; i < n && every > 0; ++i) recurrent[size_t(i)] = (i + 1) % every != 0;
  }
  if (std::ranges::find(recurrent, true) != recurrent.end()) {
    std::vector<int32_t> kv_heads;
    const auto heads = int32_t(values_.number("attention.head_count_kv").value_or(0));
    for (const bool is_recurrent : recurrent) kv_heads.push_back(is_recurrent ? 0 : heads);
    put_array("{arch}.attention.head_count_kv", std::span<const int32_t>(kv_heads));
  }
  return read_window(sliding, knows_sliding);
}

// Nothing is written for a window that no layer has. Without a pattern of its own the model follows its family's.
Status HfReader::read_window(const std::vector<bool>& sliding, bool is_known) {
  const JsonValue window = values_["sliding_window"];
  if (window.is_null() || !values_["use_sliding_window"].as_bool().value_or(true)) return {};
  if (is_known && std::ranges::find(sliding, true) == sliding.end()) return {};
  if (const int64_t n = integer("sliding_window", window); n > 0)
    put("{arch}.attention.sliding_window", meta_u32(uint32_t(n)));
  if (!is_known) return {};
  bool* kept = arena_.array<bool>(sliding.size());
  if (!kept) return fail(Code::out_of_memory, "config.json layer_types: ", sliding.size(), " of them do not fit");
  std::ranges::copy(sliding, kept);
  put("{arch}.attention.sliding_window_pattern", meta_array(std::span<const bool>(kept, sliding.size())));
  return {};
}

}  // namespace synapse
