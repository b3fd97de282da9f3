// Opens a Hugging Face folder (config.json, model.safetensors or its shards, generation_config.json) as a
// Checkpoint under GGUF's names. Tensors are views of the mapped files except where
// models/<family>/weights.json wants a transform. README.md's front matter and the chat templates come along.
#pragma once
#include <deque>
#include <string>
#include <vector>

#include "synapse/base/faults.h"
#include "synapse/import/metadata.h"
#include "synapse/import/hf_config.h"
#include "synapse/io/checkpoint.h"
#include "synapse/platform/platform.h"

namespace synapse {

class HfFolder {
 public:
  // Everything that is wrong with config and tensors is noted in `faults`, and the first of it in the Status.
  static Result<HfFolder> open(const std::string& folder, Faults& faults, const FamilyList& known = {});

  // Valid as long as this, wherever it moves.
  const Checkpoint& checkpoint() const { return checkpoint_; }

  // The files for read_tokenizer_json (import/tokenizer_json.h); empty when absent.
  std::span<const uint8_t> tokenizer_json() const { return tokenizer_.bytes(); }
  std::span<const uint8_t> tokenizer_config() const { return tokenizer_config_.bytes(); }

 private:
  HfFolder() = default;
  Status open_tensors(const std::string& folder, std::vector<NamedTensor>& tensors, Faults& faults);
  Status read_chat_templates(const std::string& folder, Arena& arena);
  Status read_about(const std::string& folder);
  Result<Arena> reserve(size_t bytes);

  std::vector<platform::MappedFile> files_;
  platform::MappedFile tokenizer_, tokenizer_config_;
  std::vector<platform::Reservation> memory_;
  std::deque<std::string> texts_;
  Metadata about_;  // name, terms, templates
  std::vector<MetaEntry> metadata_;
  std::vector<NamedTensor> tensors_;
  std::vector<HfConfig::Vector> vectors_;
  Arena copies_;
  Checkpoint checkpoint_;
};

}  // namespace synapse
