// Preloaded into a process: moves its clock on the wall by the seconds that a file holds (clock_file.h), also while it runs. Durations stay
// true.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>

namespace {

const long* shared_ahead() {
    const char* file = std::getenv("EDGESYNC_TEST_CLOCK_FILE");
    const int fd = file == nullptr ? -1 : ::open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return nullptr;
    void* const place = ::mmap(nullptr, sizeof(long), PROT_READ, MAP_SHARED, fd, 0);
    ::close(fd);
    return place == MAP_FAILED ? nullptr : static_cast<const long*>(place);
}

long ahead() {
    static const long* const shared = shared_ahead();
    return shared == nullptr ? 0 : __atomic_load_n(shared, __ATOMIC_RELAXED);
}

}  // namespace

extern "C" int clock_gettime(clockid_t clock, timespec* now) noexcept {
    const long result = ::syscall(SYS_clock_gettime, clock, now);
    if (result == 0 && clock == CLOCK_REALTIME) now->tv_sec += ahead();
    return static_cast<int>(result);
}

extern "C" int gettimeofday(timeval* now, void*) noexcept {
    timespec time{};
    if (clock_gettime(CLOCK_REALTIME, &time) != 0) return -1;
    *now = {time.tv_sec, time.tv_nsec / 1000};
    return 0;
}

extern "C" time_t time(time_t* out) noexcept {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    if (out != nullptr) *out = now.tv_sec;
    return now.tv_sec;
}
