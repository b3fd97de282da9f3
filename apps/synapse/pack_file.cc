#include "pack_file.h"

#include <cinttypes>
#include <cstdio>
#include <cstring>

#include "output.h"
#include "progress.h"
#include "synapse/base/rng.h"
#include "synapse/import/names.h"

namespace synapse::cli {
namespace {

namespace fs = std::filesystem;

constexpr size_t kHeadBytes = 4096;  // so that what follows begins a page
constexpr size_t kSampleBytes = 64, kSampleStep = size_t(1) << 20;
constexpr size_t kWriteBytes = size_t(1) << 24;

struct Head {
  char magic[8] = {'S', 'Y', 'N', 'P', 'A', 'C', 'K', '\n'};
  uint32_t layout = kPackedLayout, head_bytes = kHeadBytes;
  uint64_t fingerprint, n_bytes;
};

template <typename T>
uint64_t mixed(uint64_t h, const T& value) {
  return hash64(&value, sizeof value, h);
}

uint64_t hash_of_samples(uint64_t h, const Tensor& w) {
  const auto* data = static_cast<const uint8_t*>(w.data);
  const size_t n = w.bytes(), last = n < kSampleBytes ? 0 : n - kSampleBytes;
  for (size_t at = 0; at < last; at += kSampleStep) h = hash64(data + at, kSampleBytes, h);
  return hash64(data + last, n - last, h);
}

uint64_t fingerprint_of(const PackedSet& set, const Source& source) {
  std::error_code unknown;
  uint64_t h = mixed(hash64("synapse", 7), source.file_bytes());
  h = mixed(h, int64_t(fs::last_write_time(source.path(), unknown).time_since_epoch().count()));
  for (const Tensor& w : set.matrices) {
    const int32_t shape[] = {int32_t(w.dtype), w.rank, w.rows(), w.cols(), w.data == set.in_planes.data};
    h = hash_of_samples(mixed(h, shape), w);
    source.release({static_cast<const uint8_t*>(w.data), w.bytes()});
  }
  return h;
}

}  // namespace

const uint8_t* PackFile::bytes() const { return file_.bytes().data() + kHeadBytes; }

PackPlace::PackPlace(const PackedSet& set, const Source& source) : n_bytes_(set.bytes()) {
  const fs::path cache = cache_folder();
  if (cache.empty()) return;
  fingerprint_ = fingerprint_of(set, source);
  char name[40];
  std::snprintf(name, sizeof name, "%016" PRIx64 "-%" PRIu32, fingerprint_, kPackedLayout);
  path_ = cache / "pack" / name;
}

std::optional<PackFile> PackPlace::find() const {
  std::error_code absent;
  if (path_.empty() || !fs::exists(path_, absent)) return std::nullopt;
  Result<platform::MappedFile> file = platform::MappedFile::open(path_.c_str());
  const Head wanted = {.fingerprint = fingerprint_, .n_bytes = n_bytes_};
  if (file.ok() && file->bytes().size() == kHeadBytes + n_bytes_ && std::memcmp(file->bytes().data(), &wanted, sizeof wanted) == 0)
    return PackFile(std::move(*file));
  note(path_.string() + ": " +
       (file.ok() ? "not the packed weights that its name says, " + std::to_string(file->bytes().size()) + " bytes, wanted " +
                        std::to_string(kHeadBytes + n_bytes_)
                  : std::string(file.status().message())) +
       "; ignored");
  return std::nullopt;
}

Status PackPlace::write(std::span<const uint8_t> packed) const {
  std::error_code failed;
  fs::create_directories(path_.parent_path(), failed);
  if (failed) return fail(Code::io, path_.parent_path().c_str(), ": ", failed.message().c_str());
  SYN_TRY(file, platform::NewFile::create(path_.c_str()));
  uint8_t page[kHeadBytes] = {};
  const Head head = {.fingerprint = fingerprint_, .n_bytes = n_bytes_};
  std::memcpy(page, &head, sizeof head);
  SYN_RETURN_IF_ERROR(file.write(page));
  ByteBar bar;
  for (size_t at = 0; at < packed.size(); at += kWriteBytes) {
    SYN_RETURN_IF_ERROR(file.write(packed.subspan(at, std::min(kWriteBytes, packed.size() - at))));
    if (!ByteBar::step(&bar, at, packed.size())) return fail(Code::cancelled, "interrupted");
  }
  return file.finish();
}

}  // namespace synapse::cli
