// How far the clock of a process is ahead that has the library clock_shift.cc preloaded and EDGESYNC_TEST_CLOCK_FILE in its environment.
#pragma once

#include <chrono>
#include <filesystem>

namespace edgesync::system_test {

/// From now on, also in a process that runs. Makes the file if there is none.
void write_clock(const std::filesystem::path& file, std::chrono::seconds ahead);

}  // namespace edgesync::system_test
