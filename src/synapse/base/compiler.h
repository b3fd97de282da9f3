// What differs between compilers. The only file of the engine that may test the preprocessor.
#pragma once

#define SYN_COLD __attribute__((cold, noinline))
#define SYN_INLINE inline __attribute__((always_inline))
