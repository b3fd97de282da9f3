// A RISC-V microcontroller under an emulator or a debugger: log, clock and exit go through semihosting.
// There are no files and no spare address space; a program hands its own static buffers to the engine.
#include <cstdint>
#include <string_view>

#include "synapse/platform/platform.h"

namespace synapse {
namespace {

// A semihosting call (RISC-V semihosting specification 1.0): these three instructions, uncompressed, on
// one page. The parameter is a value or the address of a block.
enum Request : int { kClock = 0x10, kWrite0 = 0x04, kExit = 0x18 };
constexpr uintptr_t kRuntimeError = 0x20023;

int semihost(Request request, uintptr_t parameter) {
  register int a0 __asm__("a0") = request;
  register uintptr_t a1 __asm__("a1") = parameter;
  __asm__ volatile(
      ".option push\n.option norvc\n.balign 16\n"
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

Result<Reservation> Reservation::make(size_t bytes) {
  if (bytes == 0) return Reservation();
  return fail(Code::unsupported, "reserve ", bytes, " bytes: this target has fixed buffers only");
}
Reservation::~Reservation() = default;
Reservation& Reservation::operator=(Reservation&& other) noexcept {
  bytes_ = other.bytes_, other.bytes_ = {};
  return *this;
}

// Memory is what the program's linker script gives its buffers: nothing is left to take.
Resources resources() { return Resources(); }

}  // namespace platform
}  // namespace synapse

// What the headers of libstdc++ call when a contract is broken (string_view::substr past the end), and
// the call of a function that no class defined.
namespace std {
void __throw_out_of_range_fmt(const char* format, ...) { synapse::panic(format, "libstdc++", 0); }
}  // namespace std
extern "C" void __cxa_pure_virtual() { synapse::panic("pure virtual call", __FILE__, __LINE__); }
