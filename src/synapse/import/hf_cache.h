// Hugging Face's download cache, read only: HUB/models--ORG--NAME/{refs/main, snapshots/COMMIT/FILES}, HUB
// being the first of $HF_HUB_CACHE, $HUGGINGFACE_HUB_CACHE, $HF_HOME/hub, $XDG_CACHE_HOME/huggingface/hub and
// ~/.cache/huggingface/hub that the environment gives.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "synapse/base/status.h"
#include "synapse/import/names.h"

namespace synapse {

std::filesystem::path hf_cache_folder();  // empty when there is no home either

// ORG/NAME or ORG/NAME:QUANT. The snapshot's folder when it holds safetensors and no QUANT is asked for, else
// its GGUF file of that format in any case: Q4_K_M where none is given, or the only one there is. not_found
// when the cache has no such repository or `name` cannot be one.
Result<std::filesystem::path> find_in_hf_cache(const std::string& name);
std::vector<NamedModel> list_hf_cache();

}  // namespace synapse
