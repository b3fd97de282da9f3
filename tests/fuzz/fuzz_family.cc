// Any bytes as the two files of a family, model.json and after a zero byte weights.json: refused, or wired over small models
// of four kinds and read over a small Hugging Face model, with a Status or with logits that are numbers or an error.
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "formula_model.h"
#include "synapse/cpu/cpu_device.h"
#include "synapse/import/family_files.h"
#include "synapse/import/hf_config.h"
#include "synapse/runtime/session.h"

using namespace synapse;

namespace {

platform::ThreadPool& one_thread() {
  static platform::ThreadPool* const pool = *platform::ThreadPool::create(1);
  return *pool;
}

// Checkpoints that the wiring may or may not fit.
std::span<const Checkpoint> checkpoints() {
  static std::vector<uint8_t> memory(4 << 20);
  static Arena arena(memory.data(), memory.size());
  static const std::vector<Checkpoint> all = [] {
    std::vector<Checkpoint> made;
    test::Shape shape;
    shape.dim = 32, shape.hidden_dim = 32, shape.n_heads = 2, shape.n_kv_heads = 1, shape.head_dim = 16, shape.vocab_size = 32;
    shape.max_seq_len = 64, shape.window = 4;
    for (const char* architecture : {"llama", "gemma2", "phi3", "gptneox"})
      made.push_back(test::make_formula_model(architecture, DType::q8_0, shape, kernel_variants()[0], arena).checkpoint(arena));
    return made;
  }();
  return all;
}

void run(const Model& model, Device& device) {
  SessionOptions options;
  options.max_seq_len = 8;
  const StateLayout& layout = model.state_layout();
  std::vector<uint8_t> pages(PagePool::bytes_for(layout, options.k_dtype, options.v_dtype, limits_of(model, options)) + 64);
  const size_t bytes = PagePool::arena_bytes(layout, options.k_dtype, options.v_dtype, pages.size()) +
                       Session::arena_bytes(model, device, options) + 4096;
  std::vector<uint8_t> memory(bytes);
  Arena arena(memory.data(), memory.size());
  const auto pool = PagePool::make(device, layout, options.k_dtype, options.v_dtype, pages, arena);
  if (!pool.ok()) return;
  const auto session = Session::open(model, device, **pool, options, arena);
  if (!session.ok()) return;
  const int32_t ids[] = {1, 2, 3, 4, 5, 6};
  if (!(*session)->feed(ids).ok()) return;
  const auto logits = (*session)->logits();
  if (!logits.ok()) return;
  for (const float logit : *logits)
    if (logit != logit) std::abort();  // that would have been an error
}

void build_all(const FamilyList& families) {
  CpuDevice device(kernel_variants()[0], one_thread());
  for (const Checkpoint& checkpoint : checkpoints()) {
    std::vector<uint8_t> memory(Model::arena_bytes(checkpoint) + 64);
    Arena arena(memory.data(), memory.size());
    char lines[2048];
    Faults faults(lines);
    const auto model = Model::build(checkpoint, device, arena, faults, families);
    if (model.ok()) run(**model, device);
  }
}

constexpr std::string_view kConfig =
    R"({"num_hidden_layers": 2, "hidden_size": 8, "intermediate_size": 12, "num_attention_heads": 2, "num_key_value_heads": 1,
        "max_position_embeddings": 64, "rms_norm_eps": 1e-6, "layer_norm_eps": 1e-6, "vocab_size": 4, "sliding_window": 4,
        "layer_types": ["sliding_attention", "full_attention"], "rope_theta": 10000.0, "n": 2, "half": 0.5})";

void map_all(const WeightMap& map) {
  std::vector<uint8_t> memory(1 << 18), data(1 << 12, 0x3C);
  Arena arena(memory.data(), memory.size());
  const auto config = parse_json(kConfig, arena);
  HfValues values(config->root());
  std::deque<std::string> texts;
  char lines[2048];
  Faults faults(lines);
  const auto read = read_hf_config(map, values, {}, texts, arena, faults);
  const auto tensor = [&](std::string_view name, DType type, std::initializer_list<int32_t> dims) {
    return NamedTensor{name, make_tensor(data.data() + 1, type, dims)};
  };
  const NamedTensor tensors[] = {tensor("vector", DType::bf16, {8}),       tensor("matrix", DType::f32, {8, 6}),
                                 tensor("conv", DType::f16, {4, 1, 3}),    tensor("l.0.w", DType::f32, {12, 8}),
                                 tensor("l.1.w", DType::f32, {12, 8}),     tensor("l.0.e.0.w", DType::bf16, {2, 4}),
                                 tensor("l.0.e.1.w", DType::bf16, {2, 4}), tensor("whole", DType::i32, {3, 5})};
  const auto mapped = map_tensors(map, values, read.ok() && read->n_layers > 0 && read->n_layers <= 8 ? read->n_layers : 2,
                                  tensors, texts, arena, faults);
  uint64_t sum = 0;
  for (const NamedTensor& t : mapped) {
    if (!t.tensor.contiguous()) std::abort();
    for (size_t i = 0; i < t.tensor.bytes(); ++i) sum += static_cast<const uint8_t*>(t.tensor.data)[i];
  }
  if (sum > (uint64_t(255) << 20)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 1 << 14) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t end = std::min(text.find('\0'), size);
  const Family family{"fuzz", text.substr(0, end), end < size ? text.substr(end + 1) : std::string_view()};
  if (!check_family(family).ok()) return 0;
  const FamilyList families{{&family, 1}};
  build_all(families);
  if (family.weights_json.empty()) return 0;
  std::vector<uint8_t> memory(json_arena_bytes({reinterpret_cast<const uint8_t*>(family.weights_json.data()), family.weights_json.size()}) + 64);
  Arena arena(memory.data(), memory.size());
  map_all({parse_json(family.weights_json, arena)->root(), "fuzz"});
  return 0;
}
