// Where handlers of signals run: on a stack of their own, because the thread's may be what is used up.
#pragma once

#include <cstddef>

namespace edgesync::plugins {

/// Made, and destroyed, by the thread that it is for. Costs address space, and no memory until a handler runs.
class HandlerStack {
public:
    HandlerStack() noexcept;
    ~HandlerStack();
    HandlerStack(const HandlerStack&) = delete;
    HandlerStack& operator=(const HandlerStack&) = delete;

private:
    static constexpr std::size_t kBytes = 64 * 1024;
    void* memory_;  ///< Null: the system has none, and a thread whose stack is used up dies in silence.
};

}  // namespace edgesync::plugins
