#include "kernel/plugins/last_words.h"

#include <cxxabi.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <pthread.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>

#include "kernel/plugins/call_watch.h"

namespace edgesync::plugins {
namespace {

void say(const char* text) noexcept {
    const auto written = ::write(STDERR_FILENO, text, std::strlen(text));
    static_cast<void>(written);
}

std::string what_was_thrown() {
    const auto thrown = std::current_exception();
    if (!thrown) return "no exception";
    try {
        std::rethrow_exception(thrown);
    } catch (const std::exception& exception) {
        return exception.what();
    } catch (...) {
        const std::type_info* type = abi::__cxa_current_exception_type();
        return std::string("an object of type ") + (type != nullptr ? type->name() : "unknown");
    }
}

[[noreturn]] void end_by_exception() {
    static std::atomic<bool> is_ending{false};
    if (!is_ending.exchange(true)) {
        std::array<char, 32> thread{};
        pthread_getname_np(pthread_self(), thread.data(), thread.size());
        std::string text =
            "edge-sync-service: fatal: nobody caught an exception (" + what_was_thrown() + ") in the thread " + thread.data();
        if (const auto call = CallWatch::of_this_thread()) text += ", which was in " + *call;
        say((text + "\n").c_str());
    }
    std::abort();
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
/// The innermost plugin among the callers, by the name of its file; null: none. What it calls is not bound to be safe in a handler of
/// signals, but the process is lost anyway, and alarm() ends it if this hangs.
const char* plugin_among_callers() noexcept {
    std::array<void*, 64> frames{};
    const int count = ::backtrace(frames.data(), static_cast<int>(frames.size()));
    for (int i = 0; i < count; ++i) {
        Dl_info info{};
        if (::dladdr(frames[static_cast<std::size_t>(i)], &info) == 0 || info.dli_fname == nullptr) continue;
        const char* slash = std::strrchr(info.dli_fname, '/');
        const char* name = slash != nullptr ? slash + 1 : info.dli_fname;
        if (std::strncmp(name, "libtransport-", 13) == 0 || std::strncmp(name, "libstore-", 9) == 0) return name;
    }
    return nullptr;
}

void end_by_signal(int signal) {
    ::signal(SIGALRM, SIG_DFL);
    ::alarm(2);
    say("edge-sync-service: fatal: ");
    say(::sigabbrev_np(signal) != nullptr ? ::sigabbrev_np(signal) : "signal");
    say(" in ");
    const char* plugin = plugin_among_callers();
    say(plugin != nullptr ? plugin : "the service itself");
    say("\n");
    // The handler is gone (SA_RESETHAND): the signal comes again when this returns, and ends the process.
    ::raise(signal);
}
#endif

}  // namespace

void install_last_words() {
    std::set_terminate(end_by_exception);
    // The sanitizers' own handlers of signals say more.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    // The first call may load a library, which a handler of signals must not.
    std::array<void*, 1> frame{};
    static_cast<void>(::backtrace(frame.data(), 1));
    struct sigaction action {};
    action.sa_handler = end_by_signal;
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    sigemptyset(&action.sa_mask);
    for (const int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE}) sigaction(signal, &action, nullptr);
#endif
}

}  // namespace edgesync::plugins
