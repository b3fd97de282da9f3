// config.json on its way to metadata: what hf_config.cc (the table), hf_layers.cc (what each layer is) and hf_rope.cc (rotary
// positions) share.
#pragma once
#include "synapse/import/hf_config.h"

namespace synapse {

class HfReader {
 public:
  HfReader(const WeightMap& map, HfValues& values, std::deque<std::string>& texts, Arena& arena, Faults& faults)
      : map_(map), values_(values), texts_(texts), arena_(arena), faults_(faults) {}

  Status check_supported() const;
  void read_table();
  Status read_layers();
  Status read_rope();
  void read_generation(JsonValue generation);

  HfConfig out;

 private:
  // Under a key that may begin with {arch}; a second value takes the place of the first.
  void put(std::string_view key, MetaValue value);
  template <typename T>
  void put_array(std::string_view key, std::span<const T> values) {
    T* kept = arena_.array<T>(values.size());
    if (!kept) return faults_.add("config.json: ", values.size(), " numbers of ", key, " do not fit");
    std::copy(values.begin(), values.end(), kept);
    put(key, meta_array(std::span<const T>(kept, values.size())));
  }

  void read_row(std::string_view key, JsonValue row);
  void put_constant(std::string_view key, JsonValue value);
  void add_end(JsonValue id, std::vector<int32_t>& ends);
  int64_t integer(std::string_view key, JsonValue v, int64_t most = INT32_MAX);
  double positive(std::string_view key, JsonValue v);

  Status read_window(const std::vector<bool>& sliding, bool is_known);

  Status read_rope_kind(JsonValue rope, double theta, int32_t n_rot);
  Status read_longrope(JsonValue rope, int32_t n_rot);
  Status read_yarn(JsonValue rope);

  const WeightMap& map_;
  HfValues& values_;
  std::deque<std::string>& texts_;
  Arena& arena_;
  Faults& faults_;
};

}  // namespace synapse
