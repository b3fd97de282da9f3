#include "synapse/import/ollama_store.h"

#include <algorithm>
#include <cstdlib>

#include "synapse/base/json.h"
#include "synapse/platform/region.h"

namespace synapse {
namespace fs = std::filesystem;
namespace {

constexpr const char* kHost = "registry.ollama.ai";
constexpr const char* kNamespace = "library";
constexpr const char* kTag = "latest";
constexpr std::string_view kModelLayer = "application/vnd.ollama.image.model", kDigest = "sha256:";
constexpr size_t kMostManifestBytes = size_t(1) << 20;

// HOST/NAMESPACE/NAME/TAG; empty when `text` cannot be a name.
fs::path manifest_of(const std::string& text) {
  const size_t colon = text.find(':');
  const std::string tag = colon == text.npos ? kTag : text.substr(colon + 1);
  std::vector<std::string> parts;
  for (size_t at = 0, end = std::min(colon, text.size()); at <= end;) {
    const size_t next = std::min(text.find('/', at), end);
    parts.push_back(text.substr(at, next - at));
    at = next + 1;
  }
  if (parts.size() < 2) parts.insert(parts.begin(), kNamespace);
  if (parts.size() < 3) parts.insert(parts.begin(), kHost);
  parts.push_back(tag);
  if (parts.size() != 4 || !std::ranges::all_of(parts, is_plain_name)) return {};
  fs::path path;
  for (const std::string& part : parts) path /= part;
  return path;
}

bool is_hash(std::string_view text) {
  return text.size() == 64 &&
         std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// The blob that a manifest names as the model.
Result<fs::path> read_manifest(const fs::path& folder, const fs::path& manifest) {
  SYN_TRY(file, platform::MappedFile::open(manifest.c_str()));
  if (file.bytes().size() > kMostManifestBytes)
    return fail(Code::corrupt, manifest.c_str(), ": ", file.bytes().size(), " bytes, at most ",
                kMostManifestBytes);
  SYN_TRY(memory, Region::make(json_arena_bytes(file.bytes())));
  const auto document = parse_json(file.bytes(), memory.arena());
  if (!document.ok()) return fail(Code::corrupt, manifest.c_str(), ": ", document.status().message());
  for (const JsonValue layer : document->root()["layers"].elements()) {
    if (layer["mediaType"].as_string() != kModelLayer) continue;
    const std::string_view digest = layer["digest"].as_string();
    if (!digest.starts_with(kDigest) || !is_hash(digest.substr(kDigest.size()))) {
      return fail(Code::corrupt, manifest.c_str(), ": digest '", digest.substr(0, 80),
                  "', wanted sha256: and 64 digits");
    }
    const fs::path blob = folder / "blobs" / ("sha256-" + std::string(digest.substr(kDigest.size())));
    std::error_code absent;
    if (!fs::exists(blob, absent))
      return fail(Code::invalid, manifest.c_str(), ": names ", blob.c_str(), ", which is not there");
    return blob;
  }
  return fail(Code::corrupt, manifest.c_str(), ": no layer of type ", kModelLayer);
}

}  // namespace

std::vector<fs::path> ollama_folders() {
  if (const char* named = std::getenv("OLLAMA_MODELS"); named && *named) return {named};
  std::vector<fs::path> folders;
  if (const char* home = std::getenv("HOME"); home && *home)
    folders.push_back(fs::path(home) / ".ollama/models");
  folders.push_back("/usr/share/ollama/.ollama/models");
  return folders;
}

Result<fs::path> find_in_ollama_store(const std::string& name) {
  const fs::path manifest = manifest_of(name);
  if (manifest.empty()) return fail(Code::not_found, name, ": no name in ollama's store");
  for (const fs::path& folder : ollama_folders()) {
    std::error_code absent;
    if (fs::is_regular_file(folder / "manifests" / manifest, absent)) {
      return read_manifest(folder, folder / "manifests" / manifest);
    }
  }
  return fail(Code::not_found, name, ": not in ollama's store");
}

std::vector<NamedModel> list_ollama_store() {
  std::vector<NamedModel> models;
  std::error_code ignored;
  for (const fs::path& folder : ollama_folders()) {
    const fs::path manifests = folder / "manifests";
    for (auto entry = fs::recursive_directory_iterator(manifests, ignored);
         entry != fs::recursive_directory_iterator(); entry.increment(ignored)) {
      if (entry.depth() != 3 || !entry->is_regular_file(ignored)) continue;
      const fs::path tagged = entry->path().lexically_relative(manifests);
      auto part = tagged.begin();
      const std::string host = *part++, space = *part++, model = *part++, tag = *part;
      std::string name = host == kHost ? "" : host + "/";
      if (!name.empty() || space != kNamespace) name += space + "/";
      name += model + ":" + tag;
      const Result<fs::path> blob = find_in_ollama_store(name);
      if (blob.ok()) models.push_back({name, "ollama", *blob, model_bytes(*blob)});
    }
  }
  return models;
}

}  // namespace synapse
