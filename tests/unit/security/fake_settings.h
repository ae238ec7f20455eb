// Settings and a log that tests fill and read.
#pragma once

#include <map>
#include <mutex>
#include <sstream>
#include <string>
#include <vector>

#include "edgesync/sdk/error.h"
#include "edgesync/sdk/log.h"
#include "edgesync/sdk/settings.h"

namespace edgesync::fakes {

class FakeSettings : public Settings {
public:
    std::map<std::string, std::string, std::less<>> values;
    NodeRole node_role = NodeRole::Css;
    std::string root = "/nonexistent/";

    std::string text(std::string_view key) const override {
        const auto found = values.find(key);
        return found == values.end() ? "" : found->second;
    }
    bool boolean(std::string_view key) const override { return text(key) == "true"; }
    std::int64_t integer(std::string_view key) const override {
        const std::string value = text(key);
        return value.empty() ? 0 : std::stoll(value);
    }
    std::vector<std::string> list(std::string_view key) const override {
        std::vector<std::string> elements;
        std::istringstream rest(text(key));
        for (std::string element; std::getline(rest, element, ',');) elements.push_back(element);
        return elements;
    }
    bool is_set(std::string_view key) const override { return values.find(key) != values.end(); }
    NodeRole role() const override { return node_role; }
    std::string persistence_root() const override { return root; }
};

class CollectingLog : public Log {
public:
    bool logs(LogLevel) const noexcept override { return true; }
    bool traces(LogLevel) const noexcept override { return false; }
    void log(LogLevel, std::string_view text) noexcept override {
        const std::lock_guard lock(mutex_);
        lines.emplace_back(text);
    }
    void trace(LogLevel, std::string_view) noexcept override {}
    std::vector<std::string> lines;

private:
    std::mutex mutex_;
};

}  // namespace edgesync::fakes
