// From the name of a model to its file or folder, in this order: a path; the model folders; what tools/get_models
// fetched; the Hugging Face cache; ollama's store. Nothing is downloaded, and no name leads out of the folder that it is looked up in.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "synapse/base/status.h"

namespace synapse {

// Where names are looked up first, in this order: $SYNAPSE_MODELS, the source tree this program was built in
// (../../models/bundled beside it), the prefix it is installed under (../share/synapse/models).
std::vector<std::filesystem::path> model_folders();

// $XDG_CACHE_HOME/synapse, else ~/.cache/synapse; empty when there is no home either.
std::filesystem::path cache_folder();
// Where tools/get_models puts models: "models" in there. NAME:TAG is the one file that begins with NAME-TAG.
std::filesystem::path fetched_folder();

struct NamedModel {
  std::string name;    // what -m takes
  std::string source;  // "bundled", "fetched", "huggingface", "ollama"
  std::filesystem::path path;
  uint64_t bytes = 0;  // of the file with its other parts, or of the folder's safetensors
};

// Every model that a name stands for here, by source and name.
std::vector<NamedModel> list_models();

Result<std::filesystem::path> find_model(const std::string& name);

// GGUF files in a folder, sorted; a split one counts once, by its first part. Empty when the folder cannot be
// read.
std::vector<std::filesystem::path> gguf_files(const std::filesystem::path& folder);
// "model" of "model-00002-of-00005": the name all parts share, or nothing when `stem` is no part of a split
// file.
std::optional<std::string> split_prefix(const std::string& stem);

uint64_t model_bytes(const std::filesystem::path& path);
std::string joined(const std::vector<std::string>& words);  // "a, b", or "none"

// A part of a repository's or model's name: letters, digits, _, and inside it - and . too; at most 128.
bool is_plain_name(std::string_view part);

}  // namespace synapse
