# A 32-bit RISC-V microcontroller (rv32imafc) on bare metal: gcc, picolibc, and the host's libstdc++
# headers behind a shim, since Debian has no C++ library for it. Programs run on qemu's "virt" board and
# talk through semihosting. Memory: 4 MiB of flash and 56 MiB of RAM; build a board's own with its link.ld.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR riscv32)
set(CMAKE_C_COMPILER riscv64-unknown-elf-gcc)
set(CMAKE_CXX_COMPILER riscv64-unknown-elf-g++)
set(CMAKE_NM riscv64-unknown-elf-nm)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(CMAKE_EXECUTABLE_SUFFIX_CXX .elf)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-system-riscv32 -M virt -m 64M -bios none -nographic -monitor none
    -semihosting-config enable=on,target=native -kernel)

# The host's headers must be those of the cross compiler's own version: that decides which host compiler to ask.
execute_process(COMMAND riscv64-unknown-elf-g++ -dumpversion OUTPUT_VARIABLE gcc OUTPUT_STRIP_TRAILING_WHITESPACE)
string(REGEX MATCH "^[0-9]+" gcc "${gcc}")
execute_process(COMMAND gcc -print-multiarch OUTPUT_VARIABLE multiarch OUTPUT_STRIP_TRAILING_WHITESPACE)
set(host_bits /usr/include/${multiarch}/c++/${gcc})

# The shim: the host's configuration, less what bare metal lacks.
set(shim ${CMAKE_BINARY_DIR}/libstdcxx-shim)
if(NOT EXISTS ${shim}/bits/c++config.h)
  file(WRITE ${shim}/bits/os_defines.h "")
  file(WRITE ${shim}/bits/cpu_defines.h "")
  file(WRITE ${shim}/bits/gthr-default.h "#include <${host_bits}/bits/gthr-single.h>\n")
  file(WRITE ${shim}/bits/c++config.h "#pragma GCC system_header
#include_next <bits/c++config.h>
#undef _GLIBCXX_HAS_GTHREADS
#undef _GLIBCXX_USE_C99_STDLIB
#undef _GLIBCXX_HAVE_TLS
#undef _GLIBCXX_USE_LFS
#undef _GLIBCXX_HAVE_LINUX_FUTEX
")
endif()

set(machine "-march=rv32imafc -mabi=ilp32f")  # picolibc's libraries are found by exactly these words
string(JOIN " " CMAKE_CXX_FLAGS_INIT ${machine} -ffunction-sections -fdata-sections -nostdinc++ -isystem ${shim}
       -isystem /usr/include/c++/${gcc} -isystem ${host_bits}
       -isystem /usr/lib/picolibc/riscv64-unknown-elf/include)
string(JOIN " " CMAKE_CXX_LINK_EXECUTABLE riscv64-unknown-elf-gcc --specs=picolibc.specs --crt0=semihost
       --oslib=semihost ${machine} -Wl,--defsym=__flash=0x80000000 -Wl,--defsym=__flash_size=0x400000
       -Wl,--defsym=__ram=0x80400000 -Wl,--defsym=__ram_size=0x3800000 -Wl,--defsym=__stack_size=0x10000
       -T picolibcpp.ld <LINK_FLAGS> <OBJECTS> <LINK_LIBRARIES> -Wl,--gc-sections -o <TARGET>)
