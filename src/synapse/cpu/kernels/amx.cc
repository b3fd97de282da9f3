#include <immintrin.h>

#include "synapse/base/compiler.h"
#include "synapse/base/half.h"
#include "synapse/cpu/kernels/kernels.h"

namespace synapse {
namespace {

#include "synapse/cpu/kernels/simd_avx512.h"
#include "synapse/cpu/kernels/dot_vnni.h"
#include "synapse/cpu/kernels/formats.inl"
#include "synapse/cpu/kernels/tile.inl"
#include "synapse/cpu/kernels/amx.inl"

// The processor's tiles. Not by the compiler's intrinsics, which want the register's number spelled out and do not say what memory they read.
// Their state is the thread's own, and saved with it only between configure and release.
struct AmxTiles {
  static void configure(const TileShapes& shapes) { __asm__ volatile("ldtilecfg %0" ::"m"(shapes)); }
  static void release() { __asm__ volatile("tilerelease"); }
  template <int t>
  SYN_INLINE static void zero() {
    __asm__ volatile("tilezero %%tmm%c0" ::"i"(t));
  }
  template <int t>
  SYN_INLINE static void load(const void* from, size_t stride) {
    __asm__ volatile("tileloadd (%1,%2,1), %%tmm%c0" ::"i"(t), "r"(from), "r"(stride) : "memory");
  }
  template <int t>
  SYN_INLINE static void store(void* to, size_t stride) {
    __asm__ volatile("tilestored %%tmm%c0, (%1,%2,1)" ::"i"(t), "r"(to), "r"(stride) : "memory");
  }
  template <int c, int a, int b>
  SYN_INLINE static void dot() {
    __asm__ volatile("tdpbssd %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(c), "i"(a), "i"(b));
  }
};

}  // namespace

void add_amx(Kernels& k) {
  k.isa = "amx";
  k.peak_bytes = amx_peak_bytes<AmxTiles>;
  fill_amx_dots<AmxTiles>(k.formats);
}

}  // namespace synapse
