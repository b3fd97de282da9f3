#!/bin/bash
# check_release.sh ARCHIVE: unpacks a tarball of tools/release into an empty root and runs the program there as nobody, on the
# oldest processor that it is for: a Westmere (x86_64) or a Cortex-A53 (aarch64) in qemu, and natively where this machine
# can. As root; needs qemu-user and, for another processor's bare root, qemu-user-static.
set -euo pipefail
archive=$(realpath "$1")
name=$(basename "$archive" .tar.gz)
wanted=", there was a little girl named Lily."
prompt=(run -m synapse-story-4m -p "Once upon a time" -n 60 --temp 0)

(cd "$(dirname "$archive")" && sha256sum --check --quiet "$name.tar.gz.sha256")
bare=$(mktemp -d)
trap 'rm -rf "$bare"' EXIT
chmod 755 "$bare"
tar -xzf "$archive" -C "$bare"

expect() {  # expect "what this is" COMMAND...
  local what=$1 story
  shift
  story=$("$@") || { echo "$what: failed"; exit 1; }
  [[ $story == "$wanted"* ]] || { echo "$what: found \"$story\", wanted \"$wanted\""; exit 1; }
  echo "$what: tells the story"
}

if readelf -l "$bare/$name/bin/synapse" | grep -q INTERP; then echo "bin/synapse wants a loader"; exit 1; fi
case $name in
  *-x86_64)
    expect "Westmere" qemu-x86_64 -cpu Westmere "$bare/$name/bin/synapse" "${prompt[@]}"
    expect "bare root, as nobody" chroot --userspec=65534:65534 "$bare" "/$name/bin/synapse" "${prompt[@]}"
    ;;
  *-aarch64)
    expect "Cortex-A53" qemu-aarch64 -cpu cortex-a53 "$bare/$name/bin/synapse" "${prompt[@]}"
    cp "$(command -v qemu-aarch64-static)" "$bare/qemu"
    expect "bare root but for the emulator, as nobody" chroot --userspec=65534:65534 "$bare" /qemu -cpu cortex-a53 \
      "/$name/bin/synapse" "${prompt[@]}"
    ;;
esac

# The library from C, with a C library that it was not built with.
case $name in *-x86_64) cc=cc qemu=() ;; *) cc=aarch64-linux-gnu-gcc qemu=(qemu-aarch64) ;; esac
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
"$cc" -static "$root/examples/story.c" -I"$bare/$name/include" "$bare/$name/lib/libsynapse.a" -lpthread -lm -o "$bare/story"
expect "libsynapse.a in a glibc program" "${qemu[@]}" "$bare/story" "$bare/$name/share/synapse/models/synapse-story-4m-Q8_0.gguf" \
  "Once upon a time" 60
