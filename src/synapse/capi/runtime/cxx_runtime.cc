// What the C++ headers and the compiler call when a contract is broken, for the library of include/synapse.h, which is
// linked without a C++ library. Known by their symbols: these names are local to the library.
#include "synapse/base/status.h"

namespace {

[[noreturn]] void broken(const char* what) { synapse::panic(what, "the C++ library", 0); }

}  // namespace

extern "C" {
void synapse_out_of_range(const char* format, ...) __asm__("_ZSt24__throw_out_of_range_fmtPKcz");
void synapse_verbose_abort(const char* format, ...) __asm__("_ZNSt3__122__libcpp_verbose_abortEPKcz");
void __cxa_pure_virtual();

void synapse_out_of_range(const char* format, ...) { broken(format); }
void synapse_verbose_abort(const char* format, ...) { broken(format); }
void __cxa_pure_virtual() { broken("pure virtual call"); }
}
