// What -m names, opened: a GGUF file (any part of a split one), a llama2.c or rwkv.cpp checkpoint, a folder in Hugging Face
// form, a folder of tokenizer files alone, a folder with one GGUF, or a name (import/names.h).
#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "synapse/base/faults.h"
#include "synapse/import/family_files.h"
#include "synapse/io/checkpoint.h"
#include "synapse/platform/region.h"
#include "synapse/runtime/tokenizer.h"

namespace synapse {

class HfFolder;  // import/hf_folder.h

class Source {
 public:
  // Everything that is wrong with a folder is noted in `faults`. `families` go before those that are built in.
  static Result<std::unique_ptr<Source>> open(const std::string& name, Faults& faults, FamilyFiles families = {});
  ~Source();

  // Without tensors where there are only tokenizer files.
  const Checkpoint& checkpoint() const { return checkpoint_; }
  const std::filesystem::path& path() const { return path_; }  // the file (first part) or folder
  FamilyList families() const { return families_.list(); }  // to build the model with
  size_t n_files() const { return n_files_; }
  uint64_t file_bytes() const { return file_bytes_; }  // all parts together

  // Read when first asked for: a model whose tokenizer we lack can still be computed with. kind is none when
  // there is none. Views this source until drop_tokenizer.
  const Result<TokenizerSpec>& tokenizer();
  size_t tokenizer_table_bytes() const { return tokenizer_region_.arena().peak(); }
  // The memory of the spec goes back; a Tokenizer built from it stays.
  void drop_tokenizer();

  // Every id that ends a generation: the tokenizer's, GGUF's and generation_config.json's; ascending.
  std::vector<int32_t> end_ids();

  // These bytes of a mapped file may leave memory; they come back when read.
  void release(std::span<const uint8_t> part) const;
  // Most of what is read of the mapped files from now on is read elsewhere.
  void expect_few_reads() const;

 private:
  Source();
  enum class Form : uint8_t { gguf, llama2c, rwkv, folder };

  Status open_file(const std::filesystem::path& file);
  Status open_gguf(const std::filesystem::path& file, platform::MappedFile first);
  using Reader = Result<Checkpoint>(std::span<const uint8_t> file, std::string_view name, Arena& arena);
  Status open_single(const std::filesystem::path& file, platform::MappedFile mapped, Form form, Result<size_t> arena_bytes, Reader* read);
  Status open_folder(const std::filesystem::path& folder, Faults& faults);
  Result<TokenizerSpec> read_tokenizer();
  Result<TokenizerSpec> read_gguf_tokenizer();
  Result<TokenizerSpec> read_llama2c_tokenizer();
  Result<TokenizerSpec> read_rwkv_tokenizer();

  FamilyFiles families_;
  Form form_ = Form::folder;
  std::filesystem::path path_;
  std::string name_;  // of a llama2.c or rwkv.cpp checkpoint
  size_t n_files_ = 0;
  uint64_t file_bytes_ = 0;
  std::vector<platform::MappedFile> files_;
  std::unique_ptr<HfFolder> folder_;  // null for files and where there are only tokenizer files
  Region tables_;
  Checkpoint checkpoint_;
  Region tokenizer_region_;
  std::unique_ptr<Result<TokenizerSpec>> tokenizer_;
};

}  // namespace synapse
