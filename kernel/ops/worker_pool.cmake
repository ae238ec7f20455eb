# Its own library: the listener needs the pool and nothing else of this room.
add_library(edgesync_worker_pool STATIC ${CMAKE_CURRENT_LIST_DIR}/worker_pool.cc)
target_include_directories(edgesync_worker_pool PUBLIC ${PROJECT_SOURCE_DIR})
target_link_libraries(edgesync_worker_pool PUBLIC Threads::Threads PRIVATE edgesync_options)
