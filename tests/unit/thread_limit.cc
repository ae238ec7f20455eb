#include "tests/unit/thread_limit.h"

#include <dlfcn.h>
#include <pthread.h>

#include <atomic>
#include <cerrno>

namespace {

std::atomic<int> allowed{-1};  ///< Negative: there is no limit.
std::atomic<int> refused{0};
std::atomic<int> refusals{0};

}  // namespace

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

namespace {

/// Takes one of those that are left.
bool take(std::atomic<int>& left) {
    int known = left;
    while (known > 0 && !left.compare_exchange_weak(known, known - 1)) {
    }
    return known > 0;
}

bool is_refused() {
    if (allowed < 0 || take(allowed)) return false;
    return take(refused);
}

}  // namespace

/// Instead of the system's: a program's own functions come first wherever a library looks for one.
extern "C" __attribute__((visibility("default"))) int pthread_create(pthread_t* thread, const pthread_attr_t* attributes,
                                                                     void* (*routine)(void*), void* argument) noexcept {
    using Create = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
    static const auto create = reinterpret_cast<Create>(::dlsym(RTLD_NEXT, "pthread_create"));
    if (!is_refused()) return create(thread, attributes, routine, argument);
    ++refusals;
    return EAGAIN;
}

#endif

namespace edgesync {

ThreadLimit::ThreadLimit(int allowed_in, int refused_in) {
    refusals = 0;
    refused = refused_in;
    allowed = allowed_in;
}

ThreadLimit::~ThreadLimit() { allowed = -1; }

bool ThreadLimit::works() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return false;
#else
    return true;
#endif
}

int ThreadLimit::count() { return refusals; }

}  // namespace edgesync
