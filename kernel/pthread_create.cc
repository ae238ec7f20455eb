// Begins every thread of the process with a stack for handlers of signals, so that last words are said also when its own is used up. Part
// of the program alone, and not of one for a sanitizer, which has a function of its own in this place.
#include <dlfcn.h>
#include <pthread.h>

#include <new>

#include "kernel/plugins/handler_stack.h"

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

/// Instead of the system's: plugins and the libraries below them begin threads that nobody tells the service of, and a program's own
/// functions come first wherever a library looks for one.
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
