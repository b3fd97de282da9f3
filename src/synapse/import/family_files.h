// Families of models from folders, beside those that are built in or instead of them: docs/add-a-model.md.
#pragma once
#include <deque>
#include <span>
#include <string>
#include <vector>

#include "synapse/base/status.h"
#include "synapse/model/families.h"

namespace synapse {

class FamilyFiles {
 public:
  static constexpr size_t kMaxFamilies = 256, kMaxModelBytes = 16 << 10, kMaxWeightsBytes = 64 << 10;

  // Each folder is a family (it holds model.json) or holds folders that are; a family of an earlier folder goes before one of
  // a later. weights.json may be absent: then the family reads GGUF alone. An error names the file.
  static Result<FamilyFiles> read(std::span<const std::string> folders);

  // Valid as long as this, wherever it moves.
  FamilyList list() const { return {families_}; }

 private:
  Status add(const std::string& folder);

  std::deque<std::string> texts_;
  std::vector<Family> families_;
};

// What can be told of a family without a model: that both are JSON of a bounded size, model.json with "architectures" and a
// "layer" of blocks, weights.json with "hf_model_types" and "gguf_architectures". One of the two may be empty.
Status check_family(const Family& family);

}  // namespace synapse
