// Packed weights in a file of their own, which a load maps: nothing is packed then, and processes share the pages. The file is
// $XDG_CACHE_HOME/synapse/pack/FINGERPRINT-LAYOUT: a page that says what it is, then what pack() makes. A model that was
// changed, or a layout that was, has another name: such files are ignored and may be deleted, as may any other.
#pragma once
#include <filesystem>
#include <optional>

#include "synapse/cpu/packed_weights.h"
#include "synapse/import/source.h"
#include "synapse/platform/platform.h"

namespace synapse::cli {

class PackFile {
 public:
  explicit PackFile(platform::MappedFile file) : file_(std::move(file)) {}
  const uint8_t* bytes() const;  // where pack() wrote to

 private:
  platform::MappedFile file_;
};

// Where the file of this set of this model is or would be. The fingerprint is of the shapes and formats, of the size and the date of
// the model's file, and of bytes of every matrix, a MiB apart.
class PackPlace {
 public:
  PackPlace(const PackedSet& set, const Source& source);

  const std::filesystem::path& path() const { return path_; }  // empty when there is no home
  // None when there is no such file. One that is not what it should be is ignored with a remark.
  std::optional<PackFile> find() const;
  // `packed`: set.bytes() of them. REQUIRES a path. Progress is shown; an interrupt leaves no file.
  Status write(std::span<const uint8_t> packed) const;

 private:
  uint64_t fingerprint_ = 0, n_bytes_ = 0;
  std::filesystem::path path_;
};

}  // namespace synapse::cli
