#include "synapse/import/hf_folder.h"

#include <filesystem>
#include <map>

#include "synapse/import/model_card.h"
#include "synapse/import/safetensors.h"
#include "synapse/import/sentence_folder.h"
#include "synapse/import/weight_map.h"

namespace synapse {
namespace {

namespace fs = std::filesystem;
using platform::MappedFile;

constexpr size_t kSlackBytes = 1 << 20;  // the families' JSON, names, alignment

// An absent file is an empty one; any other trouble is an error.
Result<MappedFile> open_if_there(const fs::path& path) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return MappedFile();
  return MappedFile::open(path.c_str());
}

Result<JsonValue> parse_object(std::string_view file, std::span<const uint8_t> bytes, Arena& arena) {
  if (bytes.empty()) return JsonValue();
  JsonLimits limits;
  limits.python_numbers = true;  // time_step_limit: [0.0, Infinity]
  const auto document = parse_json(bytes, arena, limits);
  if (!document.ok()) return fail(document.status().code(), file, ": ", document.status().message());
  if (!document->root().is_object()) return fail(Code::corrupt, file, ": wanted an object");
  return document->root();
}

// general.file_type of a checkpoint whose largest matrices have this type.
uint32_t file_type(DType dtype) { return dtype == DType::f16 ? 1 : dtype == DType::bf16 ? 32 : 0; }

// Whose model a folder is: the repository that a download cache keeps it for
// (models--ORG--NAME/snapshots/COMMIT), else the folder's own name.
struct Repository {
  std::string organization, name;
};
Repository repository_of(const fs::path& folder) {
  const fs::path root = fs::weakly_canonical(folder);
  constexpr std::string_view kMark = "models--", kBetween = "--";
  const std::string cached = root.parent_path().filename() == "snapshots" ? root.parent_path().parent_path().filename() : "";
  const size_t between = cached.find(kBetween, kMark.size());
  if (!cached.starts_with(kMark) || between == cached.npos) return {"", root.filename()};
  return {cached.substr(kMark.size(), between - kMark.size()), cached.substr(between + kBetween.size())};
}

std::string_view text_of(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

}  // namespace

Result<Arena> HfFolder::reserve(size_t bytes) {
  SYN_TRY(memory, platform::Reservation::make(bytes));
  memory_.push_back(std::move(memory));
  return Arena(memory_.back().bytes().data(), memory_.back().bytes().size());
}

Result<HfFolder> HfFolder::open(const std::string& folder, Faults& faults, const FamilyList& known) {
  const fs::path root(folder);
  HfFolder self;
  SYN_TRY(config_file, MappedFile::open((root / "config.json").c_str()));
  SYN_TRY(generation_file, open_if_there(root / "generation_config.json"));
  SYN_TRY(tokenizer_file, open_if_there(root / "tokenizer.json"));
  SYN_TRY(tokenizer_config_file, open_if_there(root / "tokenizer_config.json"));
  SYN_TRY(arena,
          self.reserve(json_arena_bytes(config_file.bytes()) + json_arena_bytes(generation_file.bytes()) +
                       json_arena_bytes(tokenizer_config_file.bytes()) + kSlackBytes));
  SYN_TRY(config, parse_object("config.json", config_file.bytes(), arena));
  SYN_TRY(generation, parse_object("generation_config.json", generation_file.bytes(), arena));
  for (const char* name : {"quantize_config.json", "quant_config.json", "hf_quant_config.json"}) {
    SYN_TRY(file, open_if_there(root / name));
    if (file.bytes().empty()) continue;
    SYN_TRY(memory, self.reserve(json_arena_bytes(file.bytes())));
    SYN_TRY(quantization, parse_object(name, file.bytes(), memory));
    return refuse_quantization(name, quantization);
  }
  SYN_TRY(map, WeightMap::of(config["model_type"].as_string(), config["text_config"]["model_type"].as_string(), known, arena));
  self.tokenizer_ = std::move(tokenizer_file);
  self.tokenizer_config_ = std::move(tokenizer_config_file);

  HfValues values(config);
  SYN_TRY(read, read_hf_config(map, values, generation, self.texts_, arena, faults));
  if (!faults.none()) return faults.status(Code::corrupt, "config.json");
  self.metadata_ = std::move(read.metadata);
  self.vectors_ = std::move(read.vectors);

  std::vector<NamedTensor> sources;
  SYN_RETURN_IF_ERROR(self.open_tensors(folder, sources, faults));
  self.tensors_ = map_tensors(map, values, read.n_layers, sources, self.texts_, self.copies_, faults);
  if (!faults.none()) return faults.status(Code::corrupt, "tensors");
  for (HfConfig::Vector& v : self.vectors_)
    self.tensors_.push_back({v.name, make_tensor(v.values.data(), DType::f32, {int32_t(v.values.size())})});

  for (const NamedTensor& t : self.tensors_)
    if (t.name == "token_embd.weight")
      self.metadata_.push_back({"general.file_type", meta_u32(file_type(t.tensor.dtype))});
  SYN_RETURN_IF_ERROR(self.read_about(folder));
  SYN_RETURN_IF_ERROR(read_sentence_folder(root, map.architecture, self.about_));
  SYN_RETURN_IF_ERROR(self.read_chat_templates(folder, arena));
  self.metadata_.insert(self.metadata_.end(), self.about_.entries().begin(), self.about_.entries().end());
  self.checkpoint_.format = "safetensors";
  self.checkpoint_.metadata = self.metadata_;
  self.checkpoint_.tensors = self.tensors_;
  SYN_TRY(index, self.reserve(self.checkpoint_.index_bytes() + 256));
  SYN_RETURN_IF_ERROR(self.checkpoint_.index(index));
  // What the metadata views: config.json's text and the generation's.
  self.files_.push_back(std::move(config_file));
  self.files_.push_back(std::move(generation_file));
  return self;
}

Status HfFolder::open_tensors(const std::string& folder, std::vector<NamedTensor>& tensors, Faults& faults) {
  const fs::path root(folder), whole = root / "model.safetensors",
                               list = root / "model.safetensors.index.json";
  std::error_code ignored;
  ShardIndex index;
  if (fs::exists(whole, ignored)) {
    index.files.push_back("model.safetensors");
  } else if (fs::exists(list, ignored)) {
    SYN_TRY(file, MappedFile::open(list.c_str()));
    SYN_TRY(arena, reserve(json_arena_bytes(file.bytes()) + kSlackBytes));
    SYN_TRY(read, read_shard_index(file.bytes(), arena));
    index = std::move(read);
    files_.push_back(std::move(file));
  } else {
    return fail(Code::not_found, folder, ": no model.safetensors and no model.safetensors.index.json");
  }
  const size_t first = files_.size();
  size_t header_bytes = 0, data_bytes = 0;
  for (const std::string& name : index.files) {
    SYN_TRY(file, MappedFile::open((root / name).c_str()));
    header_bytes += safetensors_arena_bytes(file.bytes()) + Arena::kAlign;
    data_bytes += file.bytes().size();
    files_.push_back(std::move(file));
  }
  SYN_TRY(headers, reserve(header_bytes + kSlackBytes));
  std::map<std::string_view, size_t> found;
  for (size_t i = 0; i < index.files.size(); ++i) {
    const auto read = read_safetensors(files_[first + i].bytes(), headers);
    if (!read.ok()) return fail(read.status().code(), index.files[i], ": ", read.status().message());
    for (const NamedTensor& t : *read) {
      if (!found.try_emplace(t.name, i).second) faults.add(t.name, ": in two files");
      tensors.push_back(t);
    }
  }
  for (const auto& [name, file] : index.tensors) {
    const auto at = found.find(name);
    if (at == found.end() || at->second != file)
      faults.add(name, ": not in ", index.files[file], " as the index says");
  }
  // Room for as many copies as a tensor may have transforms, at up to twice its size. Only what is used becomes memory.
  constexpr size_t kCopies = 4;
  SYN_TRY(copies, reserve(2 * kCopies * (data_bytes + tensors.size() * Arena::kAlign) + kSlackBytes));
  copies_ = copies;
  return {};
}

Status HfFolder::read_about(const std::string& folder) {
  SYN_TRY(card, open_if_there(fs::path(folder) / "README.md"));
  const Repository repository = repository_of(folder);
  about_.text("general.name", repository.name);
  if (!repository.organization.empty()) about_.text("general.organization", repository.organization);
  read_model_card(text_of(card), about_);
  return {};
}

// chat_template.jinja, else tokenizer_config.json's chat_template: one text, or a list of {name, template}, of which
// "default" is the one without a name.
Status HfFolder::read_chat_templates(const std::string& folder, Arena& arena) {
  constexpr std::string_view kKey = "tokenizer.chat_template";
  SYN_TRY(file, open_if_there(fs::path(folder) / "chat_template.jinja"));
  if (!file.bytes().empty()) return about_.text(kKey, text_of(file)), Status();
  SYN_TRY(config, parse_object("tokenizer_config.json", tokenizer_config(), arena));
  const JsonValue templates = config["chat_template"];
  if (!templates.is_array()) {
    if (!templates.as_string().empty()) about_.text(kKey, templates.as_string());
    return {};
  }
  std::vector<std::string_view> names;
  for (const JsonValue t : templates.elements()) {
    const std::string_view name = t["name"].as_string(), text = t["template"].as_string();
    if (name.empty() || text.empty())
      return fail(Code::corrupt, "tokenizer_config.json chat_template: wanted a list of objects with name and template");
    about_.text(name == "default" ? std::string(kKey) : std::string(kKey).append(".").append(name), text);
    if (name != "default") names.push_back(name);
  }
  if (!names.empty()) about_.texts("tokenizer.chat_templates", names);
  return {};
}

}  // namespace synapse
