# Makes the reference of the SDK of VERSION in the folder REFERENCE, from the SOURCE folder. Without doxygen it says so and makes nothing.
find_program(EDGESYNC_DOXYGEN doxygen)
if(NOT EDGESYNC_DOXYGEN)
  message(WARNING "There is no doxygen, so the reference of the SDK is left out. Install doxygen and repeat this to have it.")
  return()
endif()
file(MAKE_DIRECTORY ${REFERENCE})
# docs/Doxyfile takes both from the environment.
execute_process(
  COMMAND ${CMAKE_COMMAND} -E env SDK_REFERENCE=${REFERENCE} SDK_VERSION=${VERSION} ${EDGESYNC_DOXYGEN} docs/Doxyfile
  WORKING_DIRECTORY ${SOURCE}
  COMMAND_ERROR_IS_FATAL ANY)
