# The kernels of this target's CPU family: SYNAPSE_KERNEL_SOURCES, each with the flags of its instruction set.
# Only these files may be compiled with such flags; what runs is chosen at run time by select_<cpu>.cc.

set(SYNAPSE_KERNEL_SOURCES kernels.cc packed.cc planes.cc scalar.cc fit.cc fit_k.cc)

# The bodies are the same in every variant: undefined arithmetic is looked for in the scalar one, where it takes a
# compiler a quarter of the time; addresses are watched in all, and pointers by that.
set(unwatched "")
if(SYNAPSE_SANITIZE MATCHES "undefined")
  set(unwatched -fno-sanitize=undefined,fuzzer-no-link)
  set_source_files_properties(${PROJECT_SOURCE_DIR}/src/synapse/cpu/kernels/scalar.cc PROPERTIES
    COMPILE_OPTIONS -fno-sanitize=null,object-size,pointer-overflow,fuzzer-no-link)
endif()

# synapse_isa(file flags...)
function(synapse_isa file)
  set_source_files_properties(${PROJECT_SOURCE_DIR}/src/synapse/cpu/kernels/${file} PROPERTIES
    COMPILE_OPTIONS "${ARGN};-Wno-psabi;-Wno-unused-function;${unwatched}")
  set(SYNAPSE_KERNEL_SOURCES ${SYNAPSE_KERNEL_SOURCES} ${file} PARENT_SCOPE)
endfunction()

if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  set(avx512 -mavx512f -mavx512bw -mavx512vl -mavx512dq -mfma -mf16c)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    list(APPEND avx512 -Wno-uninitialized -Wno-maybe-uninitialized)  # GCC 12 warns of its own intrinsics
  endif()
  synapse_isa(avx2.cc -mavx2 -mfma -mf16c)
  synapse_isa(avx512.cc ${avx512})
  synapse_isa(avx512vnni.cc ${avx512} -mavx512vnni)
  synapse_isa(amx.cc ${avx512} -mavx512vnni -mamx-tile -mamx-int8)
  list(APPEND SYNAPSE_KERNEL_SOURCES select_x86.cc)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  synapse_isa(neon.cc)
  synapse_isa(neon_dotprod.cc -march=armv8.2-a+dotprod)
  list(APPEND SYNAPSE_KERNEL_SOURCES select_arm64.cc)
elseif(CMAKE_SYSTEM_PROCESSOR STREQUAL "wasm32")
  synapse_isa(wasm128.cc -msimd128)
  list(APPEND SYNAPSE_KERNEL_SOURCES select_wasm.cc)
else()
  list(APPEND SYNAPSE_KERNEL_SOURCES select_none.cc)
endif()
