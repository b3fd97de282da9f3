#!/bin/bash
# musl_sysroot.sh ARCH (x86_64 or aarch64): prints the folder of a sysroot for static programs in C and C++, and makes what
# is missing of it first: Debian's musl, the kernel's headers and libgcc; libc++ 19 and PCRE2 built against musl from Debian's
# sources. Takes some minutes and 200 MB of download once; kept in ${XDG_CACHE_HOME:-~/.cache}/synapse.
set -Eeuo pipefail

arch=$1
case $arch in
  x86_64) debian=amd64 gcc=gcc kernel=/usr/include asm=/usr/include/x86_64-linux-gnu/asm ;;
  aarch64) debian=arm64 gcc=aarch64-linux-gnu-gcc kernel=/usr/aarch64-linux-gnu/include asm=$kernel/asm ;;
  *) echo "$arch: wanted x86_64 or aarch64" >&2; exit 2 ;;
esac

cache=${XDG_CACHE_HOME:-$HOME/.cache}/synapse
sysroot=$cache/sysroot-$arch
sources=$cache/sources
log=$cache/sysroot-$arch.log
mkdir -p "$sysroot/have" "$sysroot/licences" "$sources" "$cache/packages"
exec 3>&1 1> "$log" 2>&1
trap 'tail -n 5 "$log" >&3 || true; echo "musl_sysroot.sh: failed, all of its output: $log" >&3' ERR

# apt-get on Debian 12, with lists of its own so that the system's stay as they are.
apt() {
  local lists=$cache/apt suite signed="signed-by=/usr/share/keyrings/debian-archive-keyring.gpg"
  mkdir -p "$lists/lists/partial" "$lists/archives/partial"
  for suite in "debian bookworm" "debian bookworm-updates" "debian-security bookworm-security"; do
    echo "deb [arch=amd64,arm64 $signed] http://deb.debian.org/$suite main"
    echo "deb-src [$signed] http://deb.debian.org/$suite main"
  done > "$lists/sources.list"
  apt-get -o Dir::Etc::sourcelist="$lists/sources.list" -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists="$lists/lists" \
    -o Dir::Cache="$lists" -o APT::Architectures::=amd64 -o APT::Architectures::=arm64 -o APT::Sandbox::User=root "$@"
}

# fetch_source NAME [tar arguments...]: its upstream source, in $sources/NAME.
fetch_source() {
  local name=$1
  shift
  [[ -f $sources/$name/complete ]] && return
  if ! compgen -G "$sources/${name}_*.orig.tar.*"; then
    apt update
    (cd "$sources" && apt source --download-only --tar-only "$name")
  fi
  rm -rf "${sources:?}/$name"
  mkdir -p "$sources/$name"
  tar -xf "$(compgen -G "$sources/${name}_*.orig.tar.*" | grep -v '\.asc$')" -C "$sources/$name" --strip-components=1 "$@"
  touch "$sources/$name/complete"
}

# build SOURCE INSTALL_PREFIX [cmake arguments...]
build() {
  local from=$1 prefix=$2 build=$cache/build-$arch
  local flags="--target=$arch-linux-musl --sysroot=$sysroot -fno-ident -ffile-prefix-map=$sources=. -ffile-prefix-map=$cache=."
  [[ $arch != aarch64 ]] || flags+=" -mno-outline-atomics"
  shift 2
  rm -rf "$build"
  cmake -G Ninja -S "$from" -B "$build" -DCMAKE_INSTALL_PREFIX="$prefix" -DCMAKE_INSTALL_LIBDIR=lib -DCMAKE_BUILD_TYPE=MinSizeRel \
    -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR="$arch" -DCMAKE_SYSROOT="$sysroot" \
    -DCMAKE_C_COMPILER=clang-19 -DCMAKE_CXX_COMPILER=clang++-19 -DCMAKE_AR=/usr/bin/llvm-ar-19 \
    -DCMAKE_RANLIB=/usr/bin/llvm-ranlib-19 -DCMAKE_C_COMPILER_TARGET="$arch-linux-musl" \
    -DCMAKE_CXX_COMPILER_TARGET="$arch-linux-musl" -DCMAKE_ASM_COMPILER_TARGET="$arch-linux-musl" \
    -DCMAKE_C_FLAGS="$flags" -DCMAKE_CXX_FLAGS="$flags" -DCMAKE_ASM_FLAGS="$flags" \
    -DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY "$@"
  cmake --build "$build" --target install
  rm -rf "$build"
}

make_c() {
  local libgcc unpacked=$cache/musl-$arch
  if ! compgen -G "$cache/packages/musl-dev_*_$debian.deb"; then
    apt update
    (cd "$cache/packages" && apt download "musl-dev:$debian")
  fi
  rm -rf "$sysroot/usr" "$unpacked"
  dpkg -x "$cache"/packages/musl-dev_*_"$debian".deb "$unpacked"
  mkdir -p "$sysroot/usr/lib"
  cp -r "$unpacked/usr/include/$arch-linux-musl" "$sysroot/usr/include"
  cp "$unpacked/usr/lib/$arch-linux-musl"/*.{o,a} "$sysroot/usr/lib/"
  cp "$unpacked/usr/share/doc/musl-dev/copyright" "$sysroot/licences/musl.txt"
  rm -rf "$unpacked"
  cp -rL "$kernel/linux" "$kernel/asm-generic" "$asm" "$sysroot/usr/include/"
  libgcc=$(dirname "$("$gcc" -print-libgcc-file-name)")
  cp "$libgcc"/{libgcc.a,crtbeginT.o,crtend.o} "$sysroot/usr/lib/"
}

make_libcxx() {
  fetch_source llvm-toolchain-19 --wildcards --no-wildcards-match-slash --anchored '*/libcxx' '*/libcxxabi' '*/libunwind' \
    '*/runtimes' '*/cmake' '*/llvm/cmake' '*/llvm/utils/llvm-lit' '*/third-party'
  build "$sources/llvm-toolchain-19/runtimes" "$sysroot/usr" -DLLVM_ENABLE_RUNTIMES="libcxx;libcxxabi;libunwind" \
    -DLIBCXX_HAS_MUSL_LIBC=ON -DLIBCXX_ENABLE_SHARED=OFF -DLIBCXXABI_ENABLE_SHARED=OFF -DLIBUNWIND_ENABLE_SHARED=OFF \
    -DLIBCXXABI_USE_LLVM_UNWINDER=ON -DLIBCXX_ENABLE_TIME_ZONE_DATABASE=OFF -DLIBCXX_INCLUDE_TESTS=OFF \
    -DLIBCXX_INCLUDE_BENCHMARKS=OFF -DLIBCXXABI_INCLUDE_TESTS=OFF -DLIBUNWIND_INCLUDE_TESTS=OFF -DLLVM_INCLUDE_TESTS=OFF
  cp "$sources/llvm-toolchain-19/libcxx/LICENSE.TXT" "$sysroot/licences/libc++.txt"
}

make_pcre2() {
  fetch_source pcre2
  build "$sources/pcre2" "$sysroot/usr" -DPCRE2_BUILD_PCRE2GREP=OFF -DPCRE2_BUILD_TESTS=OFF \
    -DBUILD_SHARED_LIBS=OFF
  cp "$sources/pcre2/LICENCE" "$sysroot/licences/pcre2.txt"
}

for part in c libcxx pcre2; do
  [[ -f $sysroot/have/$part ]] && continue
  "make_$part"
  touch "$sysroot/have/$part"
done
echo "$sysroot" >&3
