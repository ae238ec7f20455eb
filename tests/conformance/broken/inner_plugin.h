// The correct plugin inside of a broken one, and the settings that it sees.
#pragma once

#include <dlfcn.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "edgesync/sdk/plugin.h"

namespace edgesync::broken {

inline constexpr char kPlugin[] = "BrokenPlugin";
inline constexpr char kFault[] = "BrokenFault";
inline constexpr char kAfter[] = "BrokenAfter";

inline std::vector<SettingDeclaration> settings_of_faults() {
    using Type = SettingDeclaration::Type;
    SettingDeclaration plugin{kPlugin, "", Type::Text, "", "File of the correct plugin inside"};
    SettingDeclaration fault{kFault, "", Type::Text, "none", "What is wrong"};
    SettingDeclaration after{kAfter, "", Type::Integer, "3", "Calls that are right before one is wrong"};
    after.minimum = 0;
    after.maximum = 1000;
    return {plugin, fault, after};
}

/// What the outer plugin was given, with the defaults of the inner one.
class InnerSettings : public Settings {
public:
    InnerSettings(const std::vector<SettingDeclaration>& declared, const Settings& given) : given_(given) {
        for (const auto& one : declared) defaults_[one.key] = one.default_value;
    }
    std::string text(std::string_view key) const override {
        const auto found = defaults_.find(key);
        return given_.is_set(key) || found == defaults_.end() ? given_.text(key) : found->second;
    }
    bool boolean(std::string_view key) const override { return text(key) == "true"; }
    std::int64_t integer(std::string_view key) const override { return text(key).empty() ? 0 : std::stoll(text(key)); }
    std::vector<std::string> list(std::string_view key) const override {
        return text(key).empty() ? std::vector<std::string>() : std::vector<std::string>{text(key)};
    }
    bool is_set(std::string_view key) const override { return given_.is_set(key); }
    NodeRole role() const override { return given_.role(); }
    std::string persistence_root() const override { return given_.persistence_root(); }

private:
    const Settings& given_;
    std::map<std::string, std::string, std::less<>> defaults_;
};

/// A Store or Transport from the file that the settings name, configured.
template <typename Kind>
class Inner {
public:
    Inner(const Settings& given, Log& log) {
        const std::string file = given.text(kPlugin);
        void* const library = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
        if (library == nullptr) throw Error(ErrorKind::InvalidRequest, std::string(kPlugin) + ": " + ::dlerror());
        const auto* const descriptor = static_cast<const PluginDescriptor*>(::dlsym(library, kDescriptorSymbol));
        std::unique_ptr<Plugin> plugin(descriptor->create());
        plugin_.reset(&dynamic_cast<Kind&>(*plugin.release()));
        settings_ = std::make_unique<InnerSettings>(plugin_->declare_settings(), given);
        plugin_->configure(*settings_, log);
    }
    Kind& operator*() const { return *plugin_; }

private:
    std::unique_ptr<InnerSettings> settings_;
    std::unique_ptr<Kind> plugin_;  ///< Destroyed first.
};

}  // namespace edgesync::broken
