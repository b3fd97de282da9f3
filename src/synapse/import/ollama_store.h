// ollama's models, read only: FOLDER/manifests/HOST/NAMESPACE/NAME/TAG names the blob that is the GGUF file.
// Folders are $OLLAMA_MODELS, or else ~/.ollama/models and /usr/share/ollama/.ollama/models.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "synapse/base/status.h"
#include "synapse/import/names.h"

namespace synapse {

std::vector<std::filesystem::path> ollama_folders();

// NAME, NAMESPACE/NAME or HOST/NAMESPACE/NAME, and :TAG ("latest" without one). not_found when no store has
// it or `name` cannot be one.
Result<std::filesystem::path> find_in_ollama_store(const std::string& name);
std::vector<NamedModel> list_ollama_store();

}  // namespace synapse
