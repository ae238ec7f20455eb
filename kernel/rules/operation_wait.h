// The blocking form of Operations::run, apart so that <future> stays out of sight.
#pragma once

#include <future>

namespace edgesync::rules {

template <typename T>
T Operations::run_and_wait(std::function<T(WriteTransaction&, Effects&)> rule) {
    auto promise = std::make_shared<std::promise<T>>();
    auto future = promise->get_future();
    run<T>(std::move(rule), [promise](Outcome<T> outcome) {
        if (outcome.error) {
            promise->set_exception(outcome.error);
        } else {
            promise->set_value(std::move(*outcome.value));
        }
    });
    return future.get();
}

}  // namespace edgesync::rules
