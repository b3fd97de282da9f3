// Any source as one GGUF v3 file: tensors as they are, or each in a format of its own; the metadata of the
// source; its tokenizer; the terms that its model card states. Takes no more memory than a few pieces of a
// tensor.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "synapse/import/file_type.h"
#include "synapse/import/metadata.h"
#include "synapse/import/source.h"

namespace synapse {

// Between numbers and storage formats, whole rows at a time.
struct RowCodec {
  // n values at `in`; false for a format that is not read.
  std::function<bool(DType from, const uint8_t* in, size_t n, float* y)> decode;
  // Rows first_row .. of tensor `to`, x (n_rows, cols), into its format at `out`.
  std::function<Status(const NamedTensor& to, int64_t first_row, int64_t n_rows, const float* x, std::span<uint8_t> out)>
      encode;
};

// What the tensors of a source become.
struct Target {
  std::vector<DType> dtypes;            // in the source's order; rows are whole blocks of each
  std::string label;                    // Q4_0: of the file's name
  std::optional<uint32_t> file_type;    // general.file_type; without one the file has none
  Metadata more = {};                   // further entries
  std::vector<std::string> notes = {};  // what is not as asked for, and why
};

// Matrices as `dtype`, or as they are without one: vectors and norms f32, the embedding and the head what kFileTypes
// says. Only f32, f16 and bf16 can become another format.
Result<Target> plan_conversion(const Source& source, std::optional<DType> dtype);

struct WriteOptions {
  std::string path = {};  // empty: general.name as a ModelName, in the working folder
  bool overwrite = false;
  RowCodec codec = {};
  // Told how far it is; false stops. May be null.
  bool (*progress)(void* context, uint64_t done_bytes, uint64_t all_bytes) = nullptr;
  void* context = nullptr;
};

struct Converted {
  std::string path;
  uint64_t bytes = 0;
  size_t n_tensors = 0, n_metadata = 0;
  std::vector<std::string> notes;
};

// The file has its name only when it is complete. An infinity or a NaN in a tensor that changes its format is an error.
Result<Converted> write_gguf_of(Source& source, const Target& target, const WriteOptions& options);

// The parts of a name as the GGUF naming convention has them: "qwen3-0.6b-base-F16" is "qwen3", "0.6B",
// "base". A name without a size gets the number of parameters as one.
struct ModelName {
  std::string base, size, finetune;

  static ModelName of(std::string_view name, uint64_t n_parameters);
  std::string file(std::string_view type) const;  // qwen3-0.6B-base-BF16.gguf
};

// 4215808 -> "4.2M", 596049920 -> "596M".
std::string size_label(uint64_t n_parameters);

}  // namespace synapse
