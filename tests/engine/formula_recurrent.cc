// Formula models with recurrent layers. Hybrids take turns: even layers are recurrent, odd ones attend.
#include "formula_maker.h"

namespace synapse::test {
namespace {

enum class Kind : uint8_t { mamba, mamba2, rwkv7, delta };

struct Traits {
  std::string_view architecture;
  Kind kind;
  bool has_attention, parallel, has_moe;
};
constexpr Traits kTraits[] = {
    {"mamba", Kind::mamba, false, false, false},         {"mamba2", Kind::mamba2, false, false, false},
    {"rwkv7", Kind::rwkv7, false, false, false},         {"jamba", Kind::mamba, true, false, true},
    {"granitehybrid", Kind::mamba2, true, false, false}, {"falcon-h1", Kind::mamba2, true, true, false},
    {"qwen3next", Kind::delta, true, false, true},
};

const Traits* find_traits(std::string_view architecture) {
  for (const Traits& t : kTraits)
    if (t.architecture == architecture) return &t;
  return nullptr;
}

constexpr int32_t kInner = 128, kState = 16, kTaps = 4, kRank = 6, kHeads = 4, kGroups = 2, kHead = 32, kLora = 8;

struct Recurrent {
  FormulaMaker& m;
  const Shape& s;
  const Traits& has;
  int32_t layer = 0;

  std::string_view blk(std::string_view part) { return m.name("blk.", layer, ".", part); }
  void vector(std::string_view part, int32_t n, float base, float scale) { m.vector(blk(part), n, base, scale); }
  void matrix(std::string_view part, int32_t rows, int32_t cols) { m.matrix(blk(part), rows, cols); }
  void floats(std::string_view part, std::initializer_list<int32_t> dims, float base, float scale) {
    m.add(blk(part), DType::f32, dims, base, scale);
  }
  void norm(std::string_view part, int32_t n) { vector(part, n, 1, 0.2f); }
  void conv(int32_t channels) {
    floats("ssm_conv1d.weight", {channels, kTaps}, 0, 0.7f);
    if (has.kind != Kind::delta) vector("ssm_conv1d.bias", channels, 0, 0.2f);
  }

  void mamba() {
    matrix("ssm_in.weight", 2 * kInner, s.dim), conv(kInner);
    matrix("ssm_x.weight", kRank + 2 * kState, kInner);
    floats("ssm_dt.weight", {kInner, kRank}, 0, 0.5f), vector("ssm_dt.bias", kInner, -2, 1);
    floats("ssm_a", {kInner, kState}, -2, 1.9f), vector("ssm_d", kInner, 1, 0.3f);
    if (has.has_attention) norm("ssm_dt_norm.weight", kRank), norm("ssm_b_norm.weight", kState), norm("ssm_c_norm.weight", kState);
    matrix("ssm_out.weight", s.dim, kInner);
  }
  void mamba2() {
    const int32_t channels = kInner + 2 * kGroups * kState;
    matrix("ssm_in.weight", kInner + channels + kHeads, s.dim), conv(channels);
    floats("ssm_a", {kHeads, 1}, -2, 1.9f), floats("ssm_d", {kHeads, 1}, 1, 0.3f), vector("ssm_dt.bias", kHeads, -2, 1);
    floats("ssm_norm.weight", {kGroups, kInner / kGroups}, 1, 0.2f);
    matrix("ssm_out.weight", s.dim, kInner);
  }
  void delta() {
    const int32_t channels = 2 * kGroups * kHead + kHeads * kHead;
    matrix("attn_qkv.weight", channels, s.dim), matrix("attn_gate.weight", kHeads * kHead, s.dim);
    matrix("ssm_ba.weight", 2 * kHeads, s.dim), conv(channels);
    vector("ssm_a", kHeads, -2, 1.9f), vector("ssm_dt.bias", kHeads, -2, 1), norm("ssm_norm.weight", kHead);
    matrix("ssm_out.weight", s.dim, kHeads * kHead);
  }
  void rwkv7() {
    const int32_t C = s.dim;
    norm("attn_norm_2.weight", C), vector("attn_norm_2.bias", C, 0, 0.2f), vector("attn_norm.bias", C, 0, 0.2f);
    floats("time_mix_lerp_fused.weight", {6, 1, 1, C}, 0.5f, 0.5f);
    for (std::string_view name : {"receptance", "key", "value", "output"}) matrix(Text<48>("time_mix_", name, ".weight"), C, C);
    for (std::string_view name : {"w", "a", "v", "g"}) {
      floats(Text<48>("time_mix_", name, "1.weight"), {kLora, C}, 0, 0.2f), floats(Text<48>("time_mix_", name, "2.weight"), {C, kLora}, 0, 0.5f);
      if (name != "g") vector(Text<48>("time_mix_", name, "0.weight"), C, 0, 1);
    }
    vector("time_mix_k_k.weight", C, 1, 0.3f), vector("time_mix_k_a.weight", C, 1, 0.3f);
    floats("time_mix_r_k.weight", {C / kHead, kHead}, 0, 0.3f);
    norm("time_mix_ln.weight", C), vector("time_mix_ln.bias", C, 0, 0.2f);
    floats("channel_mix_lerp_k.weight", {C, 1, 1}, 0.5f, 0.5f);
    matrix("channel_mix_key.weight", s.hidden_dim, C), matrix("channel_mix_value.weight", C, s.hidden_dim);
  }
  void attention() {
    const int32_t q = s.n_heads * s.head_dim, kv = s.n_kv_heads * s.head_dim;
    const bool gated = has.kind == Kind::delta;
    matrix("attn_q.weight", gated ? 2 * q : q, s.dim), matrix("attn_k.weight", kv, s.dim);
    matrix("attn_v.weight", kv, s.dim), matrix("attn_output.weight", s.dim, q);
    if (gated) norm("attn_q_norm.weight", s.head_dim), norm("attn_k_norm.weight", s.head_dim);
  }
  void ffn() {
    norm(has.kind == Kind::delta ? "post_attention_norm.weight" : "ffn_norm.weight", s.dim);
    if (!has.has_moe || layer % 2 == 0) {
      matrix("ffn_gate.weight", s.hidden_dim, s.dim), matrix("ffn_up.weight", s.hidden_dim, s.dim);
      return matrix("ffn_down.weight", s.dim, s.hidden_dim);
    }
    const int32_t E = s.n_experts, F = s.expert_hidden_dim;
    floats("ffn_gate_inp.weight", {E, s.dim}, 0, 0.3f);
    m.experts(blk("ffn_gate_exps.weight"), E, F, s.dim), m.experts(blk("ffn_up_exps.weight"), E, F, s.dim);
    m.experts(blk("ffn_down_exps.weight"), E, s.dim, F);
    if (has.kind != Kind::delta) return;
    matrix("ffn_gate_shexp.weight", F, s.dim), matrix("ffn_up_shexp.weight", F, s.dim);
    matrix("ffn_down_shexp.weight", s.dim, F), vector("ffn_gate_inp_shexp.weight", s.dim, 0, 0.3f);
  }

  void add_layer(int32_t i) {
    layer = i;
    norm("attn_norm.weight", s.dim);
    const bool is_recurrent = has.parallel || !has.has_attention || i % 2 == 0;
    if (is_recurrent) {
      switch (has.kind) {
        case Kind::mamba: mamba(); break;
        case Kind::mamba2: mamba2(); break;
        case Kind::rwkv7: rwkv7(); break;
        case Kind::delta: delta(); break;
      }
    }
    if (has.parallel || !is_recurrent) attention();
    if (has.has_attention) ffn();
  }
};

void add_numbers(FormulaMaker& m, const Shape& s, const Traits& has) {
  m.meta("general.architecture", MetaType::string).text = m.architecture;
  m.number("block_count", s.n_layers), m.number("embedding_length", s.dim), m.number("context_length", s.max_seq_len);
  m.number("feed_forward_length", s.hidden_dim), m.number("attention.head_count", has.has_attention ? s.n_heads : 0);
  m.real(has.kind == Kind::rwkv7 ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon", 1e-6);
  if (has.has_attention) {
    int32_t* kv_heads = m.arena.array<int32_t>(size_t(s.n_layers));
    SYN_CHECK(kv_heads);
    for (int32_t i = 0; i < s.n_layers; ++i) kv_heads[i] = has.parallel || i % 2 ? s.n_kv_heads : 0;
    m.meta(m.name(m.architecture, ".attention.head_count_kv"), MetaType::array) =
        meta_array(std::span<const int32_t>(kv_heads, size_t(s.n_layers)));
    m.number("attention.key_length", s.head_dim), m.real("rope.freq_base", 10000);
  }
  if (has.has_moe) {
    m.number("expert_count", s.n_experts), m.number("expert_used_count", s.n_experts_used);
    m.number("expert_feed_forward_length", s.expert_hidden_dim);
  }
  if (has.kind == Kind::delta) m.number("full_attention_interval", 2);
  if (has.kind == Kind::rwkv7) {
    m.number("wkv.head_size", kHead), m.number("attention.decay_lora_rank", kLora), m.number("attention.iclr_lora_rank", kLora);
    m.number("attention.value_residual_mix_lora_rank", kLora), m.number("attention.gate_lora_rank", kLora);
    return;
  }
  m.number("ssm.conv_kernel", kTaps), m.number("ssm.inner_size", kInner);
  m.number("ssm.state_size", has.kind == Kind::delta ? kHead : kState);
  m.number("ssm.time_step_rank", has.kind == Kind::mamba ? kRank : kHeads);
  if (has.kind != Kind::mamba) m.number("ssm.group_count", kGroups);
}

}  // namespace

bool is_recurrent(std::string_view architecture) { return find_traits(architecture) != nullptr; }

FormulaModel make_recurrent_model(std::string_view architecture, DType dtype, const Shape& s, const Kernels& kernels,
                                  Arena& arena) {
  FormulaMaker m{architecture, dtype, kernels, arena};
  const Traits& has = *find_traits(architecture);
  add_numbers(m, s, has);
  m.add("token_embd.weight", dtype, {s.vocab_size, s.dim}, 0, 0.5f);
  m.vector("output_norm.weight", s.dim, 1, 0.2f);
  if (has.kind == Kind::rwkv7) {
    m.vector("output_norm.bias", s.dim, 0, 0.2f);
    m.vector("token_embd_norm.weight", s.dim, 1, 0.2f), m.vector("token_embd_norm.bias", s.dim, 0, 0.2f);
  }
  Recurrent layers{m, s, has};
  for (int32_t i = 0; i < s.n_layers; ++i) layers.add_layer(i);
  return {{m.metadata, m.n_metadata}, {m.tensors, m.n_tensors}};
}

}  // namespace synapse::test
