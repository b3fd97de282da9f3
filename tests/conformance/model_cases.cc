#include "model_cases.h"

#include "formula_model.h"
#include "hex.h"
#include "synapse/base/rng.h"
#include "synapse/cpu/cpu_device.h"
#include "synapse/platform/platform.h"
#include "synapse/runtime/session.h"

namespace synapse::conformance {
namespace {

struct Case {
  std::string_view name;
  std::string_view architecture;
  DType dtype;
  DType cache;
  int32_t window;
};

constexpr Case kCases[] = {
    {"llama_q8_0", "llama", DType::q8_0, DType::f16, 0},
    {"qwen2_q4_0", "qwen2", DType::q4_0, DType::f32, 0},
    {"qwen3_q8_0_window", "qwen3", DType::q8_0, DType::f16, 40},
    {"gemma2_q8_0_window", "gemma2", DType::q8_0, DType::f16, 40},  // every second layer; soft-caps, post-norms
    {"gptneox_q4_0", "gptneox", DType::q4_0, DType::f16, 0},         // parallel residuals, layer norms
    {"llama_q4_0_cache_q8_0", "llama", DType::q4_0, DType::q8_0, 0},
    {"qwen2moe_q8_0", "qwen2moe", DType::q8_0, DType::f32, 0},
    {"mamba_q8_0", "mamba", DType::q8_0, DType::f32, 0},
    {"rwkv7_q4_0", "rwkv7", DType::q4_0, DType::f32, 0},
    {"qwen3next_q8_0", "qwen3next", DType::q8_0, DType::f16, 0},
};

constexpr size_t kModelBytes = size_t(1) << 20, kPageBytes = size_t(1) << 20, kWorkBytes = size_t(3) << 20;
constexpr int32_t kPrompt = 90, kChunk = 37, kWritten = 8;

// Hash of every position's logits and of the tokens chosen after them; 0 when something failed.
Result<uint64_t> digest(const Case& c, const Checkpoint& checkpoint, const Kernels& kernels, platform::ThreadPool& pool,
                        std::span<uint8_t> pages, Arena& arena) {
  char text[512];
  Faults faults(text);
  CpuDevice device(kernels, pool);
  SYN_TRY(model, Model::build(checkpoint, device, arena, faults));
  std::memset(pages.data(), 0, pages.size());
  SYN_TRY(page_pool, PagePool::make(device, model->state_layout(), c.cache, c.cache, pages, arena));
  SessionOptions options;
  options.chunk = kChunk, options.k_dtype = options.v_dtype = c.cache;
  SYN_TRY(session, Session::open(*model, device, *page_pool, options, arena));

  int32_t ids[kPrompt];
  for (int32_t i = 0; i < kPrompt; ++i) ids[i] = int32_t(random_bits(5, uint64_t(i)) % uint64_t(model->config().vocab_size));
  uint64_t h = hash64(nullptr, 0);
  const LogitSink sink = {[](void* hash, int32_t, std::span<const float> logits) -> Status {
                            auto& value = *static_cast<uint64_t*>(hash);
                            value = hash64(logits.data(), logits.size_bytes(), value);
                            return {};
                          },
                          &h};
  SYN_RETURN_IF_ERROR(session->feed(ids, &sink));
  SamplerOptions sampler;
  sampler.seed = 3;
  for (int32_t i = 0; i < kWritten; ++i) {
    SYN_TRY(pick, session->next(sampler));
    h = hash64(&pick.id, sizeof pick.id, h);
  }
  return h;
}

}  // namespace

int32_t run_model_cases() {
  auto memory = platform::Reservation::make(kModelBytes + kPageBytes + kWorkBytes);
  auto one = platform::ThreadPool::create(1), several = platform::ThreadPool::create(3);
  if (!memory.ok() || !one.ok() || !several.ok()) return platform::log_line("no memory or no threads"), 1;
  uint8_t* at = memory->bytes().data();

  int32_t passed = 0, failed = 0;
  for (const Case& c : kCases) {
    Arena model_arena(at, kModelBytes);
    test::Shape shape;
    shape.max_seq_len = 128, shape.window = c.window;
    const test::FormulaModel made = test::make_formula_model(c.architecture, c.dtype, shape, kernel_variants()[0], model_arena);
    const Checkpoint checkpoint = made.checkpoint(model_arena);
    uint64_t wanted = 0;
    for (const Kernels& k : kernel_variants())
      for (platform::ThreadPool* pool : {*one, *several}) {
        Arena work(at + kModelBytes + kPageBytes, kWorkBytes);
        const auto got = digest(c, checkpoint, k, *pool, {at + kModelBytes, kPageBytes}, work);
        if (!got.ok()) platform::log_line(got.status().message());
        if (!wanted && got.ok()) wanted = *got;
        const bool same = got.ok() && *got == wanted;
        ++(same ? passed : failed);
        if (!same) platform::log_line(Text<160>("FAILED model.", c.name, " on ", k.isa));
      }
    platform::log_line(Text<128>("digest model.", c.name, " ", hex(wanted).view()));
  }
  platform::log_line(Text<64>("models: ", passed, " passed, ", failed, " failed"));
  platform::ThreadPool::destroy(*one), platform::ThreadPool::destroy(*several);
  return failed;
}

}  // namespace synapse::conformance
