# synapse_layer(name [DIR dir] [HOSTED] [DEPS layers...] [SOURCES files...] [FOLDERS folders...])
#
# One static library per folder of src/synapse, named synapse_<name>, made of every .cc in it and in its FOLDERS (SOURCES
# replaces that list where the target decides). Files named *_test.cc become the program <name>_test.
# Layers are freestanding unless HOSTED: no exceptions, no RTTI.

add_library(synapse_flags INTERFACE)
target_compile_features(synapse_flags INTERFACE cxx_std_20)
target_include_directories(synapse_flags INTERFACE ${PROJECT_SOURCE_DIR}/src)
target_compile_options(synapse_flags INTERFACE $<$<CONFIG:>:-O2>)  # where nobody chose a build type
target_compile_options(synapse_flags INTERFACE -Wall -Wextra -Wshadow -ffp-contract=off -fno-math-errno)
if(SYNAPSE_SANITIZE)  # vptr checks need run-time types, which the engine is built without
  target_compile_options(synapse_flags INTERFACE -fsanitize=${SYNAPSE_SANITIZE} -fno-sanitize=vptr -fno-sanitize-recover=all
                         -fno-omit-frame-pointer)
  target_link_options(synapse_flags INTERFACE -fsanitize=${SYNAPSE_SANITIZE})
endif()

# For what runs once and is large: options, tests of a layer. Most of the time of a build would go into making them fast.
if(SYNAPSE_SANITIZE)
  set(SYNAPSE_HASTY -O0)
  set(SYNAPSE_IS_SANITIZED 1)  # for tests, which do less of the same there
else()
  set(SYNAPSE_HASTY -O1)
  set(SYNAPSE_IS_SANITIZED 0)
endif()

set(SYNAPSE_FREESTANDING -fno-exceptions -fno-rtti -fno-threadsafe-statics)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  list(APPEND SYNAPSE_FREESTANDING -fno-gnu-unique)  # such symbols cannot be made local
endif()

# What every test file reads before its first line: parsed once for each program that has several.
function(synapse_precompile_tests target)
  get_target_property(sources ${target} SOURCES)
  list(LENGTH sources n)
  if(n GREATER 2)
    target_precompile_headers(${target} PRIVATE <gtest/gtest.h> <algorithm> <cmath> <cstring> <deque> <filesystem> <fstream> <functional>
                              <map> <memory> <optional> <span> <string> <vector>)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")  # GCC 12 warns of std::string's own copies once they are precompiled
      target_compile_options(${target} PRIVATE -Wno-array-bounds -Wno-restrict -Wno-stringop-overflow -Wno-stringop-overread)
    endif()
  endif()
endfunction()

function(synapse_layer name)
  cmake_parse_arguments(ARG "HOSTED" "DIR" "DEPS;SOURCES;FOLDERS" ${ARGN})
  set(dir ${PROJECT_SOURCE_DIR}/src/synapse/${name})
  if(ARG_DIR)
    set(dir ${PROJECT_SOURCE_DIR}/src/synapse/${ARG_DIR})
  endif()
  set(globs ${dir}/*.cc)
  foreach(folder IN LISTS ARG_FOLDERS)
    list(APPEND globs ${dir}/${folder}/*.cc)
  endforeach()
  file(GLOB found CONFIGURE_DEPENDS ${globs})
  set(tests ${found})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  set(sources ${found})
  if(ARG_SOURCES)
    list(TRANSFORM ARG_SOURCES PREPEND ${dir}/ OUTPUT_VARIABLE sources)
  else()
    list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  endif()
  if(NOT sources)
    return()
  endif()

  add_library(synapse_${name} STATIC ${sources})
  target_link_libraries(synapse_${name} PUBLIC synapse_flags)
  foreach(dep IN LISTS ARG_DEPS)
    if(TARGET synapse_${dep})
      target_link_libraries(synapse_${name} PUBLIC synapse_${dep})
    endif()
  endforeach()
  if(NOT ARG_HOSTED)
    target_compile_options(synapse_${name} PRIVATE ${SYNAPSE_FREESTANDING})
    # For the shared library; hidden, calls between the layers cost what they cost in a program.
    set_target_properties(synapse_${name} PROPERTIES CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
    if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
      set_target_properties(synapse_${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
    endif()
  endif()
  if(tests AND SYNAPSE_HOSTED AND BUILD_TESTING)
    find_package(GTest REQUIRED)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test synapse_${name} synapse_platform GTest::gtest_main)
    target_compile_options(${name}_test PRIVATE ${SYNAPSE_HASTY})
    target_include_directories(${name}_test PRIVATE ${PROJECT_SOURCE_DIR})  # "tests/..."
    target_compile_definitions(${name}_test PRIVATE SYNAPSE_SOURCE_DIR="${PROJECT_SOURCE_DIR}" SYNAPSE_IS_SANITIZED=${SYNAPSE_IS_SANITIZED})
    synapse_precompile_tests(${name}_test)
    add_test(NAME ${name} COMMAND ${name}_test)
  endif()
endfunction()
