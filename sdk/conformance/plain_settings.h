// Settings and Log for a plugin that runs without the service.
#pragma once

#include <filesystem>
#include <map>
#include <mutex>
#include <vector>

#include "edgesync/sdk/log.h"
#include "edgesync/sdk/settings.h"
#include "placeholders.h"

namespace edgesync::conformance {

/// The declared defaults of a plugin, overridden by the lines "Key value" of a file ('#' starts a comment). Lines below "[css]" or "[ess]"
/// are for that role alone, below "[both]" for both again. Words in braces are filled in (placeholders.h).
class PlainSettings : public Settings {
public:
    using Values = std::map<std::string, std::string>;

    /// `file` may be empty; `given` counts before it.
    /// @throws std::runtime_error if it cannot be read, or with one line for each value that is not of its declared type.
    PlainSettings(const std::vector<SettingDeclaration>& declared, const std::filesystem::path& file, NodeRole role, const Place& place,
                  const Values& given = {});

    std::string text(std::string_view key) const override;
    bool boolean(std::string_view key) const override;
    std::int64_t integer(std::string_view key) const override;
    std::vector<std::string> list(std::string_view key) const override;
    bool is_set(std::string_view key) const override;
    NodeRole role() const override { return role_; }
    std::string persistence_root() const override { return root_; }

    /// Keys that were given and that the plugin does not declare.
    std::vector<std::string> undeclared() const;

private:
    void read(const std::filesystem::path& file, const Place& place);
    void check(const std::vector<SettingDeclaration>& declared) const;

    std::map<std::string, std::string, std::less<>> defaults_;
    std::map<std::string, std::string, std::less<>> given_;
    NodeRole role_;
    std::string root_;
};

/// Writes to the standard error stream, or drops everything.
class PlainLog : public Log {
public:
    explicit PlainLog(bool is_shown) : is_shown_(is_shown) {}
    bool logs(LogLevel) const noexcept override { return is_shown_; }
    bool traces(LogLevel) const noexcept override { return is_shown_; }
    void log(LogLevel level, std::string_view text) noexcept override { write("log", level, text); }
    void trace(LogLevel level, std::string_view text) noexcept override { write("trace", level, text); }

private:
    void write(const char* kind, LogLevel level, std::string_view text) noexcept;

    bool is_shown_;
    std::mutex mutex_;
};

}  // namespace edgesync::conformance
