# WebAssembly with SIMD128: clang, the headers of libc++, the memory functions of wasi-libc, and no
# runtime beside them. A module imports two functions of "synapse" (src/synapse/platform/wasm.cc).
# The compiler driver is not used for linking: it would run whatever wasm-opt is on the PATH.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR wasm32)
set(CMAKE_C_COMPILER clang-19)
set(CMAKE_CXX_COMPILER clang++-19)
set(CMAKE_C_COMPILER_TARGET wasm32-wasi)
set(CMAKE_CXX_COMPILER_TARGET wasm32-wasi)
set(CMAKE_AR llvm-ar-19)
set(CMAKE_RANLIB llvm-ranlib-19)
set(CMAKE_NM llvm-nm-19)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(CMAKE_EXECUTABLE_SUFFIX_CXX .wasm)
set(CMAKE_CROSSCOMPILING_EMULATOR node ${CMAKE_CURRENT_LIST_DIR}/../../tests/conformance/run_wasm.mjs)

set(llvm /usr/lib/llvm-19)
string(JOIN " " CMAKE_CXX_FLAGS_INIT -msimd128 -fvisibility=hidden -ffunction-sections -fdata-sections -nostdinc++
       -isystem ${llvm}/include/wasm32-wasi/c++/v1 -isystem /usr/include/wasm32-wasi)
string(JOIN " " CMAKE_CXX_LINK_EXECUTABLE wasm-ld-19 --no-entry --gc-sections --stack-first -z stack-size=262144 --export-if-defined=__main_void
       /usr/lib/wasm32-wasi/crt1-reactor.o <LINK_FLAGS> <OBJECTS> <LINK_LIBRARIES> -L/usr/lib/wasm32-wasi -lc
       ${llvm}/lib/clang/19/lib/wasi/libclang_rt.builtins-wasm32.a -o <TARGET>)
