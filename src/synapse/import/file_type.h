// general.file_type: the number by which a GGUF file says what most of its matrices are stored as.
#pragma once
#include <cstdint>

#include "synapse/base/dtype.h"

namespace synapse {

struct FileType {
  DType dtype;
  uint32_t number;
  DType embedding;  // what the embedding and the head are stored as
};
inline constexpr FileType kFileTypes[] = {{DType::f32, 0, DType::f32},    {DType::f16, 1, DType::f16},
                                          {DType::bf16, 32, DType::bf16}, {DType::q8_0, 7, DType::q8_0},
                                          {DType::q4_0, 2, DType::q8_0},  {DType::q4_1, 3, DType::q8_0},
                                          {DType::q5_0, 8, DType::q8_0},  {DType::q5_1, 9, DType::q8_0}};

// Null for a format that no file type stands for here.
constexpr const FileType* find_file_type(DType dtype) {
  for (const FileType& type : kFileTypes)
    if (type.dtype == dtype) return &type;
  return nullptr;
}

// n elements, whole blocks, into `out`; false when it cannot make this format.
using Quantize = bool (*)(DType dtype, void* out, const float* in, size_t n);

}  // namespace synapse
