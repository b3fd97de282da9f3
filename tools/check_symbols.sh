#!/bin/bash
# What the compiled engine may not contain: check_symbols.sh NM BUILD_DIR, or check_symbols.sh --selftest.
#   - An instruction set's object (every one of libsynapse_kernels.a but kernels, packed, planes, fit* and select_*) exports its
#     add_<isa> and nothing else, weak symbols included: an inline function compiled for AVX-512 must not be the copy
#     that the linker keeps for an older processor.
#   - The freestanding layers call no heap, no stdio and no exception or guard machinery.
set -euo pipefail

freestanding="base tensor ops kernels cpu io nn model memory runtime sim capi"
refused='^(malloc|calloc|realloc|free|aligned_alloc|posix_memalign|_Zn[wa].*|_Zd[la]Pv.*|.*printf|puts|putchar|fputs|fputc|fwrite|'
refused+='exit|abort|__cxa_(throw|rethrow|allocate_.*|begin_catch|end_catch|guard_.*|atexit|bad_.*)|_Unwind_.*|__gxx_personality.*|_ZTVN10__cxxabi.*)$'

# "object symbol type" of every defined global or weak symbol of an archive.
defined() {
  "$nm" -g --defined-only "$1" | awk '/:$/ { object = $0; sub(/:$/, "", object); sub(/.*[(\/]/, "", object); sub(/\)$/, "", object); next }
                                      NF >= 3 { print object, $3, $2 }'
}

check_kernels() {
  local library=$1 failed=0 object stem symbols
  local all; all=$(defined "$library")
  for object in $(awk '{ print $1 }' <<< "$all" | sort -u); do
    stem=${object%%.*}
    [[ $stem == kernels || $stem == fit* || $stem == packed || $stem == planes || $stem == select_* ]] && continue
    symbols=$(awk -v o="$object" '$1 == o { print $2 }' <<< "$all")
    if [[ $(wc -l <<< "$symbols") != 1 || $symbols != *"add_$stem"* ]]; then
      echo "$(basename "$library"): $object exports $(tr '\n' ' ' <<< "$symbols"), wanted add_$stem alone"
      failed=1
    fi
  done
  return $failed
}

check_calls() {
  local library=$1 calls
  calls=$("$nm" -u "$library" | awk 'NF { print $NF }' | grep -E "$refused" | sort -u || true)
  [[ -z $calls ]] && return 0
  echo "$(basename "$library"): is freestanding and calls $(tr '\n' ' ' <<< "$calls")"
  return 1
}

check_build() {
  local failed=0 n=0 layer library
  for layer in $freestanding; do
    library=$1/libsynapse_$layer.a
    [[ -f $library ]] || continue
    n=$((n + 1))
    check_calls "$library" || failed=1
    [[ $layer != kernels ]] || check_kernels "$library" || failed=1
  done
  if [[ $n == 0 ]]; then echo "$1: no libsynapse_*.a"; return 1; fi
  [[ $failed == 1 ]] || echo "symbols: in order in $n libraries"
  return $failed
}

# Compiles small libraries that keep or break one rule each.
selftest() {
  local failed=0 passed=0
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  expect() {  # expect ok|bad LAYER OBJECT SOURCE
    rm -rf "${work:?}"/*
    echo "$4" | ${CXX:-c++} -std=c++20 -O0 -x c++ -c - -o "$work/$3.cc.o"
    ar rc "$work/libsynapse_$2.a" "$work/$3.cc.o"
    local found=ok
    check_build "$work" > "$work/log" || found=bad
    if [[ $found == "$1" ]]; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "$4: $found, wanted $1"; fi
  }
  expect ok kernels avx2 'static int f() { return 1; } int add_avx2() { return f(); }'
  expect bad kernels avx2 'int add_avx2() { return 1; } int helper() { return 2; }'
  expect bad kernels avx2 'inline int f() { return 1; } int add_avx2() { return f(); }'
  expect bad kernels avx2 'int add_avx512() { return 1; }'
  expect ok kernels select_x86 'int a() { return 1; } int b() { return 2; }'
  expect ok nn block 'extern "C" void* memcpy(void*, const void*, unsigned long); void f(char* a, char* b) { memcpy(a, b, 9); }'
  expect bad nn block 'int* f() { return new int; }'
  expect bad nn block 'void f(int* p) { delete p; }'
  expect bad nn block '#include <cstdlib>
    void* f() { return malloc(3); }'
  expect bad nn block '#include <cstdio>
    void f(int i) { printf("%d", i); }'
  expect bad nn block 'void f() { throw 1; }'
  expect bad nn block 'int g(); int f() { static int once = g(); return once; }'
  echo "$passed passed, $failed failed"
  [[ $failed == 0 ]]
}

if [[ ${1:-} == --selftest ]]; then
  nm=nm
  selftest
else
  nm=$1
  check_build "$2"
fi
