// Any source as one GGUF v3 file: tensors as they are, or matrices in another format; the metadata of the
// source; its tokenizer; the terms that its model card states. Takes no more memory than a few pieces of a
// tensor.
#pragma once
#include <string>
#include <vector>

#include "synapse/import/file_type.h"
#include "synapse/import/source.h"

namespace synapse {

struct ConvertOptions {
  // Empty: as they are. Else matrices become this; vectors and norms f32, the embedding and the head what
  // kFileTypes says. Only f32, f16 and bf16 can become another format.
  std::optional<DType> dtype = {};
  std::string path = {};  // empty: general.name as a ModelName, in the working folder
  bool overwrite = false;
  Quantize quantize = nullptr;
  // Told how far it is; false stops. May be null.
  bool (*progress)(void* context, uint64_t done_bytes, uint64_t all_bytes) = nullptr;
  void* context = nullptr;
};

struct Converted {
  std::string path;
  uint64_t bytes = 0;
  size_t n_tensors = 0, n_metadata = 0;
  std::vector<std::string> notes;  // what is not as asked for, and why
};

Result<Converted> convert_to_gguf(Source& source, const ConvertOptions& options);

// The parts of a name as the GGUF naming convention has them: "qwen3-0.6b-base-F16" is "qwen3", "0.6B",
// "base". A name without a size gets the number of parameters as one.
struct ModelName {
  std::string base, size, finetune;

  static ModelName of(std::string_view name, uint64_t n_parameters);
  std::string file(DType dtype) const;  // qwen3-0.6B-base-BF16.gguf
};

// 4215808 -> "4.2M", 596049920 -> "596M".
std::string size_label(uint64_t n_parameters);

}  // namespace synapse
