#include "synapse/import/synth.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <deque>
#include <vector>

#include "synapse/base/rng.h"
#include "synapse/import/hf_config.h"
#include "synapse/io/gguf_write.h"
#include "synapse/platform/platform.h"

namespace synapse {
namespace {

constexpr SynthShape kShapes[] = {
    {"qwen3-0.6b", "qwen3", "qwen2", 28, 1024, 3072, 16, 8, 128, 151936, 40960, 1e6f, 1e-6f, true, 0, false},
    {"llama-3.2-1b", "llama", "llama-bpe", 16, 2048, 8192, 32, 8, 64, 128256, 131072, 500000, 1e-5f, false,
     32, true},
    {"mamba-130m", "mamba", "llama-bpe", 24, 768, 0, 0, 0, 0, 50280, 1048576, 0, 1e-5f, false, 0, false, 1536, 16, 4, 48},
    {"rwkv7-0.1b", "rwkv7", "llama-bpe", 12, 768, 3072, 0, 0, 64, 65536, 1048576, 0, 1e-5f, false, 0, false},
    {"rwkv7-0.4b", "rwkv7", "llama-bpe", 24, 1024, 4096, 0, 0, 64, 65536, 1048576, 0, 1e-5f, false, 0, false},
    {"tiny-mamba", "mamba", "llama-bpe", 2, 64, 0, 0, 0, 0, 512, 256, 0, 1e-5f, false, 0, false, 128, 16, 4, 8},
    {"tiny-rwkv7", "rwkv7", "llama-bpe", 2, 128, 256, 0, 0, 64, 512, 256, 0, 1e-5f, false, 0, false},
    {"tiny-llama", "llama", "llama-bpe", 2, 64, 128, 4, 2, 32, 512, 256, 10000, 1e-5f, false, 0, true},
    {"tiny-qwen3", "qwen3", "qwen2", 2, 64, 128, 4, 2, 32, 512, 256, 10000, 1e-6f, true, 0, false},
};

// Byte-level BPE: the 256 bytes in the alphabet of GPT-2, then words over a..z and A..Z by length, each made
// of the word before its last letter and that letter; at the end the control tokens.
struct Vocabulary {
  std::vector<std::string> tokens, merges;
  std::vector<int32_t> types;
  int32_t bos = 0, eos = 0;
};

std::string byte_token(int byte) {
  const auto shows = [](int b) { return (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174; };
  int code = byte;
  if (!shows(byte)) {
    code = 256;
    for (int b = 0; b < byte; ++b) code += !shows(b);
  }
  if (code < 0x80) return std::string(1, char(code));
  return {char(0xC0 | code >> 6), char(0x80 | (code & 63))};
}

Vocabulary make_vocabulary(const SynthShape& shape) {
  constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  const std::vector<std::string> control =
      shape.pre == "qwen2" ? std::vector<std::string>{"<|endoftext|>", "<|im_start|>", "<|im_end|>"}
                           : std::vector<std::string>{"<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"};
  Vocabulary v;
  for (int byte = 0; byte < 256; ++byte) v.tokens.push_back(byte_token(byte));
  const size_t n_words = size_t(shape.vocab_size) - 256 - control.size();
  std::deque<std::string> shorter;  // whose extensions come next
  for (const char c : letters) shorter.emplace_back(1, c);
  while (v.merges.size() < n_words) {
    for (size_t i = 0; i < letters.size() && v.merges.size() < n_words; ++i) {
      v.merges.push_back(shorter.front() + ' ' + letters[i]);
      v.tokens.push_back(shorter.front() + letters[i]);
      shorter.push_back(v.tokens.back());
    }
    shorter.pop_front();
  }
  v.types.assign(v.tokens.size(), 1);
  const auto first = int32_t(v.tokens.size());
  for (const std::string& token : control) v.tokens.push_back(token), v.types.push_back(3);
  v.bos = first, v.eos = shape.pre == "qwen2" ? first + 2 : first + 1;
  return v;
}

// RWKV-7's matrices of low rank, as in its models of 0.1 and 0.4 B.
struct Lora {
  char letter;
  std::string_view key;
  int32_t rank;
  bool has_bias;
};
constexpr Lora kLoras[] = {{'w', "decay_lora_rank", 64, true}, {'a', "iclr_lora_rank", 64, true},
                           {'v', "value_residual_mix_lora_rank", 32, true}, {'g', "gate_lora_rank", 128, false}};

// Values base + reach * (-1 .. 1).
struct Range {
  float base, reach;
};
constexpr Range kNorm = {1, 0.1f};

// Everything that stands before the data of a file.
class Plan {
 public:
  Plan(const SynthShape& s, const FileType& type) : shape_(s), vocabulary_(make_vocabulary(s)) {
    text("general.architecture", s.architecture), text("general.name", s.name);
    number("general.file_type", type.number), number("general.quantization_version", 2);
    number("{arch}.vocab_size", uint32_t(s.vocab_size));
    number("{arch}.block_count", uint32_t(s.n_layers)),
        number("{arch}.context_length", uint32_t(s.max_seq_len));
    number("{arch}.embedding_length", uint32_t(s.dim)),
        number("{arch}.feed_forward_length", uint32_t(s.hidden_dim));
    number("{arch}.attention.head_count", uint32_t(s.n_heads));
    put(is_rwkv() ? "{arch}.attention.layer_norm_epsilon" : "{arch}.attention.layer_norm_rms_epsilon", meta_f32(s.norm_eps));
    if (is_rwkv()) {
      number("{arch}.wkv.head_size", uint32_t(s.head_dim));
      for (const Lora& lora : kLoras) number("{arch}.attention." + std::string(lora.key), uint32_t(lora.rank));
    } else if (s.n_channels) {
      number("{arch}.ssm.conv_kernel", uint32_t(s.n_taps)), number("{arch}.ssm.inner_size", uint32_t(s.n_channels));
      number("{arch}.ssm.state_size", uint32_t(s.n_state)), number("{arch}.ssm.time_step_rank", uint32_t(s.dt_rank));
    } else {
      number("{arch}.attention.head_count_kv", uint32_t(s.n_kv_heads));
      number("{arch}.attention.key_length", uint32_t(s.head_dim)), number("{arch}.attention.value_length", uint32_t(s.head_dim));
      number("{arch}.rope.dimension_count", uint32_t(s.head_dim)), put("{arch}.rope.freq_base", meta_f32(s.rope_theta));
    }
    text("tokenizer.ggml.model", "gpt2"), text("tokenizer.ggml.pre", s.pre);
    put("tokenizer.ggml.tokens", strings(vocabulary_.tokens)),
        put("tokenizer.ggml.merges", strings(vocabulary_.merges));
    put("tokenizer.ggml.token_type", meta_array(std::span<const int32_t>(vocabulary_.types)));
    number("tokenizer.ggml.bos_token_id", uint32_t(vocabulary_.bos)),
        number("tokenizer.ggml.eos_token_id", uint32_t(vocabulary_.eos));
    put("tokenizer.ggml.add_bos_token", meta_bool(s.add_bos));
    list_tensors(type);
  }

  const SynthShape& shape() const { return shape_; }
  std::vector<MetaEntry> metadata;
  std::vector<NamedTensor> tensors;
  std::vector<Range> ranges;  // of the values of each

 private:
  void put(std::string_view key, MetaValue value) {
    constexpr std::string_view arch = "{arch}";
    std::string& full = texts_.emplace_back(key);
    if (full.starts_with(arch)) full.replace(0, arch.size(), shape_.architecture);
    metadata.push_back({full, value});
  }
  void number(std::string_view key, uint32_t value) { put(key, meta_u32(value)); }
  void text(std::string_view key, std::string_view value) { put(key, meta_text(value)); }

  MetaValue strings(const std::vector<std::string>& from) {
    const std::vector<std::string_view> views(from.begin(), from.end());
    size_t bytes = Arena::kAlign;
    for (const std::string_view v : views) bytes += sizeof(uint64_t) + v.size();
    auto& memory = memory_.emplace_back(bytes);
    Arena arena(memory.data(), memory.size());
    return *meta_array(views, arena);
  }

  bool is_rwkv() const { return shape_.architecture == "rwkv7"; }

  void add(const std::string& name, DType dtype, std::initializer_list<int32_t> dims, Range range) {
    tensors.push_back({texts_.emplace_back(name), make_tensor(nullptr, dtype, dims)});
    ranges.push_back(range);
  }
  void matrix(const std::string& name, DType dtype, int32_t out, int32_t in) {
    add(name, in % info(dtype).block_elements ? DType::f32 : dtype, {out, in}, {0, std::sqrt(3.0f / float(in))});
  }
  void vector(const std::string& name, int32_t n, Range range) { add(name, DType::f32, {n}, range); }

  void list_tensors(const FileType& type) {
    const SynthShape& s = shape_;
    matrix("token_embd.weight", type.embedding, s.vocab_size, s.dim);
    vector("output_norm.weight", s.dim, kNorm);
    if (s.llama3_factor > 0) vector("rope_freqs.weight", s.head_dim / 2, {});
    if (is_rwkv()) {
      matrix("output.weight", type.embedding, s.vocab_size, s.dim);  // not tied: RWKV-7 has two
      vector("output_norm.bias", s.dim, {0, 0.1f});
      vector("token_embd_norm.weight", s.dim, kNorm), vector("token_embd_norm.bias", s.dim, {0, 0.1f});
    }
    for (int32_t layer = 0; layer < s.n_layers; ++layer) {
      const std::string blk = "blk." + std::to_string(layer) + ".";
      vector(blk + "attn_norm.weight", s.dim, kNorm);
      if (is_rwkv()) list_rwkv7(blk, type.dtype);
      else if (s.n_channels) list_mamba(blk, type.dtype);
      else list_transformer(blk, type.dtype);
    }
  }

  void list_transformer(const std::string& blk, DType dtype) {
    const SynthShape& s = shape_;
    const int32_t q = s.n_heads * s.head_dim, kv = s.n_kv_heads * s.head_dim;
    matrix(blk + "attn_q.weight", dtype, q, s.dim), matrix(blk + "attn_k.weight", dtype, kv, s.dim);
    matrix(blk + "attn_v.weight", dtype, kv, s.dim), matrix(blk + "attn_output.weight", dtype, s.dim, q);
    if (s.qk_norm) vector(blk + "attn_q_norm.weight", s.head_dim, kNorm), vector(blk + "attn_k_norm.weight", s.head_dim, kNorm);
    vector(blk + "ffn_norm.weight", s.dim, kNorm);
    matrix(blk + "ffn_gate.weight", dtype, s.hidden_dim, s.dim), matrix(blk + "ffn_up.weight", dtype, s.hidden_dim, s.dim);
    matrix(blk + "ffn_down.weight", dtype, s.dim, s.hidden_dim);
  }

  void list_mamba(const std::string& blk, DType dtype) {
    const SynthShape& s = shape_;
    const int32_t C = s.n_channels;
    matrix(blk + "ssm_in.weight", dtype, 2 * C, s.dim), matrix(blk + "ssm_x.weight", dtype, s.dt_rank + 2 * s.n_state, C);
    add(blk + "ssm_conv1d.weight", DType::f32, {C, s.n_taps}, {0, 0.5f}), vector(blk + "ssm_conv1d.bias", C, {0, 0.1f});
    matrix(blk + "ssm_dt.weight", DType::f32, C, s.dt_rank), vector(blk + "ssm_dt.bias", C, {-4, 1});
    add(blk + "ssm_a", DType::f32, {C, s.n_state}, {-8.5f, 7.5f}), vector(blk + "ssm_d", C, {1, 0.3f});
    matrix(blk + "ssm_out.weight", dtype, s.dim, C);
  }

  void list_rwkv7(const std::string& blk, DType dtype) {
    const int32_t C = shape_.dim;
    vector(blk + "attn_norm.bias", C, {0, 0.1f}), vector(blk + "attn_norm_2.weight", C, kNorm), vector(blk + "attn_norm_2.bias", C, {0, 0.1f});
    add(blk + "time_mix_lerp_fused.weight", DType::f32, {6, 1, 1, C}, {0.5f, 0.5f});
    for (const std::string name : {"receptance", "key", "value", "output"}) matrix(blk + "time_mix_" + name + ".weight", dtype, C, C);
    for (const Lora& lora : kLoras) {
      // llama.cpp wants some of the value residual in the first layer too, of the rank of a; nobody reads them.
      const int32_t rank = lora.letter == 'v' && blk == "blk.0." ? kLoras[1].rank : lora.rank;
      const std::string name = blk + "time_mix_" + lora.letter;
      matrix(name + "1.weight", dtype, rank, C), matrix(name + "2.weight", dtype, C, rank);
      if (lora.has_bias) vector(name + "0.weight", C, {0, 1});
    }
    for (const std::string name : {"k_k", "k_a"}) vector(blk + "time_mix_" + name + ".weight", C, {1, 0.2f});
    vector(blk + "time_mix_r_k.weight", C, {0, 0.1f});
    vector(blk + "time_mix_ln.weight", C, kNorm), vector(blk + "time_mix_ln.bias", C, {0, 0.1f});
    add(blk + "channel_mix_lerp_k.weight", DType::f32, {1, 1, C}, {0.5f, 0.5f});
    matrix(blk + "channel_mix_key.weight", dtype, shape_.hidden_dim, C), matrix(blk + "channel_mix_value.weight", dtype, C, shape_.hidden_dim);
  }

  const SynthShape& shape_;
  Vocabulary vocabulary_;
  std::deque<std::string> texts_;
  std::deque<std::vector<uint8_t>> memory_;
};

// n values of a tensor from index `first` on.
void fill(const NamedTensor& t, Range range, const SynthShape& shape, uint64_t seed, uint64_t first,
          std::span<float> out) {
  if (t.name == "rope_freqs.weight") {
    const auto freqs = llama3_rope_freqs(double(shape.rope_theta), shape.head_dim,
                                         {double(shape.llama3_factor), 1, 4, 8192});
    std::ranges::copy(std::span(freqs).subspan(first, out.size()), out.begin());
    return;
  }
  const uint64_t own = hash64(t.name.data(), t.name.size()) ^ mix64(seed);
  for (size_t i = 0; i < out.size(); ++i) out[i] = range.base + range.reach * (2 * random_unit(own, first + i) - 1);
}

Status write_tensor(GgufWriter& writer, const NamedTensor& t, Range range, const SynthShape& shape, uint64_t seed,
                    Quantize quantize) {
  constexpr size_t kElements = 1 << 20;  // at a time
  const size_t cols = size_t(t.tensor.cols()), rows = size_t(t.tensor.rows());
  const size_t step = std::max<size_t>(1, kElements / cols);
  std::vector<float> values(std::min(step, rows) * cols);
  std::vector<uint8_t> bytes(std::min(step, rows) * t.tensor.row_bytes());
  for (size_t row = 0; row < rows; row += step) {
    const size_t n = std::min(step, rows - row);
    const std::span<float> part = std::span(values).first(n * cols);
    fill(t, range, shape, seed, row * cols, part);
    if (t.tensor.dtype == DType::f32) {
      std::memcpy(bytes.data(), part.data(), part.size_bytes());
    } else if (!quantize(t.tensor.dtype, bytes.data(), part.data(), part.size())) {
      return fail(Code::unsupported, t.name, ": no quantiser for ", label(t.tensor.dtype));
    }
    SYN_RETURN_IF_ERROR(writer.write({bytes.data(), n * t.tensor.row_bytes()}));
  }
  return {};
}

Status write_all(platform::NewFile& file, const Plan& plan, uint64_t seed, Quantize quantize) {
  SYN_TRY(writer, GgufWriter::begin(file.sink(), plan.metadata, plan.tensors));
  for (size_t i = 0; i < plan.tensors.size(); ++i)
    SYN_RETURN_IF_ERROR(write_tensor(writer, plan.tensors[i], plan.ranges[i], plan.shape(), seed, quantize));
  return writer.finish();
}

}  // namespace

std::span<const SynthShape> synth_shapes() { return kShapes; }

Status write_synth(const SynthShape& shape, DType dtype, uint64_t seed, Quantize quantize,
                   const std::string& path, bool overwrite) {
  const FileType* type = find_file_type(dtype);
  if (!type) return fail(Code::unsupported, "synth: type ", label(dtype), " has no file type here");
  const Plan plan(shape, *type);
  SYN_TRY(file, platform::NewFile::create(path.c_str(), overwrite));
  SYN_RETURN_IF_ERROR(write_all(file, plan, seed, quantize));
  return file.finish();
}

}  // namespace synapse
