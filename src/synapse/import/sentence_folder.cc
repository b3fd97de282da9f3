#include "synapse/import/sentence_folder.h"

#include "synapse/base/json.h"
#include "synapse/platform/region.h"

namespace synapse {
namespace {

namespace fs = std::filesystem;

// A JSON file and the memory it is read into; null when the file is not there.
struct JsonFile {
  platform::MappedFile file;
  Region memory;
  JsonValue root;

  static Result<JsonFile> open(const fs::path& path) {
    JsonFile self;
    std::error_code ignored;
    if (!fs::exists(path, ignored)) return self;
    SYN_TRY(file, platform::MappedFile::open(path.c_str()));
    self.file = std::move(file);
    SYN_TRY(memory, Region::make(json_arena_bytes(self.file.bytes()) + 4096));
    self.memory = std::move(memory);
    const auto document = parse_json(self.file.bytes(), self.memory.arena());
    if (!document.ok()) return fail(document.status().code(), path.filename().c_str(), ": ", document.status().message());
    self.root = document->root();
    return self;
  }
};

struct Mode {
  std::string_view key;
  uint32_t pooling_type;  // GGUF's number
};
constexpr Mode kModes[] = {{"pooling_mode_mean_tokens", 1}, {"pooling_mode_cls_token", 2}, {"pooling_mode_lasttoken", 3}};

Status read_pooling(const fs::path& folder, std::string_view architecture, Metadata& out) {
  SYN_TRY(config, JsonFile::open(folder / "config.json"));
  uint32_t chosen = 0;
  for (const auto [key, value] : config.root.members()) {
    if (!key.starts_with("pooling_mode_") || !value.as_bool().value_or(false)) continue;
    const Mode* mode = nullptr;
    for (const Mode& m : kModes)
      if (m.key == key) mode = &m;
    if (!mode || chosen)
      return fail(Code::unsupported, folder.filename().c_str(), "/config.json: ", key,
                  ", wanted one of pooling_mode_mean_tokens, pooling_mode_cls_token and pooling_mode_lasttoken");
    chosen = mode->pooling_type;
  }
  if (!chosen) return fail(Code::corrupt, folder.filename().c_str(), "/config.json: no pooling_mode_ is true");
  out.put(Text<96>(architecture, ".pooling_type"), meta_u32(chosen));
  return {};
}

}  // namespace

Status read_sentence_folder(const fs::path& folder, std::string_view architecture, Metadata& out) {
  SYN_TRY(modules, JsonFile::open(folder / "modules.json"));
  if (modules.root.is_null()) return {};
  bool normalize = false;
  for (const JsonValue module : modules.root.elements()) {
    const std::string_view type = module["type"].as_string(), kind = type.substr(type.rfind('.') + 1);
    const fs::path own = folder / module["path"].as_string();
    normalize = normalize || kind == "Normalize";
    if (kind == "Pooling") SYN_RETURN_IF_ERROR(read_pooling(own, architecture, out));
    if (kind != "Pooling" && kind != "Normalize" && kind != "Transformer")
      return fail(Code::unsupported, "modules.json: ", type, " is not a module we run");
  }
  out.put("synapse.embedding.normalize", meta_bool(normalize));
  SYN_TRY(limits, JsonFile::open(folder / "sentence_bert_config.json"));
  const auto most = limits.root["max_seq_length"].as_int();
  if (most && *most > 0 && *most <= INT32_MAX) out.put("synapse.embedding.max_tokens", meta_u32(uint32_t(*most)));
  return {};
}

}  // namespace synapse
