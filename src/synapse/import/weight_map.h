// models/<family>/weights.json: how a Hugging Face model of this family gets GGUF's names.
//
//   hf_model_types       the model_type values of config.json that it reads
//   gguf_architectures   what general.architecture becomes (the first); {arch} below
//   expect               config key -> the values it may have; absent or null is fine, another value is refused
//   constants            GGUF key -> number, boolean or text that every model of the family has
//   metadata             config key -> {"to": GGUF key, "type": "u32" | "f32" | "bool"
//                          "from": products of config keys, GGUF keys without {arch} and numbers ("a*b/sqrt(c)"), and sums of
//                                  these ("a - b*c"), instead of the config key itself
//                          "default": what stands in when it is absent: a product, a number, or a list of these, of which
//                                  the first that there is counts; "optional": true, then nothing does
//                          "least": the smallest value (default 1, for f32 above 0)}
//   rope                 {"rope_theta", "partial_rotary_factor": this family's names of these keys, "default_theta"}, or
//                        false: positions are not rotary
//   prefixes             beginning of a name -> what it is in the tables below
//   aliases              name -> another, of which the table below speaks; {i} runs over the layers
//   tensors              name -> GGUF name, or an object; {i} runs over the layers, {e} over experts
//   ignore               names that carry no weights, such as rotary buffers; a * at the end stands for any rest
//
// A tensor's object: "to", "optional" (may be missing), "unless" (a config flag: when true it is the same as another tensor and
// may be missing), "transform" (one of these, or a list in order) and what that asks for; numbers are products as above:
//   rope_permute   in each of "heads" heads, the first "rot" rows (default: all) from halves (i, i + rot/2) to pairs
//                  (2i, 2i + 1), the order in which GGUF keeps llama's q and k
//   qkv_by_head    rows that stand by KV head (its query heads, its key, its value; "heads", "kv_heads") become all queries,
//                  all keys, all values
//   gather_groups  rows that stand in "groups" of parts of "sizes" rows (a list) become the first parts of all groups, then
//                  the second parts, ...
//   transpose      a matrix
//   reshape        to "dims"
//   squeeze        dims of 1 go
//   slice          rows from "from" on, "rows" of them (default: the rest)
//   scale          times "by", as float32
//   scale_rows     "ranges" of rows, in order: {"rows", "by"}, as float32
//   add_one, neg_exp   1 + x, -exp(x), as float32
//   f32            as float32; vectors are always
//   stack          the "count" tensors that have the same "to" become one with a new outermost dim; each is at {e} in its name,
//                  or at "at"
// "parts" instead of "to" splits the rows: a list of {"to", "rows"}, of which one may leave out its rows: those that are left.
// With "in_each": true it splits those of each matrix of a tensor of 3 dims.
#pragma once
#include <deque>
#include <string>
#include <vector>

#include "synapse/base/faults.h"
#include "synapse/base/json.h"
#include "synapse/import/hf_values.h"
#include "synapse/io/checkpoint.h"
#include "synapse/model/families.h"

namespace synapse {

struct WeightMap {
  JsonValue root;  // weights.json
  std::string_view architecture;

  // The map of the family that reads `model_type`, or else `inner_type` (of a text_config); unknown ones are named beside
  // those that are known.
  static Result<WeightMap> of(std::string_view model_type, std::string_view inner_type, const FamilyList& known,
                              Arena& arena);
};

// What {i} and {e} of a pattern stood for; -1: the pattern has none.
struct NameMatch {
  int32_t layer = -1, expert = -1;
};
bool match_name(std::string_view pattern, std::string_view name, NameMatch& match);

// The tensors under GGUF names: views, or copies in `arena` where a transform, a vector that becomes f32 or
// an odd address wants one. Names go to `texts`. Notes every tensor that is missing, unknown or misshapen.
std::vector<NamedTensor> map_tensors(const WeightMap& map, const HfValues& values, int32_t n_layers,
                                     std::span<const NamedTensor> from, std::deque<std::string>& texts,
                                     Arena& arena, Faults& faults);

}  // namespace synapse
