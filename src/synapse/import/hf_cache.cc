#include "synapse/import/hf_cache.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <fstream>

namespace synapse {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kMark = "models--", kBetween = "--", kUsualQuant = "Q4_K_M";

struct Repository {
  std::string organization, name, quant;
};

// Nothing when `text` is no repository's name.
std::optional<Repository> parse(const std::string& text) {
  const size_t slash = text.find('/'), colon = text.find(':');
  if (slash == text.npos || (colon != text.npos && colon < slash)) return std::nullopt;
  Repository r{text.substr(0, slash), text.substr(slash + 1, colon == text.npos ? colon : colon - slash - 1),
               ""};
  if (colon != text.npos) r.quant = text.substr(colon + 1);
  // "--" is what stands for the slash in the cache.
  if (!is_plain_name(r.organization) || !is_plain_name(r.name) ||
      r.organization.find(kBetween) != text.npos || r.name.find(kBetween) != text.npos ||
      (colon != text.npos && !is_plain_name(r.quant))) {
    return std::nullopt;
  }
  return r;
}

// What refs/main names, or the only snapshot there is; empty when there is none.
fs::path snapshot_of(const fs::path& repository) {
  std::error_code absent;
  std::string commit;
  std::ifstream(repository / "refs/main") >> commit;
  if (is_plain_name(commit) && fs::is_directory(repository / "snapshots" / commit, absent)) {
    return repository / "snapshots" / commit;
  }
  std::vector<fs::path> all;
  for (const auto& entry : fs::directory_iterator(repository / "snapshots", absent))
    all.push_back(entry.path());
  return all.size() == 1 ? all[0] : fs::path();
}

// Weights of a snapshot: GGUF files lie in it or in a folder of their own for each format.
std::vector<fs::path> gguf_files_below(const fs::path& snapshot) {
  std::vector<fs::path> files = gguf_files(snapshot);
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(snapshot, ignored)) {
    if (!entry.is_directory(ignored)) continue;
    const std::vector<fs::path> more = gguf_files(entry.path());
    files.insert(files.end(), more.begin(), more.end());
  }
  // An image encoder that goes with a model is no model; a link whose file is gone is none either.
  std::erase_if(files, [&](const fs::path& f) {
    return f.filename().string().starts_with("mmproj") || !fs::exists(f, ignored);
  });
  std::ranges::sort(files);
  return files;
}

bool has_safetensors(const fs::path& snapshot) {
  std::error_code absent;
  return fs::exists(snapshot / "config.json", absent) &&
         (fs::exists(snapshot / "model.safetensors", absent) ||
          fs::exists(snapshot / "model.safetensors.index.json", absent));
}

std::string upper(std::string text) {
  for (char& c : text) c = char(std::toupper(uint8_t(c)));
  return text;
}

// Whether `quant` is a part of the file's name: Q4_K_M of model-Q4_K_M-00001-of-00002.gguf or
// model.q4_k_m.gguf.
bool has_quant(const fs::path& file, const std::string& quant) {
  const std::string stem = upper(file.stem().string()), wanted = upper(quant);
  const auto ends_part = [](char c) { return c == '-' || c == '.'; };
  for (size_t at = stem.find(wanted); at != stem.npos; at = stem.find(wanted, at + 1)) {
    const size_t end = at + wanted.size();
    if ((at == 0 || ends_part(stem[at - 1])) && (end == stem.size() || ends_part(stem[end]))) return true;
  }
  return false;
}

}  // namespace

fs::path hf_cache_folder() {
  constexpr std::pair<const char*, const char*> kPlaces[] = {{"HF_HUB_CACHE", ""},
                                                             {"HUGGINGFACE_HUB_CACHE", ""},
                                                             {"HF_HOME", "hub"},
                                                             {"XDG_CACHE_HOME", "huggingface/hub"},
                                                             {"HOME", ".cache/huggingface/hub"}};
  for (const auto& [variable, below] : kPlaces) {
    const char* value = std::getenv(variable);
    if (value && *value) return *below ? fs::path(value) / below : fs::path(value);
  }
  return {};
}

Result<fs::path> find_in_hf_cache(const std::string& name) {
  const std::optional<Repository> r = parse(name);
  const fs::path cache = hf_cache_folder();
  if (!r || cache.empty()) return fail(Code::not_found, name, ": no repository's name");
  const fs::path repository =
      cache / (std::string(kMark) + r->organization + std::string(kBetween) + r->name);
  std::error_code absent;
  if (!fs::is_directory(repository, absent)) return fail(Code::not_found, name, ": not in ", cache.c_str());
  const fs::path snapshot = snapshot_of(repository);
  if (snapshot.empty())
    return fail(Code::invalid, name, ": ", repository.c_str(), " has no snapshot that refs/main names");
  if (r->quant.empty() && has_safetensors(snapshot)) return snapshot;

  const std::vector<fs::path> files = gguf_files_below(snapshot);
  const std::string quant = r->quant.empty() ? std::string(kUsualQuant) : r->quant;
  for (const fs::path& file : files) {
    if (has_quant(file, quant)) return file;
  }
  if (r->quant.empty() && files.size() == 1) return files[0];
  std::vector<std::string> names;
  for (const fs::path& file : files) names.push_back(file.filename().string());
  if (names.empty())
    return fail(Code::invalid, name, ": neither safetensors nor GGUF files in ", snapshot.c_str());
  return fail(Code::invalid, name, ": no ", quant, " file; NAME:QUANT chooses one of ", joined(names));
}

std::vector<NamedModel> list_hf_cache() {
  std::vector<NamedModel> models;
  std::error_code ignored;
  const fs::path cache = hf_cache_folder();
  if (cache.empty()) return models;
  for (const auto& entry : fs::directory_iterator(cache, ignored)) {
    const std::string folder = entry.path().filename().string();
    const size_t between = folder.find(kBetween, kMark.size());
    if (!folder.starts_with(kMark) || between == folder.npos) continue;
    const std::string name =
        folder.substr(kMark.size(), between - kMark.size()) + "/" + folder.substr(between + kBetween.size());
    const fs::path snapshot = snapshot_of(entry.path());
    if (!parse(name) || snapshot.empty()) continue;
    if (has_safetensors(snapshot)) models.push_back({name, "huggingface", snapshot, model_bytes(snapshot)});
    const std::vector<fs::path> files = gguf_files_below(snapshot);
    for (const fs::path& file : files) {
      const std::string stem = split_prefix(file.stem().string()).value_or(file.stem().string());
      const std::string quant = stem.substr(stem.find_last_of("-.") + 1);
      models.push_back({files.size() == 1 && !has_safetensors(snapshot) ? name : name + ":" + quant,
                        "huggingface", file, model_bytes(file)});
    }
  }
  return models;
}

}  // namespace synapse
