// Carries out what transactions leave to do once they are durable.
#pragma once

#include <functional>

#include "kernel/rules/effects.h"
#include "kernel/rules/operation.h"

namespace edgesync::node {

/// Each function is cheap and thread-safe; set before the first operation.
struct EffectTargets {
    std::function<void(const NodeKey&)> wake;
    std::function<void(const rules::ExchangeKey&)> send;
    std::function<void(const rules::ExchangeKey&)> fetch;
    std::function<void()> unused_files;
    std::function<void()> work;
    std::function<void(const ObjectKey&)> arrived;
    std::function<void(const ObjectKey&)> verify;
    std::function<void(const std::string& org)> acls;
};

class NodeEffects : public rules::EffectsRunner {
public:
    explicit NodeEffects(Log& log) : log_(log) {}
    void set_targets(EffectTargets targets) { targets_ = std::move(targets); }

    void run(rules::Effects effects) override {
        // The records are stored: what fails here is found again by the next scan, or by the timer that repeats.
        try {
            for (const auto& peer : effects.wake) targets_.wake(peer);
            for (const auto& key : effects.send) targets_.send(key);
            for (const auto& key : effects.fetch) targets_.fetch(key);
            if (effects.has_unused_files) targets_.unused_files();
            if (effects.has_work) targets_.work();
            for (const auto& key : effects.arrived) targets_.arrived(key);
            for (const auto& key : effects.verify) targets_.verify(key);
            for (const auto& org : effects.acls_of) targets_.acls(org);
        } catch (const std::exception& error) {
            log_.log(LogLevel::Error, std::string("Cannot act upon a change at once: ") + error.what());
        }
    }

private:
    Log& log_;
    EffectTargets targets_;
};

}  // namespace edgesync::node
