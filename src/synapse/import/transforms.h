// The closed list of changes that a tensor goes through between a Hugging Face file and GGUF's layout; weight_map.h says what
// each does.
#pragma once
#include "synapse/base/faults.h"
#include "synapse/import/hf_values.h"
#include "synapse/io/checkpoint.h"

namespace synapse {

class Transforms {
 public:
  // Copies go to `arena`.
  Transforms(const HfValues& values, Arena& arena, Faults& faults) : values_(values), arena_(arena), faults_(faults) {}

  // All that `rule` ("transform" and its numbers) wants; vectors become f32, odd addresses even. False after a fault.
  bool apply(JsonValue rule, NamedTensor& t);
  // Rows first .. +n of a tensor, a view.
  bool rows(NamedTensor& t, int64_t first, int64_t n);
  // The same of every matrix of a tensor of 3 dims, a copy.
  bool rows_in_each(NamedTensor& t, int64_t first, int64_t n);
  // Tensors of one shape and format, one after the other.
  bool stack(std::span<const NamedTensor> parts, NamedTensor& out);
  // A number of the rule; nothing after a fault.
  std::optional<int64_t> integer(const NamedTensor& t, JsonValue rule, std::string_view key);

 private:
  struct Row {
    std::string_view name;
    bool (Transforms::*apply)(JsonValue rule, NamedTensor& t);
  };
  static const Row kRows[];

  bool rope_permute(JsonValue rule, NamedTensor& t);
  bool qkv_by_head(JsonValue rule, NamedTensor& t);
  bool gather_groups(JsonValue rule, NamedTensor& t);
  bool transpose(JsonValue rule, NamedTensor& t);
  bool reshape(JsonValue rule, NamedTensor& t);
  bool squeeze(JsonValue rule, NamedTensor& t);
  bool slice(JsonValue rule, NamedTensor& t);
  bool scale(JsonValue rule, NamedTensor& t);
  bool scale_rows(JsonValue rule, NamedTensor& t);
  bool add_one(JsonValue rule, NamedTensor& t);
  bool neg_exp(JsonValue rule, NamedTensor& t);
  bool to_f32(JsonValue rule, NamedTensor& t);

  template <typename... Parts>
  bool fault(const NamedTensor& t, const Parts&... parts) {
    return faults_.add(t.name, ": ", parts...), false;
  }
  std::optional<double> factor(const NamedTensor& t, JsonValue rule);  // "by"
  uint8_t* room(const NamedTensor& t, size_t bytes);
  bool copy(NamedTensor& t);                                        // to f32's alignment and beyond
  bool redim(NamedTensor& t, std::span<const int64_t> dims);        // the same elements
  template <typename F>
  bool map(NamedTensor& t, F f);                                    // f(x, index) of every element, as f32
  template <typename F>
  bool reorder(NamedTensor& t, size_t n_rows, F source_row);        // row i of the result is source_row(i)

  const HfValues& values_;
  Arena& arena_;
  Faults& faults_;
};

}  // namespace synapse
