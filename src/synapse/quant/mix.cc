#include "synapse/quant/mix.h"

#include <algorithm>
#include <charconv>

namespace synapse {
namespace {

// In the order of kMixes.
enum MixId : uint32_t {
  kF32, kF16, kBf16, kQ8_0, kQ6_K, kQ5_K_M, kQ5_K_S, kQ5_1, kQ5_0, kQ4_K_M, kQ4_K_S, kQ4_1, kQ4_0, kIq4_Nl, kIq4_Xs, kMxfp4,
  kMxfp4Moe, kQ3_K_L, kQ3_K_M, kQ3_K_S, kQ2_K, kTq2_0,
  kInt8, kQ2_64, kQ2_32
};
constexpr Mix kMixes[] = {
    {"F32", 0, DType::f32, "32 bits a weight"},
    {"F16", 1, DType::f16, "16 bits"},
    {"BF16", 32, DType::bf16, "16 bits, the range of F32"},
    {"Q8_0", 7, DType::q8_0, "8.5 bits, hardly a loss"},
    {"Q6_K", 18, DType::q6_k, "6.6 bits"},
    {"Q5_K_M", 17, DType::q5_k, "5.5 bits, some tensors Q6_K"},
    {"Q5_K_S", 16, DType::q5_k, "5.5 bits"},
    {"Q5_1", 9, DType::q5_1, "6 bits"},
    {"Q5_0", 8, DType::q5_0, "5.5 bits"},
    {"Q4_K_M", 15, DType::q4_k, "4.5 bits, some tensors Q6_K: the usual choice"},
    {"Q4_K_S", 14, DType::q4_k, "4.5 bits"},
    {"Q4_1", 3, DType::q4_1, "5 bits"},
    {"Q4_0", 2, DType::q4_0, "4.5 bits"},
    {"IQ4_NL", 25, DType::iq4_nl, "4.5 bits, unequal steps"},
    {"IQ4_XS", 30, DType::iq4_xs, "4.25 bits, unequal steps"},
    {"MXFP4", 38, DType::mxfp4, "4.25 bits, 4-bit floats"},
    {"MXFP4_MOE", 38, DType::mxfp4, "experts MXFP4, the rest Q8_0"},
    {"Q3_K_L", 13, DType::q3_k, "3.4 bits, many tensors Q5_K"},
    {"Q3_K_M", 12, DType::q3_k, "3.4 bits, some tensors Q4_K and Q5_K"},
    {"Q3_K_S", 11, DType::q3_k, "3.4 bits"},
    {"Q2_K", 10, DType::q2_k, "2.6 bits, some tensors Q3_K"},
    {"TQ2_0", 37, DType::tq2_0, "2.1 bits, three values: for models trained so"},
    {"INT8", {}, DType::int8, "8 bits and a scale a row; ours"},
    {"Q2_64", {}, DType::q2_64, "2.25 bits; ours"},
    {"Q2_32", {}, DType::q2_32, "2.5 bits; ours"},
};
static_assert(std::size(kMixes) == kQ2_32 + 1);

// What the rules tell apart. attn_v: also fused q, k and v. head: the embedding too, where it is the head.
enum class Part : uint8_t { head, embedding, attn_q, attn_k, attn_v, attn_output, ffn_gate, ffn_up, ffn_down, other };

struct PartName {
  std::string_view inside;
  Part part;
};
constexpr PartName kPartNames[] = {
    {"attn_qkv.weight", Part::attn_v},   {"attn_kv_b.weight", Part::attn_v}, {"attn_v.weight", Part::attn_v},
    {"attn_k.weight", Part::attn_k},     {"attn_q.weight", Part::attn_q},    {"attn_output.weight", Part::attn_output},
    {"ffn_up", Part::ffn_up},            {"ffn_gate", Part::ffn_gate},       {"ffn_down", Part::ffn_down},
};

// Matrices that stay as they are: small, and much depends on them.
constexpr std::string_view kKeptInside[] = {
    "_norm.weight", "ffn_gate_inp.weight", "ssm_conv1d", "shortconv.conv.weight", "attn_rel_b.weight", "altup", "laurel",
    "per_layer_model_proj", "time_mix_first.weight", "time_mix_w0.weight", "time_mix_w1.weight", "time_mix_w2.weight",
    "time_mix_v0.weight", "time_mix_v1.weight", "time_mix_v2.weight", "time_mix_a0.weight", "time_mix_a1.weight",
    "time_mix_a2.weight", "time_mix_g1.weight", "time_mix_g2.weight", "time_mix_decay_w1.weight", "time_mix_decay_w2.weight",
    "time_mix_lerp_fused.weight", ".position_embd", ".rel_pos", ".patch_embd", ".patch_merger"};
constexpr std::string_view kKept[] = {"position_embd.weight", "token_types.weight"};

// What a rule may ask about the tensor at hand.
struct Facts {
  bool falcon, imatrix;
  bool whole;        // its rows are whole blocks of the mix's format
  bool stacked;      // one matrix an expert
  int64_t gqa;       // query heads that share a key head
  int64_t n_experts;
  int64_t i, n;      // its number among tensors of its kind, of how many
};
bool is_eight_experts(const Facts& f) { return f.n_experts == 8; }
bool shares_keys(const Facts& f) { return f.gqa >= 4; }
bool is_falcon(const Facts& f) { return f.falcon; }
// The first eighth, the last eighth and every third in between.
bool wants_more(const Facts& f) { return f.i < f.n / 8 || f.i >= 7 * f.n / 8 || (f.i - f.n / 8) % 3 == 2; }
bool is_in_first_eighth(const Facts& f) { return f.i < f.n / 8; }
bool is_in_first_sixteenth(const Facts& f) { return f.i < f.n / 16; }

struct Rule {
  Part part;
  uint32_t mixes;  // bits
  DType dtype;
  bool (*when)(const Facts&) = nullptr;  // null: always
};
template <typename... Ids>
constexpr uint32_t in(Ids... ids) {
  return ((1u << ids) | ...);
}
constexpr uint32_t kAll = ~0u;

// The first that fits decides; without one it is the mix's format.
constexpr Rule kRules[] = {
    {Part::head, in(kMxfp4Moe), DType::q8_0},
    {Part::head, kAll, DType::q8_0, [](const Facts& f) { return f.falcon || !f.whole; }},
    {Part::head, ~in(kQ8_0, kInt8), DType::q6_k},
    {Part::embedding, in(kTq2_0, kQ2_64, kQ2_32), DType::q4_k},

    {Part::attn_v, kAll & ~in(kMxfp4Moe), DType::q8_0, is_eight_experts},
    {Part::attn_v, in(kQ2_K), DType::q4_k, shares_keys},
    {Part::attn_v, in(kQ2_K), DType::q3_k},
    {Part::attn_v, in(kQ3_K_M), DType::q5_k, [](const Facts& f) { return f.i < 2; }},
    {Part::attn_v, in(kQ3_K_M), DType::q4_k},
    {Part::attn_v, in(kQ3_K_L), DType::q5_k},
    {Part::attn_v, in(kIq4_Nl, kIq4_Xs), DType::q5_k, shares_keys},
    {Part::attn_v, in(kQ4_K_M, kQ5_K_M), DType::q6_k, wants_more},
    {Part::attn_v, in(kQ4_K_S), DType::q5_k, [](const Facts& f) { return f.i < 4; }},

    {Part::attn_k, kAll & ~in(kMxfp4Moe), DType::q8_0, is_eight_experts},

    {Part::attn_output, in(kQ3_K_L), DType::q4_k, is_falcon},
    {Part::attn_output, in(kQ2_K), DType::q2_k, is_falcon},
    {Part::attn_output, in(kQ3_K_M), DType::q3_k, is_falcon},
    {Part::attn_output, in(kQ2_K, kQ3_K_S, kQ3_K_M, kIq4_Nl, kQ4_K_S, kQ4_K_M, kIq4_Xs), DType::q5_k, is_eight_experts},
    {Part::attn_output, in(kQ3_K_L), DType::q3_k, is_eight_experts},
    {Part::attn_output, in(kQ2_K), DType::q3_k},
    {Part::attn_output, in(kQ3_K_M), DType::q4_k},
    {Part::attn_output, in(kQ3_K_L), DType::q5_k},

    {Part::ffn_down, in(kQ2_K), DType::q3_k},
    {Part::ffn_down, in(kQ3_K_M), DType::q5_k, is_in_first_sixteenth},
    {Part::ffn_down, in(kQ3_K_M), DType::q4_k, [](const Facts& f) { return !f.falcon || wants_more(f); }},
    {Part::ffn_down, in(kQ3_K_L), DType::q4_k, is_falcon},
    {Part::ffn_down, in(kQ3_K_L), DType::q5_k},
    {Part::ffn_down, in(kQ4_K_M), DType::q6_k, [](const Facts& f) { return f.falcon && is_in_first_sixteenth(f); }},
    {Part::ffn_down, in(kQ4_K_M), DType::q5_k, [](const Facts& f) { return f.falcon && wants_more(f); }},
    {Part::ffn_down, in(kQ4_K_M), DType::q6_k, [](const Facts& f) { return !f.falcon && wants_more(f); }},
    {Part::ffn_down, in(kQ5_K_M), DType::q6_k, wants_more},
    {Part::ffn_down, in(kIq4_Nl, kIq4_Xs), DType::q5_k, [](const Facts& f) { return is_in_first_eighth(f) && !f.imatrix; }},
    {Part::ffn_down, in(kQ4_K_S), DType::q5_k, [](const Facts& f) { return is_in_first_eighth(f) && !f.falcon; }},
    {Part::ffn_down, in(kQ4_0), DType::q4_1, [](const Facts& f) { return is_in_first_eighth(f) && f.imatrix; }},
    {Part::ffn_down, in(kQ5_0), DType::q5_1, [](const Facts& f) { return is_in_first_eighth(f) && f.imatrix; }},
};

// The format for rows that are not whole blocks of 256.
struct Fallback {
  DType wanted, taken;
};
constexpr Fallback kFallbacks[] = {{DType::q2_k, DType::q4_0},   {DType::q3_k, DType::q4_0}, {DType::tq2_0, DType::q4_0},
                                   {DType::iq4_xs, DType::iq4_nl}, {DType::q4_k, DType::q5_0}, {DType::q5_k, DType::q5_1},
                                   {DType::q6_k, DType::q8_0}};

bool is_embedding(std::string_view name) { return name == "token_embd.weight" || name == "per_layer_token_embd.weight"; }

bool may_quantise(const NamedTensor& t) {
  const auto is_inside = [&](std::string_view part) { return t.name.find(part) != t.name.npos; };
  return t.tensor.rank >= 2 && t.name.ends_with("weight") && std::ranges::none_of(kKeptInside, is_inside) &&
         std::ranges::find(kKept, t.name) == std::end(kKept);
}

// The number in blk.N., -1 without one.
int64_t layer_of(std::string_view name) {
  int64_t layer = -1;
  if (name.starts_with("blk.")) std::from_chars(name.data() + 4, name.data() + name.size(), layer);
  return layer;
}

// A number of the model; of an array, which has one a layer, its first.
int64_t number(const Checkpoint& c, std::string_view key, int64_t otherwise) {
  const MetaValue* value = c.find(key);
  if (!value) return otherwise;
  if (value->type != MetaType::array) return value->as_int().value_or(otherwise);
  if (value->count == 0 || value->element == MetaType::string || value->element == MetaType::array) return otherwise;
  return meta_element(*value, 0).as_int().value_or(otherwise);
}

class Chooser {
 public:
  Chooser(const Checkpoint& checkpoint, const MixOptions& options)
      : options_(options), mix_(MixId(options.mix - kMixes)), architecture_(checkpoint.architecture()) {
    n_layers_ = number(checkpoint, "{arch}.block_count", 0);
    n_experts_ = number(checkpoint, "{arch}.expert_count", 0);
    const int64_t n_heads = number(checkpoint, "{arch}.attention.head_count", 0);
    const int64_t n_kv_heads = number(checkpoint, "{arch}.attention.head_count_kv", n_heads);
    gqa_ = n_kv_heads > 0 ? n_heads / n_kv_heads : 0;
    // The 70B models of these families have so many query heads to a key head that better values cost little.
    is_70b_ = n_layers_ == 80 && ((architecture_ == "llama" && n_heads != n_kv_heads) || architecture_ == "qwen2");
    for (const NamedTensor& t : checkpoint.tensors) {
      n_attn_v_ += part_by_name(t.name) == Part::attn_v;
      is_tied_ = is_tied_ && t.name != "output.weight";
    }
  }

  Choice choose(const NamedTensor& t) {
    if (t.tensor.rank < 2 || t.name.ends_with("_norm.weight")) return {DType::f32, {}};
    if (!may_quantise(t)) return {t.tensor.dtype, {}};
    if (options_.token_embedding && is_embedding(t.name)) return fit(t, *options_.token_embedding);
    if (options_.output && t.name == "output.weight") return fit(t, *options_.output);
    const DType usual = options_.mix->dtype;
    if (!is_quantised(usual)) return {usual, {}};
    for (const auto& [pattern, dtype] : options_.tensor_types)
      if (std::regex_search(t.name.begin(), t.name.end(), pattern)) return fit(t, dtype);
    return fit(t, options_.pure ? usual : by_rule(t));
  }

 private:
  static Part part_by_name(std::string_view name) {
    const auto row = std::ranges::find_if(kPartNames, [&](const PartName& p) { return name.find(p.inside) != name.npos; });
    return row == std::end(kPartNames) ? Part::other : row->part;
  }

  DType by_rule(const NamedTensor& t) {
    Part part = part_by_name(t.name);
    if (is_embedding(t.name)) part = is_tied_ ? Part::head : Part::embedding;
    if (t.name == "output.weight") part = Part::head;
    if (part == Part::head && options_.output) return *options_.output;

    Facts f = {};
    f.falcon = architecture_ == "falcon", f.imatrix = options_.has_imatrix;
    f.whole = t.tensor.cols() % info(options_.mix->dtype).block_elements == 0;
    f.stacked = t.tensor.rank > 2;
    f.gqa = gqa_, f.n_experts = n_experts_;
    if (part == Part::attn_v) f.i = i_attn_v_++, f.n = n_attn_v_;
    if (part == Part::ffn_down) f.i = n_experts_ > 1 ? layer_of(t.name) : i_ffn_down_, ++i_ffn_down_, f.n = n_layers_;
    if (mix_ == kMxfp4Moe && part != Part::head) return f.stacked ? DType::mxfp4 : DType::q8_0;

    DType dtype = options_.mix->dtype;
    for (const Rule& rule : kRules) {
      if (rule.part != part || !(rule.mixes >> mix_ & 1) || (rule.when && !rule.when(f))) continue;
      dtype = rule.dtype;
      break;
    }
    const bool is_short = dtype == DType::q3_k || dtype == DType::q4_k;
    return is_70b_ && part == Part::attn_v && is_short ? DType::q5_k : dtype;
  }

  // The format, or the one taken instead where the rows are not whole blocks of it.
  static Choice fit(const NamedTensor& t, DType wanted) {
    const auto whole = [&](DType dtype) { return t.tensor.cols() % info(dtype).block_elements == 0; };
    if (whole(wanted)) return {wanted, {}};
    for (const Fallback& f : kFallbacks)
      if (f.wanted == wanted && whole(f.taken)) return {f.taken, label(wanted)};
    return {DType::f16, label(wanted)};
  }

  const MixOptions& options_;
  const MixId mix_;
  const std::string_view architecture_;
  int64_t n_layers_, n_experts_, gqa_;
  int64_t n_attn_v_ = 0, i_attn_v_ = 0, i_ffn_down_ = 0;
  bool is_70b_, is_tied_ = true;
};

}  // namespace

std::span<const Mix> mixes() { return kMixes; }

const Mix* find_mix(std::string_view name) {
  const auto same = [](std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b, [](char x, char y) { return std::toupper(uint8_t(x)) == y; });
  };
  for (const Mix& mix : kMixes)
    if (same(name, mix.name)) return &mix;
  for (const std::string_view alias : {"Q3_K", "Q4_K", "Q5_K"})
    if (same(name, alias)) return find_mix(std::string(alias) + "_M");
  return nullptr;
}

std::vector<Choice> choose_formats(const Checkpoint& checkpoint, const MixOptions& options) {
  // Numbers among tensors of a kind go by layer, then by name, whatever the order of the file.
  std::vector<size_t> order(checkpoint.tensors.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::sort(order, {}, [&](size_t i) {
    const std::string_view name = checkpoint.tensors[i].name;
    return std::pair(layer_of(name), name);
  });
  Chooser chooser(checkpoint, options);
  std::vector<Choice> choices(order.size());
  for (const size_t i : order) choices[i] = chooser.choose(checkpoint.tensors[i]);
  return choices;
}

}  // namespace synapse
