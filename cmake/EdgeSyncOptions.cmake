# What every target of the project shares: language, warnings, sanitizers, ccache, and how rooms, plugins and tests are declared.
include(GNUInstallDirs)
include(${PROJECT_SOURCE_DIR}/sdk/cmake/EdgeSyncPlugin.cmake)

# What belongs to no other component of an installation is the service (cmake/EdgeSyncPackages.cmake).
set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME service)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

# One folder for the program and one for the plugins, as after installation, so that a build tree runs in place.
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
set(EDGESYNC_PLUGIN_OUTPUT ${PROJECT_BINARY_DIR}/${EDGESYNC_PLUGIN_INSTALL_DIR})

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()

set(EDGESYNC_SANITIZE "" CACHE STRING "address, thread, or empty")
add_library(edgesync_options INTERFACE)
# GCC 12 reports -Wrestrict falsely for concatenations of strings (GCC bug 105329).
target_compile_options(edgesync_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -Wno-restrict -fno-omit-frame-pointer)
target_compile_definitions(edgesync_options INTERFACE BOOST_ASIO_NO_DEPRECATED BOOST_DLL_USE_STD_FS)
if(EDGESYNC_SANITIZE STREQUAL "address")
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined)
  add_link_options(-fsanitize=address,undefined)
elseif(EDGESYNC_SANITIZE STREQUAL "thread")
  # Asio's fences are not modelled by the sanitizer; its queues are ordered by mutexes, which are.
  add_compile_options(-fsanitize=thread)
  target_compile_options(edgesync_options INTERFACE -Wno-tsan)
  add_link_options(-fsanitize=thread)
endif()

if(EDGESYNC_FUZZ)
  # Clang does not know all warnings of g++ and has others; the ordinary build judges the sources.
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -Wno-error -Wno-unknown-warning-option)
  target_compile_options(edgesync_options INTERFACE -Wno-error -w)
  add_link_options(-fsanitize=address,undefined)
endif()

# edgesync_room(objects SOURCES a.cc b.cc LINK edgesync_sdk): a kernel folder as a static library edgesync_<name>.
function(edgesync_room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;LINK;PRIVATE_LINK" ${ARGN})
  add_library(edgesync_${name} STATIC ${ROOM_SOURCES})
  target_include_directories(edgesync_${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(edgesync_${name} PUBLIC ${ROOM_LINK} PRIVATE edgesync_options ${ROOM_PRIVATE_LINK})
endfunction()

# edgesync_own_plugin(store-lmdb SOURCES ... LINK ...): one of the project's plugins, lib<name>.so.
function(edgesync_own_plugin name)
  cmake_parse_arguments(PLUGIN "" "" "SOURCES;LINK" ${ARGN})
  string(REGEX MATCH "^([a-z]+)-(.*)$" parts ${name})
  edgesync_add_plugin(KIND ${CMAKE_MATCH_1} NAME ${CMAKE_MATCH_2} SOURCES ${PLUGIN_SOURCES} LINK edgesync_options ${PLUGIN_LINK})
  set_target_properties(${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${EDGESYNC_PLUGIN_OUTPUT})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
endfunction()

# edgesync_test(name LABEL unit SOURCES ... LINK ...): a GoogleTest program; each test is a ctest test with that label.
function(edgesync_test name)
  cmake_parse_arguments(TEST "" "LABEL;TIMEOUT" "SOURCES;LINK" ${ARGN})
  if(NOT TEST_TIMEOUT)
    # Far above what any takes, because it is to end what hangs, and not what a busy machine is slow with.
    set(TEST_TIMEOUT 300)
  endif()
  add_executable(${name} ${TEST_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE edgesync_options ${TEST_LINK} GTest::gmock GTest::gtest_main Threads::Threads)
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 120 PROPERTIES LABELS ${TEST_LABEL} TIMEOUT ${TEST_TIMEOUT})
endfunction()
