# Sourced by ./run and ./test: what must be installed, and how to build quietly.
#
#   ensure GROUP...    every tool and header of these groups is there; as root on Debian or Ubuntu installs
#                      what is missing, otherwise prints the command that would and exits with 1
#   n_jobs             how many processors this process may use (affinity, cgroup quota, memory)
#   quietly LOG CMD... runs CMD with its output in LOG, which is shown when it fails
#
# With everything present no package manager is touched. Nothing is ever run through sudo.

# group  what is looked for (a program, or a file below an include or other prefix)  apt | dnf | pacman | brew
requirements='
build  cmake                          cmake | cmake | cmake | cmake
build  ninja                          ninja-build | ninja-build | ninja | ninja
build  g++                            g++ | gcc-c++ | gcc | gcc
build  include/CLI/CLI.hpp            libcli11-dev | cli11-devel | cli11 | cli11
build  include/nlohmann/json.hpp      nlohmann-json3-dev | json-devel | nlohmann-json | nlohmann-json
build  include/pcre2.h                libpcre2-dev | pcre2-devel | pcre2 | pcre2
build  include/histedit.h             libedit-dev | libedit-devel | libedit | libedit
test   include/gtest/gtest.h          libgtest-dev | gtest-devel | gtest | googletest
test   include/utf8proc.h             libutf8proc-dev | utf8proc-devel | libutf8proc | utf8proc
test   python3                        python3 | python3 | python | python
test   pkg-config                     pkg-config | pkgconf | pkgconf | pkgconf
cross  aarch64-linux-gnu-g++          g++-aarch64-linux-gnu
cross  qemu-aarch64                   qemu-user
cross  clang++-19                     clang-19
cross  wasm-ld-19                     lld-19
cross  llvm-ar-19                     llvm-19
cross  lib/llvm-19/include/wasm32-wasi/c++/v1/span                               libc++-19-dev-wasm32
cross  lib/llvm-19/lib/clang/19/lib/wasi/libclang_rt.builtins-wasm32.a           libclang-rt-19-dev-wasm32
cross  include/wasm32-wasi/string.h   wasi-libc
cross  node                           nodejs
cross  riscv64-unknown-elf-g++        gcc-riscv64-unknown-elf
cross  lib/picolibc/riscv64-unknown-elf/lib/picolibcpp.ld                        picolibc-riscv64-unknown-elf
cross  qemu-system-riscv32            qemu-system-misc
release  clang++-19                   clang-19
release  ld.lld-19                    lld-19
release  llvm-ar-19                   llvm-19
release  aarch64-linux-gnu-g++        g++-aarch64-linux-gnu
release  qemu-x86_64                  qemu-user
release  qemu-aarch64-static          qemu-user-static
cross  zsh                            zsh
cross  fish                           fish
fuzz   clang++-19                     clang-19
fuzz   llvm-symbolizer-19             llvm-19
fuzz   lib/llvm-19/lib/clang/19/lib/linux/libclang_rt.fuzzer-*.a                 libclang-rt-19-dev
'

say() { printf '%s\n' "$*" >&2; }

is_there() {
  case $1 in
    */*) compgen -G "/usr/$1" > /dev/null || compgen -G "/usr/local/$1" > /dev/null || compgen -G "/opt/homebrew/$1" > /dev/null ;;
    *) command -v "$1" > /dev/null ;;
  esac
}

# The names, for package manager number $1 (of the table's columns), of what the groups lack. Where the
# table has no name for that manager, the thing that was looked for.
missing() {
  local column=$1 group thing names name
  shift
  while read -r group thing names; do
    [[ -n $group && " $* " == *" $group "* ]] || continue
    is_there "$thing" && continue
    name=$(cut -s -d'|' -f"$column" <<< "$names|" | tr -d ' ')
    printf '%s\n' "${name:-$thing}"
  done <<< "$requirements" | sort -u | tr '\n' ' '
}

ensure() {
  local packages
  packages=$(missing 1 "$@")
  [[ -z $packages ]] && return 0
  if command -v apt-get > /dev/null; then
    if [[ $(id -u) != 0 ]]; then
      say "missing: $packages"
      say "as root:  apt-get install -y --no-install-recommends $packages"
      exit 1
    fi
    say "installing $packages"
    local log; log=$(mktemp)
    if ! { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $packages; } \
        > "$log" 2>&1; then
      tail -n 5 "$log" >&2
      say "could not install: $packages"
      say "(no network, or this release does not have them; all of the log: $log)"
      exit 1
    fi
    rm -f "$log"
    packages=$(missing 1 "$@")
    [[ -z $packages ]] && return 0
    say "installed, and still not found: $packages"
    exit 1
  fi
  if command -v dnf > /dev/null; then
    say "as root:  dnf install $(missing 2 "$@")"
  elif command -v pacman > /dev/null; then
    say "as root:  pacman -S --needed $(missing 3 "$@")"
  elif command -v brew > /dev/null; then
    say "brew install $(missing 4 "$@")"
  else
    say "missing, by their names in Debian: $packages"
  fi
  exit 1
}

# A quota of "200000 100000" microseconds is two processors; a compiler wants about 1 GiB.
n_jobs() {
  local n quota period memory
  n=$(nproc)
  quota=max
  if [[ -r /sys/fs/cgroup/cpu.max ]]; then
    read -r quota period < /sys/fs/cgroup/cpu.max
  elif [[ -r /sys/fs/cgroup/cpu/cpu.cfs_quota_us ]]; then
    quota=$(< /sys/fs/cgroup/cpu/cpu.cfs_quota_us)
    period=$(< /sys/fs/cgroup/cpu/cpu.cfs_period_us)
  fi
  if [[ $quota =~ ^[0-9]+$ && $quota -gt 0 ]] && ((n > (quota + period - 1) / period)); then
    n=$(((quota + period - 1) / period))
  fi
  memory=$(awk '/^MemAvailable:/ { print int($2 / 1048576) }' /proc/meminfo)
  if ((memory >= 1 && n > memory)); then n=$memory; fi
  echo "$n"
}

quietly() {
  local log=$1
  shift
  mkdir -p "$(dirname "$log")"
  "$@" > "$log" 2>&1 && return 0
  grep -E 'error|FAILED|CMake Error' -A 5 "$log" | head -n 40 >&2 || true
  say "failed: $*"
  say "all of its output: $log"
  return 1
}
