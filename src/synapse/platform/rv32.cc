// A RISC-V microcontroller under an emulator or a debugger: log, clock and exit go through semihosting.
// There are no files: models are linked or loaded.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "synapse/base/arena.h"
#include "synapse/platform/platform.h"

// From the linker script: what is left of the RAM.
extern "C" uint8_t __heap_start[], __heap_end[];

namespace synapse {
namespace {

// A semihosting call (RISC-V semihosting specification 1.0): these three instructions, uncompressed, on
// one page, hence the alignment. The parameter is a value or the address of a block.
enum Request : int { kClock = 0x10, kWrite0 = 0x04, kExit = 0x18 };
constexpr uintptr_t kRuntimeError = 0x20023;

__attribute__((noinline, aligned(64))) int semihost(Request request, uintptr_t parameter) {
  register int a0 __asm__("a0") = request;
  register uintptr_t a1 __asm__("a1") = parameter;
  __asm__ volatile(
      ".option push\n.option norvc\n"
      "slli zero, zero, 0x1f\nebreak\nsrai zero, zero, 7\n"
      ".option pop\n"
      : "+r"(a0)
      : "r"(a1)
      : "memory");
  return a0;
}

}  // namespace

void panic(const char* what, const char* file, int line) {
  platform::log_line(Text<256>("panic: ", what, " at ", file, ":", line));
  semihost(kExit, kRuntimeError);
  while (true) {
  }
}

namespace platform {
namespace {

size_t heap_used = 0;

// Where heap_used stood after `bytes` was reserved.
size_t heap_end_of(std::span<uint8_t> bytes) {
  const size_t end = size_t(bytes.data() + bytes.size() - __heap_start);
  return std::min(Arena::align_up(end, Arena::kAlign), size_t(__heap_end - __heap_start));
}

}  // namespace

void log_line(std::string_view text) {
  while (!text.empty()) {
    const Text<200> part(text.substr(0, 200));
    semihost(kWrite0, reinterpret_cast<uintptr_t>(part.c_str()));
    text.remove_prefix(part.view().size());
  }
  semihost(kWrite0, reinterpret_cast<uintptr_t>("\n"));
}

double seconds() { return 0.01 * semihost(kClock, 0); }

Result<MappedFile> MappedFile::open(const char* path) {
  return fail(Code::unsupported, path, ": this target has no files; link or load the bytes");
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
  return fail(Code::unsupported, path, ": this target has no files; take the bytes");
}
Status NewFile::write(std::span<const uint8_t>) { return fail(Code::unsupported, "no file"); }
Status NewFile::finish() { return fail(Code::unsupported, "no file"); }
Sink NewFile::sink() { return {}; }

// Reservations are cut from the RAM between the program's data and its stack, upwards, and zeroed. What is
// given back is reused once everything above it has been given back too.
Result<Reservation> Reservation::make(size_t bytes) {
  Reservation made;
  const size_t room = size_t(__heap_end - __heap_start) - heap_used;
  if (bytes > room) return fail(Code::out_of_memory, "reserve ", bytes, " bytes: ", room, " left");
  if (bytes == 0) return made;
  uint8_t* base = __heap_start + heap_used;
  std::memset(base, 0, bytes);
  made.bytes_ = {base, bytes};
  heap_used = heap_end_of(made.bytes_);
  return made;
}
Reservation::~Reservation() {
  if (!bytes_.empty() && heap_used == heap_end_of(bytes_)) heap_used = size_t(bytes_.data() - __heap_start);
}
Reservation& Reservation::operator=(Reservation&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

Resources resources() {
  Resources r;
  r.memory_total = size_t(__heap_end - __heap_start);
  r.memory_available = r.memory_total - heap_used;
  r.resident = heap_used;
  return r;
}

}  // namespace platform
}  // namespace synapse

// What the headers of libstdc++ call when a contract is broken (string_view::substr past the end), and
// the call of a function that no class defined.
namespace std {
void __throw_out_of_range_fmt(const char* format, ...) { synapse::panic(format, "libstdc++", 0); }
}  // namespace std
extern "C" void __cxa_pure_virtual() { synapse::panic("pure virtual call", __FILE__, __LINE__); }
