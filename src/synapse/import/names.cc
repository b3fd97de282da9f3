#include "synapse/import/names.h"

#include <algorithm>
#include <cstdlib>
#include <sys/auxv.h>

#include "synapse/import/hf_cache.h"
#include "synapse/import/ollama_store.h"

namespace synapse {
namespace fs = std::filesystem;
namespace {

constexpr size_t kMostNameBytes = 256, kShownNames = 120;

// The one file or folder in these folders that is called `name` or begins with it ("synapse-story-4m" is
// synapse-story-4m-Q8_0.gguf).
Result<fs::path> find_in(const std::vector<fs::path>& folders, const std::string& name) {
  std::vector<fs::path> near;
  for (const fs::path& folder : folders) {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(folder, ignored)) {
      const std::string known = entry.path().filename().string();
      if (known == name || known == name + ".gguf") return entry.path();
    }
    for (const fs::path& file : gguf_files(folder)) {
      if (file.filename().string().starts_with(name + "-")) near.push_back(file);
    }
    if (!near.empty()) break;
  }
  if (near.size() == 1) return near[0];
  if (near.empty()) return fail(Code::not_found, name, ": not in the model folders");
  std::vector<std::string> names;
  for (const fs::path& file : near) names.push_back(file.stem().string());
  return fail(Code::invalid, name, ": more than one model begins so: ", joined(names));
}

Result<fs::path> find_bundled(const std::string& name) { return find_in(model_folders(), name); }

Result<fs::path> find_fetched(const std::string& name) {
  std::string file = name;
  if (const size_t colon = file.find(':'); colon != file.npos) file[colon] = '-';
  if (!is_plain_name(file)) return fail(Code::not_found, name, ": no name of a fetched model");
  return find_in({fetched_folder()}, file);
}

std::vector<NamedModel> list_in(const std::vector<fs::path>& folders, const char* source) {
  std::vector<NamedModel> models;
  const auto add = [&](std::string name, const fs::path& path) {
    const bool known = std::ranges::find(models, name, &NamedModel::name) != models.end();
    if (!known) models.push_back({std::move(name), source, path.lexically_normal(), model_bytes(path)});
  };
  for (const fs::path& folder : folders) {
    std::error_code ignored;
    for (const fs::path& file : gguf_files(folder)) add(file.stem().string(), file);
    for (const auto& entry : fs::directory_iterator(folder, ignored)) {
      const std::string name = entry.path().filename().string();
      if (entry.is_directory(ignored) && !name.starts_with('.')) add(name, entry.path());
    }
  }
  return models;
}

std::vector<NamedModel> list_bundled() { return list_in(model_folders(), "bundled"); }
std::vector<NamedModel> list_fetched() { return list_in({fetched_folder()}, "fetched"); }

Status not_found(const std::string& name) {
  std::vector<std::string> looked, names;
  for (const fs::path& folder : model_folders()) looked.push_back(folder.lexically_normal().string());
  if (const fs::path fetched = fetched_folder(); !fetched.empty()) looked.push_back(fetched.string());
  if (const fs::path cache = hf_cache_folder(); !cache.empty()) looked.push_back(cache.string());
  for (const fs::path& folder : ollama_folders()) looked.push_back(folder.string());
  for (const NamedModel& model : list_models()) names.push_back(model.name);
  std::string known = joined(names);
  if (known.size() > kShownNames) known = known.substr(0, known.rfind(", ", kShownNames)) + " ...";
  return fail(Code::not_found, name.substr(0, 80), ": no such file, folder or model name; names are: ", known,
              "; looked in: ", joined(looked));
}

}  // namespace

std::vector<fs::path> model_folders() {
  std::vector<fs::path> folders;
  if (const char* named = std::getenv("SYNAPSE_MODELS"); named && *named) folders.emplace_back(named);
  std::error_code unknown;
  fs::path program = fs::read_symlink("/proc/self/exe", unknown);
  if (unknown) {  // a bare system has no /proc: the name that we were started by
    if (const auto* name = reinterpret_cast<const char*>(getauxval(AT_EXECFN))) program = name;
  }
  if (!program.empty()) {
    folders.push_back(program.parent_path() / "../../models/bundled");
    folders.push_back(program.parent_path() / "../share/synapse/models");
  }
  return folders;
}

fs::path cache_folder() {
  for (const auto& [variable, below] : {std::pair("XDG_CACHE_HOME", ""), {"HOME", ".cache"}}) {
    const char* value = std::getenv(variable);
    if (value && *value) return fs::path(value) / below / "synapse";
  }
  return {};
}

fs::path fetched_folder() {
  const fs::path cache = cache_folder();
  return cache.empty() ? cache : cache / "models";
}

std::vector<NamedModel> list_models() {
  std::vector<NamedModel> all;
  for (const auto list : {list_bundled, list_fetched, list_hf_cache, list_ollama_store}) {
    std::vector<NamedModel> models = list();
    std::ranges::sort(models, {}, &NamedModel::name);
    all.insert(all.end(), models.begin(), models.end());
  }
  return all;
}

Result<fs::path> find_model(const std::string& name) {
  std::error_code absent;
  if (fs::exists(name, absent)) return fs::path(name);
  for (const auto find : {find_bundled, find_fetched, find_in_hf_cache, find_in_ollama_store}) {
    if (name.size() > kMostNameBytes) break;
    const Result<fs::path> found = find(name);
    if (found.ok()) return found->lexically_normal();
    if (found.status().code() != Code::not_found) return found.status();
  }
  return not_found(name);
}

std::optional<std::string> split_prefix(const std::string& stem) {
  constexpr size_t kTail = sizeof "-00001-of-00005" - 1;
  if (stem.size() <= kTail) return std::nullopt;
  const std::string tail = stem.substr(stem.size() - kTail);
  const auto digits = [&](size_t at) {
    return std::all_of(tail.begin() + at, tail.begin() + at + 5, [](char c) { return c >= '0' && c <= '9'; });
  };
  if (tail[0] != '-' || tail.substr(6, 4) != "-of-" || !digits(1) || !digits(10)) return std::nullopt;
  return stem.substr(0, stem.size() - kTail);
}

std::vector<fs::path> gguf_files(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string stem = entry.path().stem().string();
    const bool later_part = split_prefix(stem) && stem.find("-00001-of-") == std::string::npos;
    if (entry.path().extension() == ".gguf" && !later_part) found.push_back(entry.path());
  }
  std::ranges::sort(found);
  return found;
}

uint64_t model_bytes(const fs::path& path) {
  std::error_code ignored;
  uint64_t bytes = 0;
  const auto add = [&](const fs::path& file) {
    const uintmax_t size = fs::file_size(file, ignored);
    if (!ignored) bytes += size;
  };
  const bool is_folder = fs::is_directory(path, ignored);
  const std::optional<std::string> prefix = split_prefix(path.stem().string());
  if (!is_folder && !prefix) return add(path), bytes;
  for (const auto& entry : fs::directory_iterator(is_folder ? path : path.parent_path(), ignored)) {
    const fs::path& file = entry.path();
    const bool counts = is_folder ? file.extension() == ".safetensors" || file.extension() == ".gguf"
                                  : split_prefix(file.stem().string()) == prefix;
    if (counts) add(file);
  }
  return bytes;
}

std::string joined(const std::vector<std::string>& words) {
  std::string all;
  for (const std::string& word : words) all += (all.empty() ? "" : ", ") + word;
  return all.empty() ? "none" : all;
}

bool is_plain_name(std::string_view part) {
  const auto inside = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  };
  const auto at_end = [](char c) { return c == '.' || c == '-'; };
  return !part.empty() && part.size() <= 128 && std::ranges::all_of(part, inside) && !at_end(part.front()) &&
         !at_end(part.back());
}

}  // namespace synapse
