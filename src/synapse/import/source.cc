#include "synapse/import/source.h"

#include <algorithm>

#include "synapse/import/hf_folder.h"
#include "synapse/import/llama2c.h"
#include "synapse/import/names.h"
#include "synapse/import/pattern_engine.h"
#include "synapse/import/rwkv_bin.h"
#include "synapse/import/rwkv_vocab.h"
#include "synapse/import/tokenizer_files.h"
#include "synapse/io/gguf.h"

namespace synapse {
namespace fs = std::filesystem;
namespace {

constexpr size_t kTokenizerTablesFloor = size_t(1) << 20;

using Parts = std::vector<std::span<const uint8_t>>;

fs::path part_path(const fs::path& any, const std::string& prefix, int32_t part, int32_t n_parts) {
  char tail[32];
  std::snprintf(tail, sizeof tail, "-%05d-of-%05d.gguf", part, n_parts);
  return any.parent_path() / (prefix + tail);
}

// The same error, with the file that it is about.
Status about(const fs::path& file, const Status& status) {
  return fail(status.code(), file.c_str(), ": ", status.message());
}

}  // namespace

Source::Source() = default;
Source::~Source() = default;

Result<std::unique_ptr<Source>> Source::open(const std::string& name, Faults& faults, FamilyFiles families) {
  std::unique_ptr<Source> source(new Source);
  source->families_ = std::move(families);
  std::error_code absent;
  SYN_TRY(found, find_model(name));
  source->path_ = found;
  if (fs::is_directory(source->path_, absent)) {
    SYN_RETURN_IF_ERROR(source->open_folder(source->path_, faults));
  } else {
    SYN_RETURN_IF_ERROR(source->open_file(source->path_));
  }
  return source;
}

Status Source::open_file(const fs::path& file) {
  SYN_TRY(mapped, platform::MappedFile::open(file.c_str()));
  const auto bytes = mapped.bytes();
  if (has_rwkv_magic(bytes)) return open_single(file, std::move(mapped), Form::rwkv, rwkv_bin_arena_bytes(bytes), read_rwkv_bin);
  if (has_llama2c_magic(bytes) || (file.extension() == ".bin" && !has_gguf_magic(bytes)))
    return open_single(file, std::move(mapped), Form::llama2c, size_t(kLlama2cArenaBytes), read_llama2c);
  return open_gguf(file, std::move(mapped));
}

Status Source::open_single(const fs::path& file, platform::MappedFile mapped, Form form, Result<size_t> arena_bytes, Reader* read) {
  form_ = form;
  name_ = file.stem().string();
  if (!arena_bytes.ok()) return about(file, arena_bytes.status());
  SYN_TRY(tables, Region::make(*arena_bytes));
  tables_ = std::move(tables);
  const Result<Checkpoint> checkpoint = read(mapped.bytes(), name_, tables_.arena());
  if (!checkpoint.ok()) return about(file, checkpoint.status());
  checkpoint_ = *checkpoint;
  n_files_ = 1;
  file_bytes_ = mapped.bytes().size();
  files_.push_back(std::move(mapped));
  return {};
}

Status Source::open_gguf(const fs::path& file, platform::MappedFile first) {
  form_ = Form::gguf;
  const std::optional<std::string> prefix = split_prefix(file.stem().string());
  const Result<int32_t> split_count = gguf_split_count(first.bytes());
  if (!split_count.ok()) return about(file, split_count.status());
  const int32_t n_parts = *split_count;
  if (n_parts > 1 && !prefix) {
    return fail(Code::invalid, file.c_str(), ": one of ", n_parts,
                " parts, wanted a name like NAME-00001-of-0000N.gguf");
  }
  if (n_parts <= 1) {
    files_.push_back(std::move(first));
  } else {
    for (int32_t part = 1; part <= n_parts; ++part) {
      SYN_TRY(next, platform::MappedFile::open(part_path(file, *prefix, part, n_parts).c_str()));
      files_.push_back(std::move(next));
    }
  }

  Parts parts;
  for (const platform::MappedFile& mapped : files_) {
    parts.push_back(mapped.bytes());
    file_bytes_ += mapped.bytes().size();
  }
  n_files_ = parts.size();
  SYN_TRY(tables, Region::make(gguf_arena_bytes(parts)));
  tables_ = std::move(tables);
  const Result<Checkpoint> checkpoint = read_gguf(parts, tables_.arena());
  if (!checkpoint.ok()) return about(file, checkpoint.status());
  checkpoint_ = *checkpoint;
  return {};
}

Status Source::open_folder(const fs::path& folder, Faults& faults) {
  std::error_code absent;
  if (fs::exists(folder / "config.json", absent)) {
    SYN_TRY(opened, HfFolder::open(folder.string(), faults, families()));
    folder_ = std::make_unique<HfFolder>(std::move(opened));
    checkpoint_ = folder_->checkpoint();
    for (const auto& entry : fs::directory_iterator(folder, absent)) {
      if (entry.path().extension() != ".safetensors") continue;
      ++n_files_;
      file_bytes_ += entry.file_size(absent);
    }
    return {};
  }
  if (const std::string_view name = tokenizer_file_of(folder); !name.empty()) {
    checkpoint_.format = name;
    n_files_ = 1;
    file_bytes_ = fs::file_size(folder / name, absent);
    return {};
  }
  const std::vector<fs::path> files = gguf_files(folder);
  if (files.size() == 1) {
    path_ = files[0];
    return open_file(path_);
  }
  if (files.empty()) {
    return fail(Code::not_found, folder.c_str(), ": no config.json, tokenizer or GGUF file in this folder");
  }
  std::vector<std::string> names;
  for (const fs::path& file : files) names.push_back(file.filename().string());
  return fail(Code::invalid, folder.c_str(), ": ", files.size(), " GGUF files, wanted one: ", joined(names));
}

const Result<TokenizerSpec>& Source::tokenizer() {
  if (!tokenizer_) tokenizer_ = std::make_unique<Result<TokenizerSpec>>(read_tokenizer());
  return *tokenizer_;
}

Result<TokenizerSpec> Source::read_tokenizer() {
  switch (form_) {
    case Form::gguf:
      return read_gguf_tokenizer();
    case Form::llama2c:
      return read_llama2c_tokenizer();
    case Form::rwkv:
      return read_rwkv_tokenizer();
    case Form::folder:
      break;
  }
  return read_folder_tokenizer(path_, tokenizer_region_, files_);
}

Result<TokenizerSpec> Source::read_gguf_tokenizer() {
  // A table entry of a token is no larger than a few times the bytes it has in the file.
  size_t bytes = kTokenizerTablesFloor;
  for (const MetaEntry& entry : checkpoint_.metadata) bytes += 16 * entry.value.bytes.size();
  SYN_TRY(region, Region::make(bytes));
  tokenizer_region_ = std::move(region);
  SYN_TRY(spec, tokenizer_spec(checkpoint_, tokenizer_region_.arena()));
  if (!spec.patterns.empty()) spec.pattern_engine = pattern_engine();
  return spec;
}

// tok512.bin beside a checkpoint with 512 tokens, or tokenizer.bin.
Result<TokenizerSpec> Source::read_llama2c_tokenizer() {
  SYN_TRY(vocab_size, checkpoint_.require_int("{arch}.vocab_size"));
  const std::string sized = "tok" + std::to_string(vocab_size) + ".bin";
  for (const std::string& name : {sized, std::string("tokenizer.bin")}) {
    const fs::path file = path_.parent_path() / name;
    std::error_code absent;
    if (!fs::exists(file, absent)) continue;
    SYN_TRY(mapped, platform::MappedFile::open(file.c_str()));
    SYN_TRY(region, Region::make(llama2c_tokenizer_arena_bytes(mapped.bytes())));
    tokenizer_region_ = std::move(region);
    const auto spec =
        synapse::read_llama2c_tokenizer(mapped.bytes(), int32_t(vocab_size), tokenizer_region_.arena());
    if (!spec.ok()) return about(file, spec.status());
    files_.push_back(std::move(mapped));
    return spec;
  }
  return fail(Code::not_found, path_.c_str(), ": no tokenizer; wanted ", sized,
              " or tokenizer.bin beside it");
}

// A model of 256 tokens reads bytes; the others have the world vocabulary, which is a file of its own.
Result<TokenizerSpec> Source::read_rwkv_tokenizer() {
  SYN_TRY(vocab_size, checkpoint_.require_int("{arch}.vocab_size"));
  if (vocab_size == 256) {
    SYN_TRY(region, Region::make(kByteTokenizerArenaBytes));
    tokenizer_region_ = std::move(region);
    return byte_tokenizer(tokenizer_region_.arena());
  }
  constexpr std::string_view kVocabulary = "rwkv_vocab_v20230424.txt";
  const fs::path file = path_.parent_path() / kVocabulary;
  std::error_code absent;
  if (!fs::exists(file, absent))
    return fail(Code::not_found, path_.c_str(), ": no tokenizer; wanted ", kVocabulary, " beside it");
  SYN_TRY(mapped, platform::MappedFile::open(file.c_str()));
  SYN_TRY(region, Region::make(rwkv_vocab_arena_bytes(mapped.bytes())));
  tokenizer_region_ = std::move(region);
  const auto spec = read_rwkv_vocab(mapped.bytes(), tokenizer_region_.arena());
  return spec.ok() ? spec : about(file, spec.status());
}

void Source::drop_tokenizer() {
  tokenizer_.reset();
  tokenizer_region_ = Region();
  if (form_ != Form::gguf || checkpoint_.tensors.empty()) return;
  const uint8_t *const file = files_[0].bytes().data(), *first = file + files_[0].bytes().size();
  for (const NamedTensor& named : checkpoint_.tensors) {
    const auto* data = static_cast<const uint8_t*>(named.tensor.data);
    if (data >= file && data < first) first = data;
  }
  release({file, size_t(first - file)});
}

std::vector<int32_t> Source::end_ids() {
  std::vector<int32_t> ids;
  if (const Result<TokenizerSpec>& spec = tokenizer(); spec.ok())
    ids.assign(spec->end_ids.begin(), spec->end_ids.end());
  const MetaValue* more = checkpoint_.find("synapse.generation.end_ids");
  if (more && more->type == MetaType::array && more->element == MetaType::i32) {
    for (uint64_t i = 0; i < more->count; ++i) ids.push_back(int32_t(meta_element(*more, i).i));
  }
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

void Source::release(std::span<const uint8_t> part) const {
  for (const platform::MappedFile& file : files_) {
    const std::span<const uint8_t> all = file.bytes();
    if (part.data() >= all.data() && part.data() + part.size() <= all.data() + all.size()) file.release(part);
  }
}

void Source::expect_few_reads() const {
  for (const platform::MappedFile& file : files_) file.expect_few_reads();
}

}  // namespace synapse
