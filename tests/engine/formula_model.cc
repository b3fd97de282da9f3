#include "formula_model.h"

#include "formula_maker.h"

namespace synapse::test {
namespace {

// What an architecture's layers have beside the usual.
struct Traits {
  std::string_view architecture;
  bool head_norms, biases, post_norms, fused, layer_norms;
};
constexpr Traits kTraits[] = {
    {"llama", false, false, false, false, false}, {"qwen2", false, true, false, false, false},
    {"qwen3", true, false, false, false, false},  {"gemma2", false, false, true, false, false},
    {"phi3", false, false, false, true, false},   {"gptneox", false, true, false, true, true},
    {"qwen3moe", true, false, false, false, false}, {"qwen2moe", false, true, false, false, false},
};

const Traits& traits_of(std::string_view architecture) {
  for (const Traits& t : kTraits)
    if (t.architecture == architecture) return t;
  SYN_CHECK(!"an architecture without a formula model");
  return kTraits[0];
}

FormulaModel make_encoder(FormulaMaker& m, const Shape& s) {
  m.meta("general.architecture", MetaType::string).text = m.architecture;
  m.number("block_count", s.n_layers), m.number("embedding_length", s.dim);
  m.number("feed_forward_length", s.hidden_dim), m.number("attention.head_count", s.n_heads);
  m.number("context_length", s.max_seq_len), m.real("attention.layer_norm_epsilon", 1e-12);
  m.meta("bert.attention.causal", MetaType::boolean).u = 0;

  const auto norm = [&](std::string_view name) {
    m.vector(m.name(name, ".weight"), s.dim, 1, 0.2f), m.vector(m.name(name, ".bias"), s.dim, 0, 0.2f);
  };
  const auto linear = [&](std::string_view name, int32_t rows, int32_t cols) {
    m.matrix(m.name(name, ".weight"), rows, cols), m.vector(m.name(name, ".bias"), rows, 0, 0.3f);
  };
  m.add("token_embd.weight", m.dtype, {s.vocab_size, s.dim}, 0, 0.5f);
  m.add("position_embd.weight", DType::f32, {s.max_seq_len, s.dim}, 0, 0.3f);
  m.add("token_types.weight", DType::f32, {2, s.dim}, 0, 0.3f);
  norm("token_embd_norm");
  for (int32_t i = 0; i < s.n_layers; ++i) {
    const auto blk = [&](std::string_view part) { return m.name("blk.", i, ".", part); };
    for (const char* part : {"attn_q", "attn_k", "attn_v", "attn_output"}) linear(blk(part), s.dim, s.dim);
    norm(blk("attn_output_norm"));
    linear(blk("ffn_up"), s.hidden_dim, s.dim), linear(blk("ffn_down"), s.dim, s.hidden_dim);
    norm(blk("layer_output_norm"));
  }
  return {{m.metadata, m.n_metadata}, {m.tensors, m.n_tensors}};
}

}  // namespace

Checkpoint FormulaModel::checkpoint(Arena& arena) const {
  Checkpoint c;
  c.format = "formula";
  c.metadata = metadata, c.tensors = tensors;
  const Status indexed = c.index(arena);
  SYN_CHECK(indexed.ok());
  return c;
}

FormulaModel make_formula_model(std::string_view architecture, DType dtype, const Shape& s, const Kernels& kernels,
                                Arena& arena) {
  if (is_recurrent(architecture)) return make_recurrent_model(architecture, dtype, s, kernels, arena);
  FormulaMaker m{architecture, dtype, kernels, arena};
  if (architecture == "bert") return make_encoder(m, s);
  const Traits& has = traits_of(architecture);
  m.meta("general.architecture", MetaType::string).text = architecture;
  m.number("block_count", s.n_layers), m.number("embedding_length", s.dim);
  m.number("feed_forward_length", s.hidden_dim), m.number("attention.head_count", s.n_heads);
  m.number("attention.head_count_kv", s.n_kv_heads), m.number("attention.key_length", s.head_dim);
  m.number("context_length", s.max_seq_len);
  if (s.window) m.number("attention.sliding_window", s.window);
  m.real(has.layer_norms ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon", 1e-6);
  m.real("rope.freq_base", 10000);
  if (has.post_norms) m.real("attn_logit_softcapping", 5), m.real("final_logit_softcapping", 4);
  if (architecture == "phi3") {
    m.number("rope.scaling.original_context_length", 128), m.real("rope.scaling.attn_factor", 1.2);
    m.vector("rope_factors_long.weight", s.head_dim / 2, 4, 2), m.vector("rope_factors_short.weight", s.head_dim / 2, 1.5f, 0.4f);
  }

  const bool is_moe = architecture.ends_with("moe");
  if (is_moe) {
    m.number("expert_count", s.n_experts), m.number("expert_used_count", s.n_experts_used);
    m.number("expert_feed_forward_length", s.expert_hidden_dim);
    m.number("expert_shared_feed_forward_length", s.hidden_dim);
  }

  m.add("token_embd.weight", dtype, {s.vocab_size, s.dim}, 0, 0.5f);
  const int32_t q = s.n_heads * s.head_dim, kv = s.n_kv_heads * s.head_dim;
  const auto norm = [&](std::string_view stem, int32_t n) {
    m.vector(m.name(stem, ".weight"), n, 1, 0.2f);
    if (has.layer_norms) m.vector(m.name(stem, ".bias"), n, 0, 0.2f);
  };
  const auto linear = [&](std::string_view stem, int32_t rows, int32_t cols, bool biased) {
    m.matrix(m.name(stem, ".weight"), rows, cols);
    if (biased) m.vector(m.name(stem, ".bias"), rows, 0, 0.3f);
  };
  norm("output_norm", s.dim);
  for (int32_t i = 0; i < s.n_layers; ++i) {
    const auto blk = [&](std::string_view part) { return m.name("blk.", i, ".", part); };
    const bool all_biased = has.layer_norms;
    norm(blk("attn_norm"), s.dim), norm(blk("ffn_norm"), s.dim);
    if (has.post_norms) norm(blk("post_attention_norm"), s.dim), norm(blk("post_ffw_norm"), s.dim);
    if (has.head_norms) norm(blk("attn_q_norm"), s.head_dim), norm(blk("attn_k_norm"), s.head_dim);
    if (has.fused) {
      linear(blk("attn_qkv"), q + 2 * kv, s.dim, has.biases);
    } else {
      linear(blk("attn_q"), q, s.dim, has.biases), linear(blk("attn_k"), kv, s.dim, has.biases);
      linear(blk("attn_v"), kv, s.dim, has.biases);
    }
    linear(blk("attn_output"), s.dim, q, all_biased);
    if (has.layer_norms) {  // not gated
      linear(blk("ffn_up"), s.hidden_dim, s.dim, all_biased);
    } else if (has.fused) {
      linear(blk("ffn_up"), 2 * s.hidden_dim, s.dim, false);
    } else if (is_moe) {
      m.add(blk("ffn_gate_inp.weight"), DType::f32, {s.n_experts, s.dim}, 0, 0.3f);  // floats, as files have it
      m.experts(blk("ffn_gate_exps.weight"), s.n_experts, s.expert_hidden_dim, s.dim);
      m.experts(blk("ffn_up_exps.weight"), s.n_experts, s.expert_hidden_dim, s.dim);
      m.experts(blk("ffn_down_exps.weight"), s.n_experts, s.dim, s.expert_hidden_dim);
    } else {
      linear(blk("ffn_gate"), s.hidden_dim, s.dim, false), linear(blk("ffn_up"), s.hidden_dim, s.dim, false);
    }
    if (!is_moe) linear(blk("ffn_down"), s.dim, s.hidden_dim, all_biased);
    if (architecture == "qwen2moe") {
      linear(blk("ffn_gate_shexp"), s.hidden_dim, s.dim, false), linear(blk("ffn_up_shexp"), s.hidden_dim, s.dim, false);
      linear(blk("ffn_down_shexp"), s.dim, s.hidden_dim, false);
      m.vector(blk("ffn_gate_inp_shexp.weight"), s.dim, 0, 0.3f);
    }
  }
  return {{m.metadata, m.n_metadata}, {m.tensors, m.n_tensors}};
}

}  // namespace synapse::test
