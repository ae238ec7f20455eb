// Runs a rule inside a store transaction and carries out its effects once they are durable.
#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "edgesync/sdk/store.h"
#include "kernel/rules/effects.h"

namespace edgesync::rules {

/// Carries out effects: wakes parked peers, starts sending and fetching. Thread-safe; must not block.
class EffectsRunner {
public:
    virtual ~EffectsRunner() = default;
    virtual void run(Effects effects) = 0;
};

/// The result of an operation: a value, or the error of the rule or of the store.
template <typename T>
struct Outcome {
    std::optional<T> value;
    std::exception_ptr error;
};

/// Submits rules to the store. Thread-safe; outlives all operations.
class Operations {
public:
    /// What other processes that share the store must be told of a transaction's effects; empty: nothing.
    using MessageForOthers = std::function<std::string(const Effects&)>;

    Operations(Store& store, EffectsRunner& effects, MessageForOthers message_for_others = {})
        : store_(store), effects_(effects), message_for_others_(std::move(message_for_others)) {}

    Store& store() { return store_; }

    /// Runs `rule(txn, effects) -> T` atomically. `done(Outcome<T>)` runs on a store's thread after it is durable (or failed, and then
    /// nothing was kept); effects are started before `done`. When the store's queue is full `done` gets Error{Busy} at once.
    template <typename T>
    void run(std::function<T(WriteTransaction&, Effects&)> rule, std::function<void(Outcome<T>)> done) {
        struct State {
            std::function<T(WriteTransaction&, Effects&)> rule;
            std::function<void(Outcome<T>)> done;
            Effects effects;
            std::optional<T> value;
        };
        auto state = std::make_shared<State>();
        state->rule = std::move(rule);
        state->done = std::move(done);
        try {
            store_.submit(
                [this, state](WriteTransaction& txn) {
                    state->effects.clear();
                    state->value.reset();
                    state->value.emplace(state->rule(txn, state->effects));
                    tell_others(txn, state->effects);
                },
                [this, state](const std::exception_ptr& error) {
                    Outcome<T> outcome;
                    if (error) {
                        outcome.error = error;
                    } else {
                        outcome.value = std::move(state->value);
                        effects_.run(std::move(state->effects));
                    }
                    state->done(std::move(outcome));
                });
        } catch (...) {
            Outcome<T> outcome;
            outcome.error = std::current_exception();
            state->done(std::move(outcome));
        }
    }

    /// The same, waiting for the end. Not on an I/O thread or a thread of the store. Throws the error.
    template <typename T>
    T run_and_wait(std::function<T(WriteTransaction&, Effects&)> rule);

private:
    void tell_others(WriteTransaction& txn, const Effects& effects) const {
        if (!message_for_others_) return;
        if (const std::string message = message_for_others_(effects); !message.empty()) txn.broadcast(message);
    }

    Store& store_;
    EffectsRunner& effects_;
    const MessageForOthers message_for_others_;
};

/// For rules without a result.
struct Done {};

}  // namespace edgesync::rules

#include "kernel/rules/operation_wait.h"
