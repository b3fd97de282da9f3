# synapse_library()
#
# The library of include/synapse.h: targets synapse::synapse (libsynapse.a) and synapse::synapse_shared (libsynapse.so.0),
# and how they are installed. Both are made of one object, all engine layers joined, in which everything but syn_*
# is local: nothing of it can collide with a name of the program, and it needs the C library alone.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

option(SYNAPSE_SHARED "build libsynapse.so beside libsynapse.a" ON)

function(synapse_library)
  if(NOT CMAKE_SYSTEM_NAME STREQUAL "Linux" OR SYNAPSE_SANITIZE)
    return()
  endif()
  add_library(synapse_cxx_runtime STATIC ${PROJECT_SOURCE_DIR}/src/synapse/capi/runtime/cxx_runtime.cc)
  target_link_libraries(synapse_cxx_runtime PRIVATE synapse_flags)
  target_compile_options(synapse_cxx_runtime PRIVATE ${SYNAPSE_FREESTANDING} -fPIC)

  set(archives "")
  foreach(layer base platform tensor ops kernels cpu io nn model memory runtime capi cxx_runtime)
    list(APPEND archives $<TARGET_FILE:synapse_${layer}>)
  endforeach()
  set(object ${PROJECT_BINARY_DIR}/generated/libsynapse.o)
  add_custom_command(OUTPUT ${object}
    COMMAND ${CMAKE_LINKER} -r --force-group-allocation -o ${object}.all --whole-archive ${archives}
    COMMAND ${CMAKE_OBJCOPY} --wildcard --keep-global-symbol=syn_* ${object}.all ${object}
    COMMAND ${CMAKE_COMMAND} -E rm ${object}.all
    DEPENDS ${archives} COMMENT "Joining the engine into one object" VERBATIM)
  add_custom_target(synapse_object DEPENDS ${object})
  set_source_files_properties(${object} PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)

  add_library(synapse_static STATIC ${object})
  target_link_libraries(synapse_static INTERFACE pthread m)
  set_target_properties(synapse_static PROPERTIES EXPORT_NAME synapse)
  add_library(synapse::synapse ALIAS synapse_static)
  set(libraries synapse_static)
  if(SYNAPSE_SHARED)
    add_library(synapse_shared SHARED ${object})
    target_link_libraries(synapse_shared PRIVATE pthread m)
    target_link_options(synapse_shared PRIVATE -Wl,-z,defs -Wl,--gc-sections)
    # docs/embed.md has the rule: 0 until 1.0, then the major version.
    set_target_properties(synapse_shared PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})
    add_library(synapse::synapse_shared ALIAS synapse_shared)
    list(APPEND libraries synapse_shared)
  endif()
  foreach(library IN LISTS libraries)
    add_dependencies(${library} synapse_object)
    set_target_properties(${library} PROPERTIES LINKER_LANGUAGE C OUTPUT_NAME synapse)
    target_include_directories(${library} INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                               $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  endforeach()
  if(NOT PROJECT_IS_TOP_LEVEL)
    return()
  endif()

  set(package ${CMAKE_INSTALL_LIBDIR}/cmake/synapse)
  install(TARGETS ${libraries} EXPORT synapseTargets)
  install(EXPORT synapseTargets NAMESPACE synapse:: DESTINATION ${package})
  configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/synapseConfig.cmake.in
    ${PROJECT_BINARY_DIR}/generated/synapseConfig.cmake INSTALL_DESTINATION ${package})
  write_basic_package_version_file(${PROJECT_BINARY_DIR}/generated/synapseConfigVersion.cmake
    COMPATIBILITY SameMinorVersion)
  install(FILES ${PROJECT_BINARY_DIR}/generated/synapseConfig.cmake
    ${PROJECT_BINARY_DIR}/generated/synapseConfigVersion.cmake DESTINATION ${package})
  file(RELATIVE_PATH synapse_up /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)  # so that the tree can be moved
  configure_file(${PROJECT_SOURCE_DIR}/cmake/synapse.pc.in ${PROJECT_BINARY_DIR}/generated/synapse.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/generated/synapse.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
  install(FILES ${PROJECT_SOURCE_DIR}/include/synapse.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/models/bundled/ DESTINATION share/synapse/models
    FILES_MATCHING PATTERN "*.gguf")
  install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
endfunction()
