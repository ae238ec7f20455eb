// The table of effective values: default < file < environment < derived by validation.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "edgesync/sdk/settings.h"
#include "kernel/config/config_file.h"
#include "kernel/config/findings.h"

namespace edgesync::config {

/// The value of an environment variable, nullopt if it is not set.
using EnvironmentLookup = std::function<std::optional<std::string>(const std::string& name)>;

enum class Origin { Default, File, Environment, Derived };
const char* to_string(Origin origin) noexcept;

struct EffectiveValue {
    SettingDeclaration declaration;
    std::string owner;  ///< Empty: the service.
    std::string text;
    bool flag = false;        ///< Bool only.
    std::int64_t number = 0;  ///< Integer only.
    Origin origin = Origin::Default;
    bool is_set = false;  ///< In file or environment, even if empty.
};

/// Not thread-safe while it is filled; then read-only.
class EffectiveValues {
public:
    EffectiveValues(FileValues file, EnvironmentLookup environment);

    /// Adds the key and takes its value from the sources; problems of the value go to `findings`.
    /// A key that exists may be declared again (a plugin that states what it reads) if the type is the same: the first
    /// declaration's default stays, a narrower range of the second is applied, and it stays secret if either says so.
    void declare(const SettingDeclaration& declaration, const std::string& owner, Findings& findings);

    /// @throws Error{Internal} for an unknown key.
    const EffectiveValue& at(std::string_view key) const;
    bool contains(std::string_view key) const { return values_.contains(key); }
    const std::string& text(std::string_view key) const { return at(key).text; }
    bool flag(std::string_view key) const;
    std::int64_t number(std::string_view key) const;
    std::vector<std::string> list(std::string_view key) const;

    /// Replaces a value by a derived one. Reported in `findings.changes`, with `reason`, if the operator had set another.
    void derive(std::string_view key, const std::string& text, const std::string& reason, Findings& findings);

    /// The value as it may be shown: `<...>` for a secret that is not empty.
    static std::string shown(const EffectiveValue& value);

    /// A value of file or environment for any name, declared or not; environment first.
    std::optional<std::string> raw(const std::string& key, const std::string& environment) const;

    /// Keys of the file that nobody declared, with a spelling that would be known if there is one ("" else).
    std::vector<std::pair<std::string, std::string>> undeclared() const;

    const std::map<std::string, EffectiveValue, std::less<>>& all() const { return values_; }

private:
    struct Found {
        std::string text;
        Origin origin = Origin::Default;
        std::string name;  ///< Spelling under which the file has it.
    };
    std::optional<Found> find(const SettingDeclaration& declaration, Findings& findings) const;
    std::optional<Found> find_as(const std::string& key, const std::string& environment) const;
    void declare_again(EffectiveValue& value, const SettingDeclaration& declaration, const std::string& owner, Findings& findings);
    EffectiveValue& existing(std::string_view key);

    FileValues file_;
    EnvironmentLookup environment_;
    std::map<std::string, EffectiveValue, std::less<>> values_;
};

/// True for keys whose value must not be shown whatever their declaration says: they end in Password, Key or Secret.
bool is_secret_by_name(std::string_view key);

}  // namespace edgesync::config
