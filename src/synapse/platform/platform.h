// What a target must provide. One file per target defines these; the build links one of them
// (posix.cc, wasm.cc, rv32.cc; threads.cc or serial.cc). `panic` of base/status.h too.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "synapse/base/sink.h"
#include "synapse/base/status.h"

namespace synapse::platform {

void log_line(std::string_view text);  // diagnostics of test programs; the engine itself never prints
double seconds();                      // monotonic

// A read-only view of a whole file, unmapped when it goes.
class MappedFile {
 public:
  MappedFile() = default;
  MappedFile(MappedFile&& other) noexcept : bytes_(other.bytes_) { other.bytes_ = {}; }
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();
  static Result<MappedFile> open(const char* path);  // regular files only; the message names the path
  std::span<const uint8_t> bytes() const { return bytes_; }
  void release(std::span<const uint8_t> part) const;  // its pages may leave memory; they come back when read
  void expect_few_reads() const;  // a read brings no large page with it

 private:
  std::span<const uint8_t> bytes_;
};

// Address space that becomes memory page by page as it is touched (zeroed), given back when it goes.
class Reservation {
 public:
  Reservation() = default;
  Reservation(Reservation&& other) noexcept : bytes_(other.bytes_) { other.bytes_ = {}; }
  Reservation& operator=(Reservation&& other) noexcept;
  ~Reservation();
  static Result<Reservation> make(size_t bytes);
  std::span<uint8_t> bytes() const { return bytes_; }

 private:
  std::span<uint8_t> bytes_;
};

// A file that gets its name when it is complete and on disk; until then it is PATH.<process>.part, which goes when
// anything fails, and what had the name stays. A path that names no regular file (a pipe, a terminal) is written to as
// it is.
class NewFile {
 public:
  static constexpr size_t kMaxPathBytes = 4000;

  NewFile(NewFile&& other) noexcept;
  ~NewFile();
  // An error when the file is there already and may not be overwritten.
  static Result<NewFile> create(const char* path, bool overwrite = true);
  Status write(std::span<const uint8_t> bytes);
  Sink sink();                               // valid while this stays where it is
  uint64_t bytes() const { return bytes_; }  // written so far
  // Proves that the disk has every byte. Nothing more is written then.
  Status finish();

 private:
  NewFile() = default;
  int fd_ = -1;
  uint64_t bytes_ = 0;
  bool overwrite_ = true, is_special_ = false;
  Text<kMaxPathBytes> path_, unfinished_;
};

// Memory and processors as the system grants them to this process.
struct Resources {
  size_t memory_total = 0;      // bytes; the least of RAM and the cgroup's limit
  size_t memory_available = 0;  // what could be taken now, cgroup included
  size_t resident = 0;          // of this process now
  int32_t affinity_cpus = 1;    // logical processors in the affinity mask
  int32_t physical_cores = 1;   // of those, distinct cores
  double cpu_quota = 0;         // cgroup quota in processors; 0: none
  int32_t default_threads = 1;  // physical cores inside the mask, at most the quota rounded up, at least 1
};
Resources resources();

}  // namespace synapse::platform
