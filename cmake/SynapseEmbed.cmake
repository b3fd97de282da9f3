# synapse_embed_families(target)
#
# Adds the JSON of every folder of models/ to `target` as bytes: defines families() of model/families.h, in
# the order of the folders' names. Configures again when a file changes; plain CMake, nothing to install. The files
# are ASCII (JSON has \u escapes for the rest): another byte does not compile.

# The bytes of a file as a C++ array named `name`, appended to `out`.
function(synapse_embed_file path name out)
  file(READ ${path} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(REGEX REPLACE "(................................................................................)" "\\1\n    " bytes "${bytes}")
  set(${out} "${${out}}constexpr char ${name}[] = {\n    ${bytes}};\n" PARENT_SCOPE)
endfunction()

function(synapse_embed_families target)
  if(NOT TARGET ${target})
    return()
  endif()
  file(GLOB models CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}/models ${PROJECT_SOURCE_DIR}/models/*/*.json)
  list(TRANSFORM models REPLACE "/[^/]*$" "")
  list(REMOVE_DUPLICATES models)
  set(arrays "")
  set(rows "")
  foreach(family IN LISTS models)
    string(MAKE_C_IDENTIFIER ${family} id)
    set(row "{\"${family}\"")
    foreach(part model weights)
      set(path ${PROJECT_SOURCE_DIR}/models/${family}/${part}.json)
      if(EXISTS ${path})
        set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${path})
        synapse_embed_file(${path} k_${id}_${part} arrays)
        string(APPEND row ", {k_${id}_${part}, sizeof k_${id}_${part}}")
      else()
        string(APPEND row ", {}")
      endif()
    endforeach()
    string(APPEND rows "    ${row}},\n")
  endforeach()
  file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/generated/families.cc @ONLY CONTENT
"// Made by cmake/SynapseEmbed.cmake from models/.
#include \"synapse/model/families.h\"

namespace synapse {
namespace {

@arrays@
constexpr Family kFamilies[] = {
@rows@};

}  // namespace

std::span<const Family> families() { return kFamilies; }

}  // namespace synapse
")
  target_sources(${target} PRIVATE ${PROJECT_BINARY_DIR}/generated/families.cc)
endfunction()
