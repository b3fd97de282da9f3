// The operating system's part on Linux: the log, the clock, mapped files and reserved address space.
// What the system grants this process is in linux_resources.cc.
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "synapse/platform/platform.h"

namespace synapse {

void panic(const char* what, const char* file, int line) {
  std::fprintf(stderr, "panic: %s at %s:%d\n", what, file, line);
  std::abort();
}

namespace platform {
namespace {

size_t page_size() { return size_t(sysconf(_SC_PAGESIZE)); }

Status refused(const char* what, std::string_view name, int error) {
  const Code code = error == ENOENT ? Code::not_found : error == ENOMEM ? Code::out_of_memory : Code::io;
  return fail(code, what, " ", name, ": ", std::strerror(error));
}

// Closes when it goes.
struct Descriptor {
  int fd;
  explicit Descriptor(int opened) : fd(opened) {}
  Descriptor(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

bool is_there(const char* path) {
  struct stat info;
  return ::lstat(path, &info) == 0;
}

Status refuse_to_overwrite(std::string_view path) {
  return fail(Code::invalid, path, ": is there already; --force overwrites it");
}

// A rename lasts once its folder is on the disk too. Some file systems cannot say; the file itself is safe.
void sync_folder_of(std::string_view path) {
  const size_t slash = path.rfind('/');
  const Text<NewFile::kMaxPathBytes> folder(slash == path.npos ? std::string_view(".") : path.substr(0, slash + 1));
  const Descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (opened.fd >= 0) ::fsync(opened.fd);
}

}  // namespace

void log_line(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fputc('\n', stdout);
  std::fflush(stdout);
}

double seconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return double(now.tv_sec) + 1e-9 * double(now.tv_nsec);
}

Result<MappedFile> MappedFile::open(const char* path) {
  const Descriptor file(::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK));  // a pipe must not block us
  if (file.fd < 0) return refused("open", path, errno);
  struct stat about;
  if (fstat(file.fd, &about) != 0) return refused("stat", path, errno);
  if (!S_ISREG(about.st_mode)) return fail(Code::invalid, path, ": not a regular file");
  if (uint64_t(about.st_size) > PTRDIFF_MAX) return fail(Code::unsupported, path, ": larger than the address space");

  MappedFile mapped;
  const size_t bytes = size_t(about.st_size);
  if (bytes == 0) return mapped;
  void* base = mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, file.fd, 0);
  if (base == MAP_FAILED) return refused("map", path, errno);
  mapped.bytes_ = {static_cast<const uint8_t*>(base), bytes};
  return mapped;
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) munmap(const_cast<uint8_t*>(bytes_.data()), bytes_.size());
}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

void MappedFile::release(std::span<const uint8_t> part) const {
  if (part.empty()) return;
  const size_t first = size_t(part.data() - bytes_.data());
  SYN_CHECK(part.data() >= bytes_.data() && first <= bytes_.size() && part.size() <= bytes_.size() - first);
  // Whole pages only; the file's last page may be a partial one.
  const size_t page = page_size(), end = first + part.size();
  const size_t from = (first + page - 1) / page * page;
  const size_t to = end == bytes_.size() ? end : end / page * page;
  if (from < to) madvise(const_cast<uint8_t*>(bytes_.data()) + from, to - from, MADV_DONTNEED);
}

void MappedFile::expect_few_reads() const { madvise(const_cast<uint8_t*>(bytes_.data()), bytes_.size(), MADV_NOHUGEPAGE); }

NewFile::NewFile(NewFile&& other) noexcept
    : fd_(other.fd_),
      bytes_(other.bytes_),
      overwrite_(other.overwrite_),
      is_special_(other.is_special_),
      path_(other.path_),
      unfinished_(other.unfinished_) {
  other.fd_ = -1;
}

NewFile::~NewFile() {
  if (fd_ < 0) return;
  ::close(fd_);
  if (!is_special_) ::unlink(unfinished_.c_str());
}

Result<NewFile> NewFile::create(const char* path, bool overwrite) {
  NewFile file;
  file.path_ = Text<kMaxPathBytes>(path);
  if (file.path_.view() != path) return fail(Code::invalid, path, ": longer than ", kMaxPathBytes, " bytes");
  struct stat there;
  file.is_special_ = ::stat(path, &there) == 0 && !S_ISREG(there.st_mode);
  file.overwrite_ = overwrite || file.is_special_;
  if (!file.overwrite_ && is_there(path)) return refuse_to_overwrite(path);
  file.unfinished_ = file.is_special_ ? file.path_ : Text<kMaxPathBytes>(path, ".", getpid(), ".part");
  file.fd_ = ::open(file.unfinished_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file.fd_ < 0) return refused("create", file.unfinished_, errno);
  return file;
}

Status NewFile::write(std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return refused("write", path_, errno);
    bytes = bytes.subspan(size_t(n));
    bytes_ += uint64_t(n);
  }
  return {};
}

Sink NewFile::sink() {
  return {[](void* self, std::span<const uint8_t> bytes) { return static_cast<NewFile*>(self)->write(bytes); }, this};
}

Status NewFile::finish() {
  struct stat made;
  if (is_special_) {
    const int status = ::close(fd_);
    fd_ = -1;
    return status == 0 ? Status() : refused("write", path_, errno);
  }
  if (::fsync(fd_) != 0 || ::fstat(fd_, &made) != 0) return refused("write", path_, errno);
  if (uint64_t(made.st_size) != bytes_)
    return fail(Code::io, path_, ": ", uint64_t(made.st_size), " bytes are on the disk, wanted ", bytes_);
  if (!overwrite_ && is_there(path_.c_str())) return refuse_to_overwrite(path_.c_str());
  if (::rename(unfinished_.c_str(), path_.c_str()) != 0) return refused("name", path_, errno);
  ::close(fd_);
  fd_ = -1;
  sync_folder_of(path_.view());
  return {};
}

// From this size on a page of 2 MiB more or less is small, and one fault instead of 512 is not.
constexpr size_t kHugeFrom = size_t(16) << 20;

Result<Reservation> Reservation::make(size_t bytes) {
  Reservation made;
  if (bytes == 0) return made;
  void* base = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) return refused("reserve", Text<32>(bytes, " bytes"), errno);
  if (bytes >= kHugeFrom) madvise(base, bytes, MADV_HUGEPAGE);  // a wish
  made.bytes_ = {static_cast<uint8_t*>(base), bytes};
  return made;
}

Reservation::~Reservation() {
  if (!bytes_.empty()) munmap(bytes_.data(), bytes_.size());
}

Reservation& Reservation::operator=(Reservation&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

}  // namespace platform
}  // namespace synapse
