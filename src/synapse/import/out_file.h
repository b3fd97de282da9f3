// A file that gets its name only when it is whole and on the disk: until then it is NAME.<process>.part,
// which goes when anything fails.
#pragma once
#include <cstdio>
#include <string>

#include "synapse/base/sink.h"

namespace synapse {

class OutFile {
 public:
  // An error when `path` is there already and may not be overwritten.
  static Result<OutFile> create(const std::string& path, bool overwrite);
  OutFile(OutFile&& other) noexcept;
  ~OutFile();

  Sink sink() { return {write, this}; }  // valid while this stays where it is
  uint64_t bytes() const { return bytes_; }
  // Flushes, proves that the file has every byte given, and renames it.
  Status finish();

 private:
  OutFile() = default;
  static Status write(void* self, std::span<const uint8_t> bytes);

  std::string path_, part_;
  std::FILE* file_ = nullptr;
  uint64_t bytes_ = 0;
  bool overwrite_ = false;
};

}  // namespace synapse
