#include "kernel/plugins/handler_stack.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sys/mman.h>

#include <csignal>
#include <memory>
#include <new>

namespace edgesync::plugins {

HandlerStack::HandlerStack() noexcept
    : memory_(::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0)) {
    if (memory_ == MAP_FAILED) {
        memory_ = nullptr;
        return;
    }
    stack_t stack{};
    stack.ss_sp = memory_;
    stack.ss_size = kBytes;
    ::sigaltstack(&stack, nullptr);
}

HandlerStack::~HandlerStack() {
    if (memory_ == nullptr) return;
    stack_t none{};
    none.ss_flags = SS_DISABLE;
    ::sigaltstack(&none, nullptr);
    ::munmap(memory_, kBytes);
}

}  // namespace edgesync::plugins

// The sanitizers have functions of their own in its place, and handlers that say more.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
namespace {

struct Beginning {
    void* (*routine)(void*);
    void* argument;
};

/// Must let pass what a thread throws, so that the stack is whole when std::terminate comes.
void* with_handler_stack(void* passed) {
    const Beginning beginning = *static_cast<Beginning*>(passed);
    delete static_cast<Beginning*>(passed);
    const edgesync::plugins::HandlerStack stack;
    return beginning.routine(beginning.argument);
}

}  // namespace

/// Instead of the system's, for the whole process: plugins and the libraries below them begin threads that nobody tells the service of, and
/// a program's own functions come first wherever a library looks for one.
extern "C" __attribute__((visibility("default"))) int pthread_create(pthread_t* thread, const pthread_attr_t* attributes,
                                                                     void* (*routine)(void*), void* argument) noexcept {
    using Create = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
    static const auto create = reinterpret_cast<Create>(::dlsym(RTLD_NEXT, "pthread_create"));
    auto* beginning = new (std::nothrow) Beginning{routine, argument};
    if (beginning == nullptr) return create(thread, attributes, routine, argument);
    const int failure = create(thread, attributes, with_handler_stack, beginning);
    if (failure != 0) delete beginning;
    return failure;
}
#endif
