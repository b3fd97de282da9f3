# Linux programs that need nothing of the system they run on: clang 19, musl and libc++, linked statically.
#   cmake --toolchain cmake/toolchains/musl.cmake -DSYNAPSE_MUSL_ARCH=x86_64 -DSYNAPSE_MUSL_SYSROOT=$(tools/musl_sysroot.sh x86_64)
set(SYNAPSE_MUSL_ARCH x86_64 CACHE STRING "x86_64 or aarch64")
set(SYNAPSE_MUSL_SYSROOT "" CACHE PATH "what tools/musl_sysroot.sh prints")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES SYNAPSE_MUSL_ARCH SYNAPSE_MUSL_SYSROOT)
set(SYNAPSE_SHARED OFF CACHE BOOL "" FORCE)

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR ${SYNAPSE_MUSL_ARCH})
set(CMAKE_SYSROOT ${SYNAPSE_MUSL_SYSROOT})
set(CMAKE_C_COMPILER clang-19)
set(CMAKE_CXX_COMPILER clang++-19)
set(CMAKE_C_COMPILER_TARGET ${SYNAPSE_MUSL_ARCH}-linux-musl)
set(CMAKE_CXX_COMPILER_TARGET ${SYNAPSE_MUSL_ARCH}-linux-musl)
set(CMAKE_AR llvm-ar-19)  # without dates
set(CMAKE_RANLIB llvm-ranlib-19)
set(CMAKE_NM llvm-nm-19)
set(CMAKE_LINKER ${SYNAPSE_MUSL_ARCH}-linux-gnu-ld)
set(CMAKE_OBJCOPY ${SYNAPSE_MUSL_ARCH}-linux-gnu-objcopy)

# Headers and libraries come from the sysroot; of the hosted layers' header-only packages, copied there by tools/release.
set(CMAKE_PREFIX_PATH ${SYNAPSE_MUSL_SYSROOT}/hosted)
set(CMAKE_FIND_ROOT_PATH ${SYNAPSE_MUSL_SYSROOT}/hosted)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

set(outline "")
if(SYNAPSE_MUSL_ARCH STREQUAL "aarch64")
  set(outline "-mno-outline-atomics")  # libgcc's ask glibc for the processor's features
endif()
set(CMAKE_C_FLAGS_INIT "-fno-ident ${outline}")
set(CMAKE_CXX_FLAGS_INIT "-fno-ident ${outline} -nostdinc++ -isystem ${SYNAPSE_MUSL_SYSROOT}/usr/include/c++/v1")
set(lib ${SYNAPSE_MUSL_SYSROOT}/usr/lib)
string(JOIN " " CMAKE_CXX_LINK_EXECUTABLE "<CMAKE_CXX_COMPILER> --target=${SYNAPSE_MUSL_ARCH}-linux-musl --sysroot=${SYNAPSE_MUSL_SYSROOT}"
       -nostdlib -static -fuse-ld=lld -Wl,--gc-sections -Wl,--build-id=none <LINK_FLAGS> ${lib}/crt1.o ${lib}/crti.o
       ${lib}/crtbeginT.o <OBJECTS> <LINK_LIBRARIES> -L${lib} -Wl,--start-group -lc++ -lc++abi -lunwind -lc -lgcc
       -Wl,--end-group ${lib}/crtend.o ${lib}/crtn.o -o <TARGET>)
string(REPLACE "<CMAKE_CXX_COMPILER>" "<CMAKE_C_COMPILER>" CMAKE_C_LINK_EXECUTABLE "${CMAKE_CXX_LINK_EXECUTABLE}")
