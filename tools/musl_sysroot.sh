#!/bin/bash
# musl_sysroot.sh ARCH (x86_64 or aarch64): prints the folder of a sysroot for static programs in C and C++, and makes it
# first when it is not there: Debian's musl, the kernel's headers, libgcc, and libc++ 19 built against musl from
# Debian's sources. Takes some minutes and 200 MB of download once; kept in ${XDG_CACHE_HOME:-~/.cache}/synapse.
set -euo pipefail

arch=$1
case $arch in
  x86_64) debian=amd64 gcc=$(dirname "$(gcc -print-libgcc-file-name)") kernel=/usr/include asm=/usr/include/x86_64-linux-gnu/asm ;;
  aarch64) debian=arm64 gcc=$(dirname "$(aarch64-linux-gnu-gcc -print-libgcc-file-name)")
           kernel=/usr/aarch64-linux-gnu/include asm=$kernel/asm ;;
  *) echo "$arch: wanted x86_64 or aarch64" >&2; exit 2 ;;
esac

cache=${XDG_CACHE_HOME:-$HOME/.cache}/synapse
sysroot=$cache/sysroot-$arch
if [[ -f $sysroot/complete ]]; then
  echo "$sysroot"
  exit
fi
mkdir -p "$cache"
log=$cache/sysroot-$arch.log
exec 3>&1 1> "$log" 2>&1
trap 'tail -n 5 "$log" >&3 || true; echo "musl_sysroot.sh: failed, all of its output: $log" >&3' ERR

# Packages and sources of Debian, with lists of their own so that the system's stay as they are.
apt=$cache/apt
fetch() {  # fetch apt-get arguments
  mkdir -p "$apt/lists/partial" "$apt/archives/partial"
  local suite signed="signed-by=/usr/share/keyrings/debian-archive-keyring.gpg"
  for suite in "debian bookworm" "debian bookworm-updates" "debian-security bookworm-security"; do
    echo "deb [arch=amd64,arm64 $signed] http://deb.debian.org/$suite main"
    echo "deb-src [$signed] http://deb.debian.org/$suite main"
  done > "$apt/sources.list"
  apt-get -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists="$apt/lists" \
    -o Dir::Cache="$apt" -o APT::Architectures::=amd64 -o APT::Architectures::=arm64 -o APT::Sandbox::User=root "$@"
}

source=$cache/llvm-source
if [[ ! -f $source/complete ]]; then
  rm -rf "$source"
  mkdir -p "$source" "$cache/llvm-src"
  if ! compgen -G "$cache/llvm-src/*.orig.tar.xz"; then
    fetch update
    (cd "$cache/llvm-src" && fetch source --download-only llvm-toolchain-19)
  fi
  tar -xJf "$cache"/llvm-src/llvm-toolchain-19_*.orig.tar.xz -C "$source" --strip-components=1 --wildcards \
    --no-wildcards-match-slash --anchored '*/libcxx' '*/libcxxabi' '*/libunwind' '*/runtimes' '*/cmake' '*/llvm/cmake' \
    '*/llvm/utils/llvm-lit' '*/third-party'
  touch "$source/complete"
fi

rm -rf "$sysroot"
mkdir -p "$sysroot/usr/lib" "$sysroot/musl" "$cache/packages"
if ! compgen -G "$cache/packages/musl-dev_*_$debian.deb"; then
  fetch update
  (cd "$cache/packages" && fetch download "musl-dev:$debian")
fi
dpkg -x "$cache"/packages/musl-dev_*_"$debian".deb "$sysroot/musl"
cp -r "$sysroot/musl/usr/include/$arch-linux-musl" "$sysroot/usr/include"
cp "$sysroot/musl/usr/lib/$arch-linux-musl"/*.{o,a} "$sysroot/usr/lib/"
mkdir -p "$sysroot/licences"
cp "$sysroot/musl/usr/share/doc/musl-dev/copyright" "$sysroot/licences/musl.txt"
cp -rL "$kernel/linux" "$kernel/asm-generic" "$asm" "$sysroot/usr/include/"
cp "$gcc"/libgcc.a "$gcc"/libgcc_eh.a "$gcc"/crtbeginT.o "$gcc"/crtend.o "$sysroot/usr/lib/"
rm -r "$sysroot/musl"

flags="--target=$arch-linux-musl --sysroot=$sysroot -fno-ident -ffile-prefix-map=$source=. -ffile-prefix-map=$cache=."
[[ $arch != aarch64 ]] || flags+=" -mno-outline-atomics"
build=$cache/libcxx-$arch
rm -rf "$build"
cmake -G Ninja -S "$source/runtimes" -B "$build" -DLLVM_ENABLE_RUNTIMES="libcxx;libcxxabi;libunwind" \
  -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR="$arch" -DCMAKE_BUILD_TYPE=MinSizeRel -DCMAKE_INSTALL_PREFIX="$sysroot/usr" \
  -DCMAKE_C_COMPILER=clang-19 -DCMAKE_CXX_COMPILER=clang++-19 -DCMAKE_AR=/usr/bin/llvm-ar-19 -DCMAKE_RANLIB=/usr/bin/llvm-ranlib-19 \
  -DCMAKE_C_COMPILER_TARGET="$arch-linux-musl" -DCMAKE_CXX_COMPILER_TARGET="$arch-linux-musl" \
  -DCMAKE_ASM_COMPILER_TARGET="$arch-linux-musl" -DCMAKE_SYSROOT="$sysroot" \
  -DCMAKE_C_FLAGS="$flags" -DCMAKE_CXX_FLAGS="$flags" -DCMAKE_ASM_FLAGS="$flags" \
  -DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY -DLIBCXX_HAS_MUSL_LIBC=ON -DLIBCXX_ENABLE_SHARED=OFF \
  -DLIBCXXABI_ENABLE_SHARED=OFF -DLIBUNWIND_ENABLE_SHARED=OFF -DLIBCXXABI_USE_LLVM_UNWINDER=ON \
  -DLIBCXX_ENABLE_TIME_ZONE_DATABASE=OFF -DLIBCXX_INCLUDE_TESTS=OFF -DLIBCXX_INCLUDE_BENCHMARKS=OFF \
  -DLIBCXXABI_INCLUDE_TESTS=OFF -DLIBUNWIND_INCLUDE_TESTS=OFF -DLLVM_INCLUDE_TESTS=OFF
cmake --build "$build" --target install
cp "$source/libcxx/LICENSE.TXT" "$sysroot/licences/libc++.txt"
rm -rf "$build"
touch "$sysroot/complete"
echo "$sysroot" >&3
