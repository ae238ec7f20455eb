// The log of a program that has none yet: warnings and worse, to whoever started it.
#pragma once

#include <iostream>
#include <string>

#include "edgesync/sdk/log.h"

namespace edgesync::ops {

/// Thread-safe.
class StandardErrorLog final : public Log {
public:
    bool logs(LogLevel level) const noexcept override { return level != LogLevel::None && level <= LogLevel::Warning; }
    bool traces(LogLevel) const noexcept override { return false; }
    void log(LogLevel level, std::string_view text) noexcept override {
        if (!logs(level)) return;
        const std::string line = (level == LogLevel::Warning ? "warning: " : "") + std::string(text) + "\n";
        std::cerr << line << std::flush;
    }
    void trace(LogLevel, std::string_view) noexcept override {}
};

}  // namespace edgesync::ops
