// What differs between compilers. The only file of the engine that may test the preprocessor.
#pragma once

#define SYN_COLD __attribute__((cold, noinline))
// The loop that follows is taken apart wholly when it has at most n rounds.
#define SYN_PRAGMA(text) _Pragma(#text)
#if defined(__clang__)
#define SYN_UNROLL(n) SYN_PRAGMA(unroll n)
#else
#define SYN_UNROLL(n) SYN_PRAGMA(GCC unroll n)
#endif

#define SYN_INLINE inline __attribute__((always_inline))

// Tells the processor that this is a waiting loop.
#if defined(__x86_64__)
#define SYN_SPIN_PAUSE() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define SYN_SPIN_PAUSE() __asm__ volatile("yield")
#else
#define SYN_SPIN_PAUSE() __asm__ volatile("")
#endif
