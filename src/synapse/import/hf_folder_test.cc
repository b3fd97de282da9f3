#include "synapse/import/hf_folder.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <array>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "synapse/base/half.h"
#include "synapse/import/hf_config.h"
#include "synapse/import/safetensors.h"
#include "synapse/io/gguf.h"

namespace synapse {
namespace {

namespace fs = std::filesystem;

// A folder under the temporary one that goes with the test.
struct Folder {
  Folder() : path(fs::path(::testing::TempDir()) / ("synapse_hf_" + std::to_string(::getpid()))) {
    fs::remove_all(path);
    fs::create_directories(path);
  }
  ~Folder() { fs::remove_all(path); }

  void write(const char* name, std::string_view text) const {
    std::ofstream(path / name, std::ios::binary).write(text.data(), std::streamsize(text.size()));
  }

  fs::path path;
};

struct Opened {
  explicit Opened(const fs::path& path) : faults(lines), result(HfFolder::open(path.string(), faults)) {}
  std::string error() const { return std::string(result.status().message()); }
  std::string all() const { return std::string(faults.lines()); }
  const Checkpoint& checkpoint() const { return result->checkpoint(); }

  char lines[4096] = {};
  Faults faults;
  Result<HfFolder> result;
};

// A llama of one layer: hidden 8, one KV head of 4, feed-forward 4, vocabulary 5. Tensor values count up from
// 0.
struct TinyLlama {
  std::string config =
      R"({"model_type":"llama","hidden_size":8,"intermediate_size":4,"num_hidden_layers":1,"num_attention_heads":2,
    "num_key_value_heads":1,"vocab_size":5,"max_position_embeddings":16,"rms_norm_eps":1e-05,"rope_theta":500000.0,
    "tie_word_embeddings":false,"hidden_act":"silu","rope_scaling":null})";
  std::vector<std::pair<std::string, std::vector<int32_t>>> tensors = {
      {"model.embed_tokens.weight", {5, 8}}, {"model.norm.weight", {8}}, {"lm_head.weight", {5, 8}}};
  DType dtype = DType::f32;

  TinyLlama() {
    for (const char* q : {"input_layernorm", "post_attention_layernorm"}) add(q, {8});
    add("self_attn.q_proj", {8, 8}), add("self_attn.k_proj", {4, 8}), add("self_attn.v_proj", {4, 8}),
        add("self_attn.o_proj", {8, 8});
    add("mlp.gate_proj", {4, 8}), add("mlp.up_proj", {4, 8}), add("mlp.down_proj", {8, 4});
  }
  void add(const std::string& name, std::vector<int32_t> dims) {
    tensors.emplace_back("model.layers.0." + name + ".weight", std::move(dims));
  }
  TinyLlama& replace(std::string_view from, std::string_view to) {
    const size_t at = config.find(from);
    EXPECT_NE(at, config.npos) << from;
    config.replace(at, from.size(), to);
    return *this;
  }
  TinyLlama& with(std::string_view members) { return replace("\"rope_scaling\":null", members); }

  void write(const Folder& folder, const char* name = "model.safetensors") const {
    folder.write("config.json", config);
    std::deque<std::vector<uint8_t>> data;
    std::vector<NamedTensor> named;
    for (const auto& [tensor, dims] : tensors) {
      Tensor t = dims.size() == 2 ? make_tensor(nullptr, dtype, {dims[0], dims[1]})
                                  : make_tensor(nullptr, dtype, {dims[0]});
      auto& bytes = data.emplace_back(t.bytes());
      for (size_t i = 0; i < t.size(); ++i) {
        const float f = float(i);
        const uint16_t h = f32_to_bf16(f);
        if (dtype == DType::f32) std::memcpy(bytes.data() + 4 * i, &f, 4);
        if (dtype == DType::bf16) std::memcpy(bytes.data() + 2 * i, &h, 2);
      }
      t.data = bytes.data();
      named.push_back({tensor, t});
    }
    std::string out;
    const Sink sink{[](void* to, std::span<const uint8_t> b) {
                      static_cast<std::string*>(to)->append(reinterpret_cast<const char*>(b.data()),
                                                            b.size());
                      return Status();
                    },
                    &out};
    ASSERT_TRUE(write_safetensors(sink, named).ok());
    folder.write(name, out);
  }
};

std::string error_of(const TinyLlama& model) {
  const Folder folder;
  model.write(folder);
  const Opened o(folder.path);
  EXPECT_EQ(o.result.ok(), o.faults.none() && o.error().empty());
  return o.result.ok() ? "" : o.error() + "\n" + o.all();
}

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

TEST(hf_folder, a_llama_gets_gguf_names_and_numbers) {
  const Folder folder;
  TinyLlama().write(folder);
  const Opened o(folder.path);
  ASSERT_TRUE(o.result.ok()) << o.error() << o.all();
  const Checkpoint& c = o.checkpoint();
  EXPECT_EQ(c.architecture(), "llama");
  EXPECT_EQ(c.tensors.size(), 12u);
  const std::pair<const char*, int64_t> numbers[] = {
      {"block_count", 1},          {"embedding_length", 8},       {"feed_forward_length", 4},
      {"context_length", 16},      {"attention.head_count", 2},   {"attention.head_count_kv", 1},
      {"attention.key_length", 4}, {"attention.value_length", 4}, {"vocab_size", 5},
      {"rope.dimension_count", 4}};
  for (const auto& [key, value] : numbers)
    EXPECT_EQ(*c.require_int("{arch}." + std::string(key)), value) << key;
  EXPECT_EQ(c.find("llama.rope.freq_base")->as_float(), 500000.0);
  EXPECT_EQ(c.find("{arch}.attention.layer_norm_rms_epsilon")->as_float(), double(1e-5f));
  EXPECT_EQ(c.find("{arch}.attention.sliding_window"), nullptr);
  EXPECT_EQ(c.find("{arch}.rope.scaling.type"), nullptr);
  ASSERT_NE(c.tensor("output.weight"), nullptr);
  // k: one head of 4 rows of 8, halves become pairs.
  const float* k = static_cast<const float*>(c.tensor("blk.0.attn_k.weight")->data);
  const int from[] = {0, 2, 1, 3};
  for (int row = 0; row < 4; ++row) EXPECT_EQ(k[8 * row + 5], float(8 * from[row] + 5)) << row;
  const float* q = static_cast<const float*>(c.tensor("blk.0.attn_q.weight")->data);
  EXPECT_EQ(q[8 * 5], float(8 * 6));  // the second head's second row
  const float* v = static_cast<const float*>(c.tensor("blk.0.attn_v.weight")->data);
  EXPECT_EQ(v[8], 8.0f);
}

TEST(hf_folder, vectors_become_f32_and_matrices_stay) {
  const Folder folder;
  TinyLlama model;
  model.dtype = DType::bf16;
  model.write(folder);
  const Opened o(folder.path);
  ASSERT_TRUE(o.result.ok()) << o.error();
  EXPECT_EQ(o.checkpoint().tensor("token_embd.weight")->dtype, DType::bf16);
  EXPECT_EQ(*o.checkpoint().require_int("general.file_type"), 32);
  const Tensor* norm = o.checkpoint().tensor("blk.0.ffn_norm.weight");
  ASSERT_EQ(norm->dtype, DType::f32);
  EXPECT_EQ(static_cast<const float*>(norm->data)[7], 7.0f);
}

TEST(hf_folder, a_tied_model_has_no_output) {
  const Folder folder;
  TinyLlama model;
  model.replace("\"tie_word_embeddings\":false", "\"tie_word_embeddings\":true").write(folder);
  EXPECT_EQ(Opened(folder.path).checkpoint().tensor("output.weight"), nullptr);
  model.tensors.erase(model.tensors.begin() + 2);
  EXPECT_EQ(error_of(model), "");
}

TEST(hf_folder, every_missing_and_unknown_tensor_is_named) {
  TinyLlama model;
  model.tensors.erase(model.tensors.begin() + 1, model.tensors.begin() + 3);
  model.tensors.emplace_back("model.layers.1.mlp.up_proj.weight", std::vector<int32_t>{4, 8});
  model.tensors.emplace_back("model.layers.00.mlp.up_proj.weight", std::vector<int32_t>{4, 8});
  model.tensors.emplace_back("visual.proj", std::vector<int32_t>{4, 8});
  model.tensors.emplace_back("model.layers.0.self_attn.rotary_emb.inv_freq", std::vector<int32_t>{2});
  const std::string error = error_of(model);
  EXPECT_HAS(error, "model.norm.weight: missing");
  EXPECT_HAS(error, "lm_head.weight: missing");
  EXPECT_HAS(error, "model.layers.1.mlp.up_proj.weight: not a tensor of a llama model of 1 layers");
  EXPECT_HAS(error, "model.layers.00.mlp.up_proj.weight: not");
  EXPECT_HAS(error, "visual.proj: not");
  EXPECT_EQ(error.find("inv_freq"), error.npos) << error;
}

TEST(hf_folder, numbers_that_cannot_be_are_named_with_what_was_wanted) {
  const std::pair<const char*, const char*> wrong[] = {
      {"\"hidden_size\":8", "config.json hidden_size: found "},
      {"\"num_hidden_layers\":1", "config.json num_hidden_layers: found "},
      {"\"vocab_size\":5", "config.json vocab_size: found "},
      {"\"num_attention_heads\":2", "config.json num_attention_heads: found "},
      {"\"rms_norm_eps\":1e-05", "config.json rms_norm_eps: found "},
      {"\"rope_theta\":500000.0", "config.json rope_theta: found "}};
  for (const auto& [member, message] : wrong) {
    const std::string key(member, std::string_view(member).find(':') + 1);
    for (const char* value : {"0", "-1", "1e31", "\"8\"", "[8]", "true"}) {
      const std::string error = error_of(TinyLlama().replace(member, key + value));
      EXPECT_HAS(error, message + std::string(value == std::string("[8]") ? "an array" : value));
    }
  }
  EXPECT_HAS(error_of(TinyLlama().replace("\"hidden_size\":8,", "")),
             "hidden_size: found nothing, wanted an integer from 1");
  EXPECT_HAS(error_of(TinyLlama().replace("\"hidden_size\":8", "\"hidden_size\":9")),
             "no multiple of num_attention_heads 2");
  EXPECT_HAS(error_of(TinyLlama().replace("\"hidden_size\":8", "\"hidden_size\":NaN")),
             "config.json hidden_size: found NaN, wanted an integer from 1");
  EXPECT_HAS(error_of(TinyLlama().replace("\"num_hidden_layers\":1", "\"num_hidden_layers\":2147483647")),
             "num_hidden_layers");
  EXPECT_HAS(error_of(TinyLlama().with("\"head_dim\":5")), "rotary dims");
  EXPECT_HAS(error_of(TinyLlama().replace("\"num_key_value_heads\":1", "\"num_key_value_heads\":3")),
             "k_proj.weight: 4 rows, wanted a multiple of 2 x 3");
  EXPECT_HAS(error_of(TinyLlama().with("\"eos_token_id\":[1,5]")), "eos_token_id: found 5, wanted 0 to 4");
}

TEST(hf_folder, what_is_not_run_is_refused_by_name) {
  EXPECT_HAS(error_of(TinyLlama().replace("\"llama\"", "\"zebra\"")),
             "model_type: found \"zebra\" (docs/add-a-model.md says how to add it), wanted one of ");
  EXPECT_HAS(error_of(TinyLlama().replace("silu", "gelu")), "hidden_act: found \"gelu\", wanted silu");
  const std::pair<const char*, const char*> quantised[] = {
      {R"("quantization_config":{"quant_method":"gptq","bits":4,"group_size":128})",
       "config.json quantization_config: quant_method \"gptq\" (4 bits, groups of 128) is not read"},
      {R"("quantization_config":{"quant_method":"bitsandbytes","load_in_4bit":true})", "\"bitsandbytes\" (4 bits)"},
      {R"("quantization_config":{"quant_method":"fp8"})", "\"fp8\" is not read"},
      {R"("quantization_config":{})", "quant_method nothing is not read"},
      {R"("quantization":{"group_size":64,"bits":4})", "config.json quantization: quant_method nothing (4 bits, groups of 64)"},
      {R"("text_config":{"quantization_config":{"quant_method":"awq"}})", "quant_method \"awq\" is not read"}};
  for (const auto& [members, message] : quantised) EXPECT_HAS(error_of(TinyLlama().with(members)), message);
  {
    const Folder folder;
    TinyLlama().write(folder);
    folder.write("quantize_config.json", R"({"bits": 8})");
    EXPECT_HAS(Opened(folder.path).error(), "quantize_config.json: quant_method nothing (8 bits) is not read");
  }
  for (const char* type : {"yearn", "dynamic"}) {
    EXPECT_HAS(
        error_of(TinyLlama().with("\"rope_scaling\":{\"type\":\"" + std::string(type) + "\",\"factor\":2}")),
        "rope type: found \"" + std::string(type));
    EXPECT_HAS(error_of(TinyLlama().with("\"rope_parameters\":{\"rope_type\":\"" + std::string(type) +
                                         "\",\"factor\":2}")),
               "rope type: found");
  }
  EXPECT_HAS(error_of(TinyLlama().with("\"layer_types\":[\"chunked_attention\"]")), "layer_types: found \"chunked_attention\" in layer 0");
  EXPECT_HAS(error_of(TinyLlama().with("\"layer_types\":[]")), "layer_types: 0 of them for 1 layers");
  EXPECT_HAS(error_of(TinyLlama().with(
                 R"("rope_scaling":{"type":"longrope","long_factor":[1,2],"short_factor":[1],"original_max_position_embeddings":4})")),
             "short_factor: 1 of them, wanted 2");
}

TEST(hf_folder, name_terms_and_templates_come_along) {
  const Folder folder;
  const fs::path snapshot = folder.path / "models--org--Tiny-1B" / "snapshots" / std::string(40, 'c');
  fs::create_directories(snapshot);
  TinyLlama().write(folder);
  folder.write("README.md", "---\nlicense: mit\n---\n");
  folder.write("tokenizer_config.json",
               R"({"chat_template": [{"name": "default", "template": "a"}, {"name": "tool_use", "template": "b"}]})");
  for (const char* file : {"config.json", "model.safetensors", "README.md", "tokenizer_config.json"})
    fs::rename(folder.path / file, snapshot / file);
  const Opened o(snapshot);
  ASSERT_TRUE(o.result.ok()) << o.error();
  EXPECT_EQ(*o.checkpoint().require_text("general.name"), "Tiny-1B");
  EXPECT_EQ(*o.checkpoint().require_text("general.organization"), "org");
  EXPECT_EQ(*o.checkpoint().require_text("general.license"), "mit");
  EXPECT_EQ(*o.checkpoint().require_text("tokenizer.chat_template"), "a");
  EXPECT_EQ(*o.checkpoint().require_text("tokenizer.chat_template.tool_use"), "b");
  EXPECT_EQ(o.checkpoint().find("tokenizer.chat_templates")->count, 1u);
}

TEST(hf_folder, rope_is_read_in_both_forms) {
  for (const char* form :
       {"\"rope_scaling\":{\"type\":\"linear\",\"factor\":2.5}",
        "\"rope_parameters\":{\"rope_theta\":7.0,\"rope_type\":\"linear\",\"factor\":2.5}"}) {
    const Folder folder;
    TinyLlama().with(form).write(folder);
    const Opened o(folder.path);
    ASSERT_TRUE(o.result.ok()) << o.error();
    EXPECT_EQ(*o.checkpoint().require_text("{arch}.rope.scaling.type"), "linear");
    EXPECT_EQ(o.checkpoint().find("{arch}.rope.scaling.factor")->as_float(), 2.5);
    EXPECT_EQ(o.checkpoint().find("{arch}.rope.freq_base")->as_float(), form[6] == 's' ? 500000.0 : 7.0);
  }
}

TEST(hf_folder, yarn_keeps_its_numbers_and_the_factor_beyond_the_usual) {
  const auto read = [](const std::string& members) {
    const Folder folder;
    TinyLlama().with("\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":4.0,\"original_max_position_embeddings\":64" + members + "}").write(folder);
    const Opened o(folder.path);
    EXPECT_TRUE(o.result.ok()) << o.error();
    const auto number = [&](const char* key) {
      const MetaValue* v = o.checkpoint().find(std::string("{arch}.rope.scaling.") + key);
      return v ? v->as_float().value_or(-1) : 0;
    };
    EXPECT_EQ(number("factor"), 4);
    EXPECT_EQ(number("original_context_length"), 64);
    return std::array{number("attn_factor"), number("yarn_beta_fast"), number("yarn_beta_slow")};
  };
  const double usual = 1 + 0.1 * std::log(4.0);
  EXPECT_EQ(read(""), (std::array{1.0, 0.0, 0.0}));
  EXPECT_EQ(read(R"(,"beta_fast":16,"beta_slow":2)"), (std::array{1.0, 16.0, 2.0}));
  EXPECT_NEAR(read(R"(,"attention_factor":1.5)")[0], 1.5 / usual, 1e-7);
  EXPECT_NEAR(read(R"(,"mscale":0.5,"mscale_all_dim":1.0)")[0], (1 + 0.05 * std::log(4.0)) / usual / usual, 1e-7);
  EXPECT_HAS(error_of(TinyLlama().with(R"("rope_scaling":{"rope_type":"yarn","factor":4.0,"truncate":false})")), "rope truncate: found false");
}

TEST(hf_folder, llama3_scaling_becomes_rope_freqs) {
  const Folder folder;
  TinyLlama()
      .with(
          R"("rope_scaling":{"rope_type":"llama3","factor":8.0,"low_freq_factor":1.0,"high_freq_factor":4.0,"original_max_position_embeddings":8192})")
      .write(folder);
  const Opened o(folder.path);
  ASSERT_TRUE(o.result.ok()) << o.error();
  const Tensor* freqs = o.checkpoint().tensor("rope_freqs.weight");
  ASSERT_NE(freqs, nullptr);
  EXPECT_EQ(freqs->size(), 2u);
  EXPECT_EQ(static_cast<const float*>(freqs->data)[0], 1.0f);
  // Published form: wavelengths below original/high stay, above original/low are divided by factor, between
  // interpolate.
  const auto f = llama3_rope_freqs(500000, 128, {8, 1, 4, 8192});
  for (int i = 0; i < 64; ++i) {
    const double inv = std::pow(500000.0, -2.0 * i / 128), wavelength = 2 * M_PI / inv;
    double scaled = inv;
    if (wavelength > 8192.0)
      scaled = inv / 8;
    else if (wavelength >= 8192.0 / 4) {
      const double smooth = (8192 / wavelength - 1) / (4 - 1);
      scaled = (1 - smooth) * inv / 8 + smooth * inv;
    }
    EXPECT_NEAR(f[size_t(i)], inv / scaled, 1e-6 * inv / scaled) << i;
  }
  EXPECT_EQ(f[0], 1.0f);
  EXPECT_EQ(f[63], 8.0f);
  EXPECT_HAS(error_of(TinyLlama().with(R"("rope_scaling":{"rope_type":"llama3","factor":8.0})")),
             "rope low_freq_factor: found nothing");
  EXPECT_HAS(
      error_of(TinyLlama().with(
          R"("rope_scaling":{"rope_type":"llama3","factor":8.0,"low_freq_factor":4,"high_freq_factor":4,"original_max_position_embeddings":8192})")),
      "high_freq_factor: 4");
}

TEST(hf_folder, a_window_counts_only_when_it_is_used) {
  const auto window = [](const char* members) -> std::optional<int64_t> {
    const Folder folder;
    TinyLlama().with(members).write(folder);
    const Opened o(folder.path);
    EXPECT_TRUE(o.result.ok()) << o.error();
    const MetaValue* v = o.checkpoint().find("{arch}.attention.sliding_window");
    return v ? v->as_int() : std::nullopt;
  };
  EXPECT_EQ(window("\"sliding_window\":6"), 6);
  EXPECT_EQ(window("\"sliding_window\":6,\"use_sliding_window\":true,\"max_window_layers\":0"), 6);
  EXPECT_EQ(window("\"sliding_window\":6,\"use_sliding_window\":false"), std::nullopt);
  EXPECT_EQ(window("\"sliding_window\":6,\"use_sliding_window\":true,\"max_window_layers\":28"),
            std::nullopt);
  EXPECT_EQ(window("\"sliding_window\":null"), std::nullopt);
}

TEST(hf_folder, generation_settings_and_end_ids_are_kept) {
  const Folder folder;
  TinyLlama().with("\"eos_token_id\":1").write(folder);
  folder.write("generation_config.json",
               R"({"eos_token_id":[3,1],"temperature":0.6,"top_k":20,"top_p":0.95,"do_sample":true})");
  folder.write("chat_template.jinja", "{{ messages }}");
  const Opened o(folder.path);
  ASSERT_TRUE(o.result.ok()) << o.error();
  const MetaValue* ends = o.checkpoint().find("synapse.generation.end_ids");
  ASSERT_EQ(ends->count, 2u);
  EXPECT_EQ(meta_element(*ends, 0).as_int(), 1);
  EXPECT_EQ(meta_element(*ends, 1).as_int(), 3);
  EXPECT_EQ(o.checkpoint().find("general.sampling.temp")->as_float(), double(0.6f));
  EXPECT_EQ(o.checkpoint().find("general.sampling.top_k")->as_int(), 20);
  EXPECT_EQ(o.checkpoint().find("general.sampling.top_p")->as_float(), double(0.95f));
  EXPECT_EQ(*o.checkpoint().require_text("tokenizer.chat_template"), "{{ messages }}");
  folder.write("generation_config.json", R"({"temperature":0.6,"do_sample":false})");
  EXPECT_EQ(Opened(folder.path).checkpoint().find("general.sampling.temp")->as_float(), 0.0);  // greedy
  folder.write("generation_config.json", R"({"temperature":-1})");
  EXPECT_HAS(std::string(Opened(folder.path).error()), "generation_config.json temperature: found -1");
}

TEST(hf_folder, broken_folders_are_refused) {
  const Folder folder;
  EXPECT_HAS(Opened(folder.path).error(), "config.json");
  folder.write("config.json", TinyLlama().config);
  EXPECT_HAS(Opened(folder.path).error(), "no model.safetensors and no model.safetensors.index.json");
  folder.write("model.safetensors.index.json", R"({"weight_map":{"a":"../../etc/passwd"}})");
  EXPECT_HAS(Opened(folder.path).error(), "is not a plain name");
  folder.write("model.safetensors.index.json", R"({"weight_map":{"a":"absent.safetensors"}})");
  EXPECT_HAS(Opened(folder.path).error(), "absent.safetensors");
  TinyLlama().write(folder, "one.safetensors");
  folder.write("model.safetensors.index.json", R"({"weight_map":{"ghost":"one.safetensors"}})");
  EXPECT_HAS(Opened(folder.path).error(), "ghost: not in one.safetensors as the index says");
  folder.write("other.safetensors", std::string_view("\2\0\0\0\0\0\0\0{}", 10));
  folder.write("model.safetensors.index.json",
               R"({"weight_map":{"lm_head.weight":"one.safetensors","model.norm.weight":"other.safetensors"}})");
  EXPECT_HAS(Opened(folder.path).error(), "model.norm.weight: not in other.safetensors as the index says");
  folder.write("config.json", "[]");
  EXPECT_HAS(Opened(folder.path).error(), "config.json: wanted an object");
  folder.write("config.json", "");
  EXPECT_FALSE(Opened(folder.path).result.ok());
}

// Public and project files.

fs::path data_folder() {
  const char* set = std::getenv("SYNAPSE_TEST_DATA");
  return set ? fs::path(set) : fs::path(SYNAPSE_SOURCE_DIR) / "../shared/data";
}

struct Gguf {
  explicit Gguf(const fs::path& path)
      : file(platform::MappedFile::open(path.c_str())),
        part(file->bytes()),
        memory(gguf_arena_bytes({&part, 1})),
        arena(memory.data(), memory.size()),
        result(read_gguf({&part, 1}, arena)) {}
  Result<platform::MappedFile> file;
  std::span<const uint8_t> part;
  std::vector<uint8_t> memory;
  Arena arena;
  Result<Checkpoint> result;
};

void expect_same_tensors(const Checkpoint& a, const Checkpoint& b) {
  EXPECT_EQ(a.tensors.size(), b.tensors.size());
  for (const NamedTensor& t : b.tensors) {
    const Tensor* other = a.tensor(t.name);
    ASSERT_NE(other, nullptr) << t.name;
    EXPECT_EQ(other->dtype, t.tensor.dtype) << t.name;
    ASSERT_TRUE(same_shape(*other, t.tensor)) << t.name;
    EXPECT_EQ(std::memcmp(other->data, t.tensor.data, t.tensor.bytes()), 0) << t.name;
  }
}

TEST(hf_files, the_story_model_is_its_gguf) {
  const fs::path folder = data_folder() / "models/synapse-story-4m";
  if (!fs::exists(folder)) GTEST_SKIP() << "no test data";
  const Opened hf(folder);
  ASSERT_TRUE(hf.result.ok()) << hf.error();
  const Gguf gguf(folder / "gguf/synapse-story-4m-f32.gguf");
  ASSERT_TRUE(gguf.result.ok());
  expect_same_tensors(hf.checkpoint(), *gguf.result);
  int n = 0;
  for (const MetaEntry& e : gguf.result->metadata) {
    if (!e.key.starts_with("qwen3.")) continue;
    const MetaValue* v = hf.checkpoint().find(e.key);
    ASSERT_NE(v, nullptr) << e.key;
    EXPECT_EQ(v->as_float(), e.value.as_float()) << e.key;
    ++n;
  }
  EXPECT_GE(n, 10);
  EXPECT_FALSE(hf.result->tokenizer_json().empty());
}

// The flat files of the public collection, put into a folder as a download would be.
void link(const Folder& folder, const char* from, const char* to) {
  fs::create_symlink(fs::absolute(data_folder() / "tiny-hf" / from), folder.path / to);
}

TEST(hf_files, a_sharded_model_is_the_whole_one) {
  if (!fs::exists(data_folder() / "tiny-hf")) GTEST_SKIP() << "no test data";
  const Folder folder;
  link(folder, "tiny_llama_config.json", "config.json");
  link(folder, "tiny_llama.safetensors", "model.safetensors");
  const Opened whole(folder.path);
  ASSERT_TRUE(whole.result.ok()) << whole.error() << whole.all();
  fs::remove(folder.path / "model.safetensors");
  link(folder, "tiny_llama.safetensors.index.json", "model.safetensors.index.json");
  for (const char* shard : {"tiny_llama-00001-of-00002.safetensors", "tiny_llama-00002-of-00002.safetensors"})
    link(folder, shard, shard);
  const Opened shards(folder.path);
  ASSERT_TRUE(shards.result.ok()) << shards.error() << shards.all();
  expect_same_tensors(shards.checkpoint(), whole.checkpoint());
}

TEST(hf_files, a_qwen3_of_odd_head_size_is_read) {
  if (!fs::exists(data_folder() / "tiny-hf")) GTEST_SKIP() << "no test data";
  const Folder folder;
  link(folder, "tiny_qwen3_config.json", "config.json");
  link(folder, "tiny_qwen3.safetensors", "model.safetensors");
  const Opened o(folder.path);
  ASSERT_TRUE(o.result.ok()) << o.error() << o.all();
  EXPECT_EQ(*o.checkpoint().require_int("{arch}.attention.key_length"), 6);
  EXPECT_EQ(o.checkpoint().tensor("blk.1.attn_q_norm.weight")->size(), 6u);
}

}  // namespace
}  // namespace synapse
