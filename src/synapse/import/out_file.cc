#include "synapse/import/out_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace synapse {
namespace {

Status refused(const std::string& path, int error) {
  return fail(Code::io, path, ": ", std::strerror(error));
}

Status exists_already(const std::string& path) {
  return fail(Code::invalid, path, ": is there already; --force overwrites it");
}

bool exists(const std::string& path) {
  struct stat info;
  return ::lstat(path.c_str(), &info) == 0;
}

// A rename lasts once its folder is on the disk too. Some file systems cannot say; the file itself is safe.
void sync_folder_of(const std::string& path) {
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  const int folder = ::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return;
  ::fsync(folder);
  ::close(folder);
}

}  // namespace

Result<OutFile> OutFile::create(const std::string& path, bool overwrite) {
  if (!overwrite && exists(path)) return exists_already(path);
  OutFile out;
  out.path_ = path, out.overwrite_ = overwrite;
  out.part_ = path + "." + std::to_string(::getpid()) + ".part";
  out.file_ = std::fopen(out.part_.c_str(), "wbe");
  if (!out.file_) return refused(out.part_, errno);
  return out;
}

OutFile::OutFile(OutFile&& other) noexcept
    : path_(std::move(other.path_)),
      part_(std::move(other.part_)),
      file_(std::exchange(other.file_, nullptr)),
      bytes_(other.bytes_),
      overwrite_(other.overwrite_) {}

OutFile::~OutFile() {
  if (!file_) return;
  std::fclose(file_);
  std::remove(part_.c_str());
}

Status OutFile::write(void* self, std::span<const uint8_t> bytes) {
  auto& out = *static_cast<OutFile*>(self);
  if (std::fwrite(bytes.data(), 1, bytes.size(), out.file_) != bytes.size()) return refused(out.path_, errno);
  out.bytes_ += bytes.size();
  return {};
}

Status OutFile::finish() {
  struct stat info;
  const int number = ::fileno(file_);
  Status status;
  if (std::fflush(file_) != 0 || ::fsync(number) != 0 || ::fstat(number, &info) != 0) {
    status = refused(path_, errno);
  } else if (uint64_t(info.st_size) != bytes_) {
    status = fail(Code::io, path_, ": ", info.st_size, " bytes are on the disk, wanted ", bytes_);
  }
  if (std::fclose(std::exchange(file_, nullptr)) != 0 && status.ok()) status = refused(path_, errno);
  if (status.ok() && !overwrite_ && exists(path_)) status = exists_already(path_);
  if (status.ok() && std::rename(part_.c_str(), path_.c_str()) != 0) status = refused(path_, errno);
  if (!status.ok()) return std::remove(part_.c_str()), status;
  sync_folder_of(path_);
  return {};
}

}  // namespace synapse
