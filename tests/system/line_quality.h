// How bad a line of a test is.
#pragma once

#include <chrono>

namespace edgesync::system_test {

struct LineQuality {
    std::chrono::milliseconds delay{0};  ///< Of each direction.
    double lost = 0;                     ///< Share of the packets, 0 to 1.
};

}  // namespace edgesync::system_test
