// RWKV-7 as Hugging Face folders keep it, in the two forms that are published, against the same weights under GGUF's names.
#include "goldens.h"

namespace synapse::test {
namespace {

struct Form {
  const char* name;
  const char* layer;    // what stands before the number of a layer
  const char* config;   // keys that only this form has
  std::vector<std::pair<std::string_view, std::string_view>> names;  // GGUF's, its own
};
void PrintTo(const Form& f, std::ostream* os) { *os << f.name; }

const Form kForms[] = {
    {"r_proj", "model.layers.", R"("head_dim": 32, "num_heads": null, "norm_eps": 1e-6, "norm_first": true, "hidden_act": "sqrelu", "attn": null)",
     {{"token_embd.weight", "model.embeddings.weight"},
      {"token_embd_norm.", "model.layers.0.pre_norm."},
      {"output_norm.", "model.norm."},
      {"attn_norm_2.", "ffn_norm."},
      {"attn_norm.", "attn_norm."},
      {"time_mix_w0.weight", "attn.w_lora.lora.2.bias"},
      {"time_mix_w1.weight", "attn.w_lora.lora.0.weight"},
      {"time_mix_w2.weight", "attn.w_lora.lora.2.weight"},
      {"time_mix_a0.weight", "attn.a_lora.lora.2.bias"},
      {"time_mix_a1.weight", "attn.a_lora.lora.0.weight"},
      {"time_mix_a2.weight", "attn.a_lora.lora.2.weight"},
      {"time_mix_v0.weight", "attn.v_lora.lora.2.bias"},
      {"time_mix_v1.weight", "attn.v_lora.lora.0.weight"},
      {"time_mix_v2.weight", "attn.v_lora.lora.2.weight"},
      {"time_mix_g1.weight", "attn.g_lora.lora.0.weight"},
      {"time_mix_g2.weight", "attn.g_lora.lora.2.weight"},
      {"time_mix_k_k.weight", "attn.k_k"},
      {"time_mix_k_a.weight", "attn.k_a"},
      {"time_mix_r_k.weight", "attn.r_k"},
      {"time_mix_lerp_fused.weight", "attn.x_"},
      {"time_mix_receptance.weight", "attn.r_proj.weight"},
      {"time_mix_key.weight", "attn.k_proj.weight"},
      {"time_mix_value.weight", "attn.v_proj.weight"},
      {"time_mix_output.weight", "attn.o_proj.weight"},
      {"time_mix_ln.", "attn.g_norm."},
      {"channel_mix_lerp_k.weight", "ffn.x_k"},
      {"channel_mix_", "ffn."}}},
    {"receptance", "model.blocks.", R"("head_size": 32, "layer_norm_epsilon": 1e-6, "embedding_layer_norm_fused": false)",
     {{"token_embd.weight", "model.embeddings.weight"},
      {"token_embd_norm.", "model.blocks.0.ln0."},
      {"output_norm.", "model.ln_out."},
      {"attn_norm_2.", "ln2."},
      {"attn_norm.", "ln1."},
      {"time_mix_w0.weight", "att.w0"},
      {"time_mix_a0.weight", "att.a0"},
      {"time_mix_v0.weight", "att.v0"},
      {"time_mix_k_k.weight", "att.k_k"},
      {"time_mix_k_a.weight", "att.k_a"},
      {"time_mix_r_k.weight", "att.r_k"},
      {"time_mix_lerp_fused.weight", "att.x_"},
      {"time_mix_ln.", "att.ln_x."},
      {"time_mix_", "att."},
      {"channel_mix_lerp_k.weight", "ffn.x_k"},
      {"channel_mix_", "ffn."}}},
};

// `name`, GGUF's, as this form has it.
std::string its_name(const Form& form, std::string_view name) {
  std::string layer;
  if (constexpr std::string_view kBlk = "blk."; name.starts_with(kBlk)) {
    const size_t dot = name.find('.', kBlk.size());
    layer = form.layer + std::string(name.substr(kBlk.size(), dot + 1 - kBlk.size()));
    name.remove_prefix(dot + 1);
  }
  for (const auto& [from, to] : form.names)
    if (name.starts_with(from)) return layer + std::string(to) + std::string(name.substr(from.size()));
  ADD_FAILURE() << name;
  return {};
}

class Rwkv7Folder : public testing::TestWithParam<Form> {};

TEST_P(Rwkv7Folder, has_the_logits_of_the_same_weights_in_gguf) {
  const Form& form = GetParam();
  TinyCheckpoint tiny("rwkv7", DType::f32);
  const Checkpoint checkpoint = tiny.get();
  std::deque<std::string> names;
  std::vector<NamedTensor> tensors;
  for (const NamedTensor& t : checkpoint.tensors) {
    const std::string name = its_name(form, t.name);
    if (name.ends_with("x_")) {  // six rows of their own, 1 x 1 x C
      const int32_t C = t.tensor.cols();
      for (size_t i = 0; i < 6; ++i) {
        float* row = static_cast<float*>(t.tensor.data) + i * size_t(C);
        tensors.push_back({names.emplace_back(name + "rwkvag"[i]), make_tensor(row, DType::f32, {1, 1, C})});
      }
    } else {
      tensors.push_back({names.emplace_back(name), t.tensor});
    }
  }
  TemporaryFolder folder;
  std::ofstream(folder.path / "config.json")
      << R"({"model_type": "rwkv7", "hidden_size": 64, "num_hidden_layers": 2, "intermediate_size": 96, "vocab_size": 80,
             "decay_low_rank_dim": 8, "a_low_rank_dim": 8, "v_low_rank_dim": 8, "gate_low_rank_dim": 8, "tie_word_embeddings": true, )" << form.config << "}";
  write_tensors(folder.path / "model.safetensors", tensors);
  const auto source = open(folder.path);
  ASSERT_TRUE(source);

  const auto ids = some_ids(40, 80);
  Engine expected(checkpoint, kernels(), 1, f32_cache()), engine(source->checkpoint(), kernels(), 1, f32_cache());
  ASSERT_TRUE(engine.status().ok()) << engine.status().message();
  EXPECT_EQ(all_logits(engine, ids), all_logits(expected, ids));
}

INSTANTIATE_TEST_SUITE_P(forms, Rwkv7Folder, testing::ValuesIn(kForms), [](const auto& form) { return std::string(form.param.name); });

}  // namespace
}  // namespace synapse::test
