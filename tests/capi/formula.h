// A model with weights by formula, as the bytes of a GGUF file: big enough that reading a long prompt takes a while.
#pragma once
#include "formula_model.h"
#include "story.h"
#include "synapse/io/gguf_write.h"

namespace synapse::test {

class FormulaBytes {
 public:
  explicit FormulaBytes(Shape shape = {}) : n_vocab_(shape.vocab_size) {
    std::vector<uint8_t> memory(size_t(64) << 20);
    Arena arena(memory.data(), memory.size());
    const FormulaModel model = make_formula_model("llama", DType::q8_0, shape, kernels(), arena);
    const auto append = [](void* to, std::span<const uint8_t> bytes) {
      auto& all = *static_cast<std::vector<uint8_t>*>(to);
      all.insert(all.end(), bytes.begin(), bytes.end());
      return Status();
    };
    EXPECT_TRUE(write_gguf({append, &bytes_}, model.checkpoint(arena)).ok());
  }

  // The bytes must outlive the model.
  ModelHandle load() const {
    syn_model* model = nullptr;
    syn_error error;
    EXPECT_EQ(syn_model_load_memory(bytes_.data(), bytes_.size(), nullptr, &model, &error), SYN_OK) << error.message;
    return ModelHandle(model);
  }
  std::vector<int32_t> prompt(size_t n) const {
    std::vector<int32_t> ids(n);
    for (size_t i = 0; i < n; ++i) ids[i] = int32_t(i * 7 % size_t(n_vocab_));
    return ids;
  }

 private:
  int32_t n_vocab_;
  std::vector<uint8_t> bytes_;
};

}  // namespace synapse::test
