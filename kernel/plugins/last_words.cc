#include "kernel/plugins/last_words.h"

#include <cxxabi.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <pthread.h>
#include <ucontext.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <optional>
#include <string>

#include "kernel/plugins/call_watch.h"
#include "kernel/plugins/handler_stack.h"

namespace edgesync::plugins {
namespace {

pid_t own_process = 0;
/// One line is enough: what comes after it follows from it.
std::atomic<bool> is_said{false};
/// Somebody wants the process to end.
std::atomic<bool> is_stopping{false};
/// The program returns by itself.
std::atomic<bool> is_exit_expected{false};

/// Written at once, so that no other thread's words come between; needs no memory but its own.
class LastLine {
public:
    LastLine& operator<<(const char* text) noexcept {
        for (; *text != '\0' && size_ < text_.size() - 1; ++text) text_[size_++] = *text == '\n' ? ' ' : *text;
        return *this;
    }
    void say() noexcept {
        text_[size_++] = '\n';
        const auto written = ::write(STDERR_FILENO, text_.data(), size_);
        static_cast<void>(written);
    }

private:
    std::array<char, 1024> text_{};
    std::size_t size_ = 0;
};

/// What a plugin forked shares the handlers, but its end is not the service's.
const char* subject() noexcept {
    return ::getpid() == own_process ? "edge-sync-service: fatal: " : "edge-sync-service: a process forked from it: ";
}

bool is_plugin(const char* file) noexcept {
    return std::strncmp(file, "libtransport-", 13) == 0 || std::strncmp(file, "libstore-", 9) == 0;
}

/// What everybody calls, and what calls the handlers here.
bool is_of_the_system(const char* file) noexcept {
    for (const char* start : {"libc.so", "libc-", "ld-linux", "libstdc++.so", "libgcc_s.so", "libpthread", "linux-vdso", "libasan.so",
                              "libtsan.so", "libubsan.so"}) {
        if (std::strncmp(file, start, std::strlen(start)) == 0) return true;
    }
    return false;
}

/// In whose code the thread is, as far as its callers tell; null: nobody's.
struct Where {
    const char* file = nullptr;    ///< Of the innermost that is not the system's.
    const char* plugin = nullptr;  ///< Of the innermost plugin.
};

/// What it calls is not bound to be safe in a handler of signals, but the process is lost anyway, and alarm() ends it if this hangs.
Where where() noexcept {
    Where found;
    const char* of_system = nullptr;
    Dl_info own{};
    ::dladdr(reinterpret_cast<void*>(&own_process), &own);
    std::array<void*, 256> frames{};
    const int count = ::backtrace(frames.data(), static_cast<int>(frames.size()));
    bool is_outside = false;  // Of the functions of this file, which the system called.
    for (int i = 0; i < count && found.plugin == nullptr; ++i) {
        Dl_info info{};
        const bool is_known = ::dladdr(frames[static_cast<std::size_t>(i)], &info) != 0 && info.dli_fname != nullptr;
        const bool is_program = is_known && info.dli_fbase == own.dli_fbase;
        is_outside = is_outside || !is_program;
        if (!is_known || !is_outside) continue;
        const char* slash = std::strrchr(info.dli_fname, '/');
        const char* name = is_program ? "the service itself" : slash != nullptr ? slash + 1 : info.dli_fname;
        if (is_of_the_system(name)) {
            if (of_system == nullptr) of_system = name;
            continue;
        }
        if (found.file == nullptr) found.file = name;
        if (is_plugin(name)) found.plugin = name;
    }
    if (found.file == nullptr) found.file = of_system;
    return found;
}

LastLine& operator<<(LastLine& line, const Where& where) noexcept {
    line << (where.file != nullptr ? where.file : "an unknown place");
    if (where.plugin != nullptr && where.plugin != where.file) line << ", called by " << where.plugin;
    return line;
}

/// Of a plugin, that the thread is in. Allocates nothing.
LastLine& operator<<(LastLine& line, const std::optional<CallWatch::Named>& call) noexcept {
    if (call) line << "; the thread was in " << call->label << ", in " << call->call;
    return line;
}

[[noreturn]] void abort_silently() {
    ::signal(SIGABRT, SIG_DFL);
    std::abort();
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
    if (!is_said.exchange(true)) {
        std::array<char, 32> thread{};
        pthread_getname_np(pthread_self(), thread.data(), thread.size());
        LastLine line;
        line << subject() << "nobody caught an exception (" << what_was_thrown().c_str() << ") in the thread " << thread.data() << ", in "
             << where() << CallWatch::named_of_this_thread();
        line.say();
    }
    abort_silently();
}

/// `status` is a text, empty when it is not known.
void end_by_exit(const char* function, const char* status) {
    // A child that a plugin forked ends as it likes.
    if (::getpid() != own_process || is_exit_expected || is_said.exchange(true)) return;
    LastLine line;
    line << subject() << function << status << " was called in " << where()
         << (is_stopping ? " while the service was stopping" : "; nobody had asked the service to stop");
    line.say();
    abort_silently();
}

void at_exit(int status, void*) { end_by_exit("exit", (" with status " + std::to_string(status)).c_str()); }
void at_quick_exit() { end_by_exit("quick_exit", ""); }

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
/// Below the end of the stack is what the thread must not touch.
bool is_stack_used_up(const siginfo_t& info, const void* context) noexcept {
    if (info.si_signo != SIGSEGV || info.si_code <= 0 || context == nullptr) return false;
    const auto& machine = static_cast<const ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
    const auto top = static_cast<std::uintptr_t>(machine.gregs[REG_RSP]);
#elif defined(__aarch64__)
    const auto top = static_cast<std::uintptr_t>(machine.sp);
#else
    const std::uintptr_t top = 0;
    static_cast<void>(machine);
#endif
    constexpr std::uintptr_t kNear = 64 * 1024;
    const auto touched = reinterpret_cast<std::uintptr_t>(info.si_addr);
    return top > kNear && touched > top - kNear && touched < top + kNear;
}

void end_by_signal(int signal, siginfo_t* info, void* context) {
    is_said = true;
    ::signal(SIGALRM, SIG_DFL);
    ::alarm(2);
    const char* name = ::sigabbrev_np(signal);
    LastLine line;
    line << subject() << (name != nullptr ? name : "signal") << " in " << where();
    if (is_stack_used_up(*info, context)) line << ", the thread's stack is used up";
    line << CallWatch::named_of_this_thread();
    line.say();
    // The handler is gone (SA_RESETHAND): the signal comes again when this returns, and ends the process.
    ::raise(signal);
}
#endif

}  // namespace

void install_last_words() {
    own_process = ::getpid();
    std::set_terminate(end_by_exception);
    // The first call may load a library, which a handler of signals must not.
    std::array<void*, 1> frame{};
    static_cast<void>(::backtrace(frame.data(), 1));
    have_last_words_first();
    // The sanitizers' own handlers of signals say more.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    // For ever: whichever thread calls exit destroys static objects.
    static const auto* const of_main_thread = new HandlerStack;
    static_cast<void>(of_main_thread);
    struct sigaction action {};
    action.sa_sigaction = end_by_signal;
    action.sa_flags = static_cast<int>(SA_RESETHAND) | SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    for (const int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT}) sigaction(signal, &action, nullptr);
#endif
}

void have_last_words_first() {
    ::on_exit(at_exit, nullptr);
    ::at_quick_exit(at_quick_exit);
}

void stopping_begins() noexcept { is_stopping = true; }

void exit_is_expected() noexcept { is_exit_expected = true; }

}  // namespace edgesync::plugins
