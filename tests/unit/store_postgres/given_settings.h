// Settings of the plugin for a test.
#pragma once

#include <map>
#include <sstream>

#include "plugins/store-postgres/connection_settings.h"

namespace edgesync::postgres {

using Given = std::map<std::string, std::string>;

/// What is given, and the defaults of the plugin.
class GivenSettings : public Settings {
public:
    GivenSettings(Given given, std::string root) : values_(std::move(given)), root_(std::move(root)) {
        for (const auto& one : declared_settings()) values_.emplace(one.key, one.default_value);
    }
    std::string text(std::string_view key) const override { return values_.at(std::string(key)); }
    bool boolean(std::string_view key) const override { return text(key) == "true"; }
    std::int64_t integer(std::string_view key) const override { return std::stoll(text(key)); }
    std::vector<std::string> list(std::string_view key) const override {
        std::vector<std::string> out;
        std::istringstream items(text(key));
        for (std::string item; std::getline(items, item, ',');) out.push_back(item);
        return out;
    }
    bool is_set(std::string_view) const override { return true; }
    NodeRole role() const override { return NodeRole::Css; }
    std::string persistence_root() const override { return root_ + "/"; }

private:
    Given values_;
    const std::string root_;
};

}  // namespace edgesync::postgres
