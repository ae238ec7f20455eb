// Preloaded into a service process: moves its clock on the wall, so that a test need not wait for hours. Durations stay true.
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>

extern "C" int clock_gettime(clockid_t clock, timespec* now) noexcept {
    static const long ahead = [] {
        const char* text = std::getenv("EDGESYNC_TEST_CLOCK_AHEAD");
        return text == nullptr ? 0L : std::strtol(text, nullptr, 10);
    }();
    const long result = ::syscall(SYS_clock_gettime, clock, now);
    if (result == 0 && clock == CLOCK_REALTIME) now->tv_sec += ahead;
    return static_cast<int>(result);
}
