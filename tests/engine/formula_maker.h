// Puts the tables of a formula model together.
#pragma once
#include "formula_model.h"
#include "synapse/base/math.h"
#include "synapse/base/rng.h"

namespace synapse::test {

struct FormulaMaker {
  static constexpr size_t kMost = 128;
  std::string_view architecture;
  DType dtype;
  const Kernels& kernels;
  Arena& arena;
  MetaEntry* metadata = arena.array<MetaEntry>(kMost);
  NamedTensor* tensors = arena.array<NamedTensor>(kMost);
  size_t n_metadata = 0, n_tensors = 0;

  template <typename... Parts>
  std::string_view name(const Parts&... parts) {
    const Text<96> text(parts...);
    char* kept = arena.array<char>(text.view().size());
    SYN_CHECK(kept);
    std::memcpy(kept, text.view().data(), text.view().size());
    return {kept, text.view().size()};
  }

  MetaValue& meta(std::string_view key, MetaType type) {
    SYN_CHECK(metadata && n_metadata < kMost);
    MetaEntry& entry = metadata[n_metadata++] = {key, {}};
    entry.value.type = type;
    return entry.value;
  }
  void number(std::string_view key, int32_t n) { meta(name(architecture, ".", key), MetaType::u32).u = uint64_t(n); }
  void real(std::string_view key, double x) { meta(name(architecture, ".", key), MetaType::f32).f = x; }

  // base + scale * u, u uniform in [-1, 1).
  void add(std::string_view tensor, DType type, std::initializer_list<int32_t> dims, float base, float scale) {
    SYN_CHECK(tensors && n_tensors < kMost);
    Tensor t = make_tensor(nullptr, type, dims);
    t.data = arena.alloc(t.bytes());
    const size_t mark = arena.mark();
    float* x = arena.array<float>(t.size());
    SYN_CHECK(t.data && x);
    const uint64_t seed = hash64(tensor.data(), tensor.size());
    for (size_t i = 0; i < t.size(); ++i) x[i] = base + scale * (2 * random_unit(seed, i) - 1);
    kernels.formats[size_t(type)].quantize(t.data, x, t.size());
    arena.rewind(mark);
    tensors[n_tensors++] = {tensor, t};
  }
  void vector(std::string_view tensor, int32_t n, float base, float scale) { add(tensor, DType::f32, {n}, base, scale); }
  void matrix(std::string_view tensor, int32_t rows, int32_t cols) {
    add(tensor, dtype, {rows, cols}, 0, 1.5f / sqrt_f32(float(cols)));
  }
  void experts(std::string_view tensor, int32_t n, int32_t rows, int32_t cols) {
    add(tensor, dtype, {n, rows, cols}, 0, 1.5f / sqrt_f32(float(cols)));
  }
};

// The architectures that have recurrent layers: formula_recurrent.cc.
bool is_recurrent(std::string_view architecture);
FormulaModel make_recurrent_model(std::string_view architecture, DType dtype, const Shape& shape, const Kernels& kernels,
                                  Arena& arena);

}  // namespace synapse::test
