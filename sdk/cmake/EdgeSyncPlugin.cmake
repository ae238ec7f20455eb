# How a plugin is built: the same functions for the service's own plugins and, after find_package(EdgeSync), for everybody's.
set(EDGESYNC_PLUGIN_INSTALL_DIR lib/edge-sync-service/plugins CACHE INTERNAL "Below the prefix: where the service looks for plugins")

# edgesync_add_plugin(NAME acme-serial KIND transport|store SOURCES a.cc b.cc [LINK library..])
#
# Makes the target <kind>-<name>, a library lib<kind>-<name>.so that exports its descriptor and nothing else and lacks no symbol, and
# installs it into lib/edge-sync-service/plugins. EDGESYNC_PLUGIN in one of its sources must say the same kind and name.
function(edgesync_add_plugin)
  cmake_parse_arguments(PLUGIN "" "NAME;KIND" "SOURCES;LINK" ${ARGN})
  set(usage "edgesync_add_plugin(NAME name KIND transport|store SOURCES file.. [LINK library..])")
  if(PLUGIN_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "edgesync_add_plugin does not know '${PLUGIN_UNPARSED_ARGUMENTS}': ${usage}")
  endif()
  if(NOT PLUGIN_KIND MATCHES "^(transport|store)$")
    message(FATAL_ERROR "edgesync_add_plugin: KIND is '${PLUGIN_KIND}', but must be transport or store: ${usage}")
  endif()
  string(LENGTH "${PLUGIN_NAME}" length)
  if(NOT PLUGIN_NAME MATCHES "^[a-z0-9_-]+$" OR length GREATER 63)
    message(FATAL_ERROR "edgesync_add_plugin: NAME is '${PLUGIN_NAME}', but must be 1 to 63 of a-z, 0-9, '-' and '_': ${usage}")
  endif()
  if(NOT PLUGIN_SOURCES)
    message(FATAL_ERROR "edgesync_add_plugin: SOURCES are missing: ${usage}")
  endif()
  set(target ${PLUGIN_KIND}-${PLUGIN_NAME})
  set(exports ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/plugin-exports.map)
  add_library(${target} MODULE ${PLUGIN_SOURCES})
  set_target_properties(${target} PROPERTIES PREFIX lib POSITION_INDEPENDENT_CODE ON CXX_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON LINK_DEPENDS ${exports})
  target_link_options(${target} PRIVATE -Wl,--version-script=${exports} -Wl,--as-needed -Wl,-z,relro,-z,now)
  if(NOT CMAKE_CXX_FLAGS MATCHES "-fsanitize" AND NOT EDGESYNC_SANITIZE)
    # A missing function is the linker's error, not the service's at start. A sanitizer's functions are in the program.
    target_link_options(${target} PRIVATE -Wl,--no-undefined)
  endif()
  target_link_libraries(${target} PRIVATE EdgeSync::sdk ${PLUGIN_LINK})
  install(TARGETS ${target} LIBRARY DESTINATION ${EDGESYNC_PLUGIN_INSTALL_DIR})
endfunction()

# edgesync_test_plugin(NAME acme-serial KIND transport|store [RUNNER target] [ARGUMENTS --settings file ..])
#
# Makes the test <kind>-<name>.conformance: edge-sync-plugin-test holds the plugin to the contract of its kind. RUNNER is another program,
# for transports that need between their nodes what no command line can arrange (edgesync_add_transport_runner).
function(edgesync_test_plugin)
  cmake_parse_arguments(PLUGIN "" "NAME;KIND;RUNNER" "ARGUMENTS" ${ARGN})
  set(target ${PLUGIN_KIND}-${PLUGIN_NAME})
  if(PLUGIN_UNPARSED_ARGUMENTS OR NOT TARGET ${target})
    message(FATAL_ERROR "edgesync_test_plugin: there is no plugin ${target}, or '${PLUGIN_UNPARSED_ARGUMENTS}' is unknown")
  endif()
  if(NOT PLUGIN_RUNNER)
    set(PLUGIN_RUNNER EdgeSync::plugin-test)
  endif()
  if(NOT TARGET ${PLUGIN_RUNNER})
    message(FATAL_ERROR "edgesync_test_plugin: there is no program ${PLUGIN_RUNNER}; was the SDK built without GoogleTest?")
  endif()
  add_test(NAME ${target}.conformance COMMAND ${PLUGIN_RUNNER} $<TARGET_FILE:${target}> ${PLUGIN_ARGUMENTS})
endfunction()

# edgesync_add_transport_runner(acme-serial-conformance SOURCES main.cc environment.cc [LINK library..])
#
# The kit with what the author puts between the nodes: a class of transport_environment.h, and a main that calls run_plugin_test. Needs
# GoogleTest.
function(edgesync_add_transport_runner name)
  cmake_parse_arguments(RUNNER "" "" "SOURCES;LINK" ${ARGN})
  set(usage "edgesync_add_transport_runner(name SOURCES file.. [LINK library..])")
  if(RUNNER_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "edgesync_add_transport_runner does not know '${RUNNER_UNPARSED_ARGUMENTS}': ${usage}")
  endif()
  if(NOT RUNNER_SOURCES)
    message(FATAL_ERROR "edgesync_add_transport_runner: SOURCES are missing: ${usage}")
  endif()
  if(NOT TARGET edgesync_conformance)
    add_subdirectory(${EdgeSync_CONFORMANCE_DIR} ${CMAKE_BINARY_DIR}/edgesync-conformance EXCLUDE_FROM_ALL)
  endif()
  add_executable(${name} ${RUNNER_SOURCES})
  target_link_libraries(${name} PRIVATE edgesync_conformance ${RUNNER_LINK})
endfunction()
