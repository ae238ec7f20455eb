#include "tests/system/unruly_device.h"

#include <array>
#include <csignal>
#include <thread>

int unruly_device_crash(int depth) {
    // Keeps the compiler from making a loop of it.
    std::array<volatile char, 16> stack{};
    stack[0] = static_cast<char>(depth);
    if (depth == 0) return ::raise(SIGSEGV);
    return unruly_device_crash(depth - 1) + stack[0];
}

void unruly_device_crash_in_thread() {
    std::thread([] { unruly_device_crash(3); }).join();
}
