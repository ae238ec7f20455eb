# Debian packages: `cpack` in the build folder makes edge-sync-service, what a machine runs, and edge-sync-service-dev, what plugins are built
# with. Which of them a file belongs to is the component of its install().
set(doc share/doc/edge-sync-service)
file(GLOB pages CONFIGURE_DEPENDS docs/*.md)
file(GLOB sdk_pages CONFIGURE_DEPENDS docs/architecture.md docs/plugin*.md docs/protocol.md docs/testing-a-plugin.md docs/writing-*.md)
list(REMOVE_ITEM pages ${sdk_pages})
# Pages of both: mqtt.md refers to the protocol, and that to the architecture.
list(APPEND pages docs/architecture.md docs/protocol.md)
install(FILES sync.conf README.md CHANGELOG.md docs/nginx-css.conf docs/nginx-organizations.conf ${pages} DESTINATION ${doc} COMPONENT service)
install(FILES ${sdk_pages} DESTINATION ${doc}-dev COMPONENT sdk)
install(DIRECTORY docs/plugins examples DESTINATION ${doc}-dev COMPONENT sdk)

# What Debian wants each package to have: terms, history, a manual page for each program.
find_program(EDGESYNC_GZIP gzip)
function(edgesync_compress file out)
  execute_process(COMMAND ${EDGESYNC_GZIP} -9nc ${file} OUTPUT_FILE ${out} COMMAND_ERROR_IS_FATAL ANY)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
endfunction()
set(packaged ${PROJECT_BINARY_DIR}/generated/packages)
set(EDGESYNC_MAINTAINER "Edge Sync Service <edge-sync-service@localhost>" CACHE STRING
  "Name and mail address of who publishes the Debian packages")
set(CPACK_PACKAGE_CONTACT "${EDGESYNC_MAINTAINER}")
string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC)
configure_file(cmake/debian/changelog.in ${packaged}/changelog @ONLY)
foreach(component service sdk)
  set(folder ${doc})
  if(component STREQUAL sdk)
    set(folder ${doc}-dev)
  endif()
  install(FILES cmake/debian/copyright DESTINATION ${folder} COMPONENT ${component})
  if(EDGESYNC_GZIP)
    edgesync_compress(${packaged}/changelog ${packaged}/changelog.gz)
    install(FILES ${packaged}/changelog.gz DESTINATION ${folder} COMPONENT ${component})
  endif()
endforeach()
if(EDGESYNC_GZIP)
  edgesync_compress(${PROJECT_SOURCE_DIR}/docs/man/edge-sync-service.1 ${packaged}/edge-sync-service.1.gz)
  edgesync_compress(${PROJECT_SOURCE_DIR}/docs/man/edge-sync-plugin-test.1 ${packaged}/edge-sync-plugin-test.1.gz)
  install(FILES ${packaged}/edge-sync-service.1.gz DESTINATION share/man/man1 COMPONENT service)
  install(FILES ${packaged}/edge-sync-plugin-test.1.gz DESTINATION share/man/man1 COMPONENT sdk)
endif()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME edge-sync-service)
# None for both: the first line of a package's own description is its synopsis.
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")
set(CPACK_PACKAGE_VENDOR "Edge Sync Service")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL service sdk)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_SERVICE_PACKAGE_NAME edge-sync-service)
set(CPACK_DEBIAN_SERVICE_PACKAGE_SECTION net)
set(CPACK_DEBIAN_SERVICE_DESCRIPTION "keeps objects in step between a cloud and many edge nodes
The service, for both roles: the cloud (CSS) and the edge node (ESS). It has
the transports http, mqtt and wiotp, and the stores lmdb, postgres and memory.
Others are plugins, which the package edge-sync-service-dev helps to write.")
set(CPACK_DEBIAN_SDK_PACKAGE_NAME edge-sync-service-dev)
set(CPACK_DEBIAN_SDK_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_SDK_PACKAGE_DEPENDS "edge-sync-service (= ${PROJECT_VERSION}), libssl-dev")
set(CPACK_DEBIAN_SDK_PACKAGE_SUGGESTS "cmake (>= 3.25), g++, libgtest-dev, pkg-config")
set(CPACK_DEBIAN_SDK_DESCRIPTION "what plugins of the Edge Sync Service are built with
Headers and a library, the contracts of transports and stores as tests, and a
template of each: edge-sync-service -new-plugin makes a project of it.")
include(CPack)
