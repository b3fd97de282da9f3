// WebAssembly: the page (or node) lends a log and a clock; there are no files, and memory is the module's
// own. Bytes of models are handed in by the host.
#include <cstdint>
#include <string_view>

#include "synapse/platform/platform.h"

extern "C" {
__attribute__((import_module("synapse"), import_name("log"))) void synapse_host_log(const char* text, size_t n);
__attribute__((import_module("synapse"), import_name("seconds"))) double synapse_host_seconds();
}

namespace synapse {

void panic(const char* what, const char* file, int line) {
  platform::log_line(Text<256>("panic: ", what, " at ", file, ":", line));
  __builtin_trap();
}

namespace platform {

void log_line(std::string_view text) { synapse_host_log(text.data(), text.size()); }

double seconds() { return synapse_host_seconds(); }

Result<MappedFile> MappedFile::open(const char* path) {
  return fail(Code::unsupported, path, ": a module has no files; give it the bytes");
}
MappedFile::~MappedFile() = default;
MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  bytes_ = other.bytes_, other.bytes_ = {};
  return *this;
}
void MappedFile::release(std::span<const uint8_t>) const {}
void MappedFile::expect_few_reads() const {}

NewFile::NewFile(NewFile&&) noexcept {}
NewFile::~NewFile() = default;
Result<NewFile> NewFile::create(const char* path, bool) {
  return fail(Code::unsupported, path, ": a module has no files; take the bytes");
}
Status NewFile::write(std::span<const uint8_t>) { return fail(Code::unsupported, "no file"); }
Status NewFile::finish() { return fail(Code::unsupported, "no file"); }
Sink NewFile::sink() { return {}; }

// Pages of a module's memory are never given back, so a reservation is the module's growth.
Result<Reservation> Reservation::make(size_t bytes) {
  Reservation made;
  if (bytes == 0) return made;
  constexpr size_t kPage = 65536;
  const size_t n_pages = bytes / kPage + (bytes % kPage != 0);
  const size_t first = __builtin_wasm_memory_grow(0, n_pages);
  if (first == SIZE_MAX) return fail(Code::out_of_memory, "reserve ", bytes, " bytes: the module's memory cannot grow");
  made.bytes_ = {reinterpret_cast<uint8_t*>(first * kPage), bytes};
  return made;
}
Reservation::~Reservation() = default;
Reservation& Reservation::operator=(Reservation&& other) noexcept {
  bytes_ = other.bytes_, other.bytes_ = {};
  return *this;
}

Resources resources() {
  constexpr uint64_t kPage = 65536, kMost = uint64_t(1) << 32;
  const uint64_t held = __builtin_wasm_memory_size(0) * kPage;
  Resources r;
  r.memory_total = size_t(kMost - 1);
  r.memory_available = size_t(kMost - 1 - held);
  r.resident = size_t(held);
  return r;
}

}  // namespace platform
}  // namespace synapse

// What the headers of libc++ call when a contract is broken (string_view::substr past the end), and the
// call of a function that no class defined.
void std::__libcpp_verbose_abort(const char* format, ...) { synapse::panic(format, "libc++", 0); }
extern "C" void __cxa_pure_virtual() { synapse::panic("pure virtual call", __FILE__, __LINE__); }
