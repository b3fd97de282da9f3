#include "synapse/import/family_files.h"

#include <algorithm>
#include <filesystem>

#include "synapse/base/json.h"
#include "synapse/platform/platform.h"

namespace synapse {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kModel = "model.json", kWeights = "weights.json";

bool is_family(const fs::path& folder) {
  std::error_code absent;
  return fs::exists(folder / kModel, absent) || fs::exists(folder / kWeights, absent);
}

// Of a file that is not there: nothing.
Result<std::string> read_text(const fs::path& file, size_t most) {
  std::error_code absent;
  if (!fs::exists(file, absent)) return std::string();
  SYN_TRY(mapped, platform::MappedFile::open(file.c_str()));
  if (mapped.bytes().size() > most)
    return fail(Code::invalid, file.c_str(), ": ", mapped.bytes().size(), " bytes, wanted at most ", most);
  return std::string(reinterpret_cast<const char*>(mapped.bytes().data()), mapped.bytes().size());
}

// That `names` lists texts and nothing else.
bool are_texts(JsonValue names) {
  bool all = names.is_array();
  for (const JsonValue name : names.elements()) all = all && !name.as_string().empty();
  return all;
}

Status check_json(std::string_view text, size_t most, std::span<const std::string_view> lists) {
  if (text.size() > most) return fail(Code::invalid, text.size(), " bytes, wanted at most ", most);
  const size_t bytes = json_arena_bytes({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
  if (lists.size() == 1 && bytes > kWiringBytes) return fail(Code::invalid, "too many values");
  std::vector<uint8_t> memory(bytes);
  Arena arena(memory.data(), memory.size());
  SYN_TRY(json, parse_json(text, arena));
  if (!json.root().is_object()) return fail(Code::corrupt, "wanted an object");
  for (const std::string_view key : lists)  // a family of the same architecture as another has none of its own
    if (!are_texts(json.root()[key]) || (lists.size() > 1 && json.root()[key].size() == 0)) return fail(Code::corrupt, "\"", key, "\": wanted a list of names");
  if (lists.size() == 1 && !(json.root()["layer"].is_array() && json.root()["layer"].size() > 0))
    return fail(Code::corrupt, "\"layer\": wanted a list of blocks");
  return {};
}

Status about(const std::string& file, const Status& status) {
  return status.ok() ? status : fail(status.code(), file, ": ", status.message());
}

}  // namespace

Status check_family(const Family& family) {
  constexpr std::string_view kModelLists[] = {"architectures"}, kWeightsLists[] = {"hf_model_types", "gguf_architectures"};
  const std::string name(family.name);
  const bool has_weights = !family.weights_json.empty();
  if (!family.model_json.empty() || !has_weights) {  // names alone: of a family whose wiring is another's
    SYN_RETURN_IF_ERROR(about(name + "/model.json", check_json(family.model_json, FamilyFiles::kMaxModelBytes, kModelLists)));
  }
  if (!has_weights) return {};
  return about(name + "/weights.json", check_json(family.weights_json, FamilyFiles::kMaxWeightsBytes, kWeightsLists));
}

Result<FamilyFiles> FamilyFiles::read(std::span<const std::string> folders) {
  FamilyFiles all;
  for (const std::string& folder : folders) {
    std::error_code error;
    if (!fs::is_directory(folder, error)) return fail(Code::not_found, folder, ": no folder of families");
    if (is_family(folder)) {
      SYN_RETURN_IF_ERROR(all.add(folder));
      continue;
    }
    std::vector<std::string> found;
    for (auto entry = fs::directory_iterator(folder, error); !error && entry != fs::directory_iterator(); entry.increment(error)) {
      if (is_family(entry->path())) found.push_back(entry->path().string());
      if (found.size() > kMaxFamilies) break;
    }
    if (error) return fail(Code::io, folder, ": ", error.message().c_str());
    if (found.empty()) return fail(Code::not_found, folder, ": no model.json or weights.json in it or in its folders");
    std::ranges::sort(found);
    for (const std::string& family : found) SYN_RETURN_IF_ERROR(all.add(family));
  }
  return all;
}

Status FamilyFiles::add(const std::string& folder) {
  if (families_.size() == kMaxFamilies) return fail(Code::invalid, folder, ": more than ", kMaxFamilies, " families");
  const fs::path path = fs::path(folder).lexically_normal();
  SYN_TRY(model, read_text(path / kModel, kMaxModelBytes));
  SYN_TRY(weights, read_text(path / kWeights, kMaxWeightsBytes));
  Family family{texts_.emplace_back(path.string()), texts_.emplace_back(std::move(model)), texts_.emplace_back(std::move(weights))};
  SYN_RETURN_IF_ERROR(check_family(family));
  const fs::path name = path.has_filename() ? path.filename() : path.parent_path().filename();
  family.name = texts_.emplace_back(name.string());
  families_.push_back(family);
  return {};
}

}  // namespace synapse
