// The keys of `sync.conf` that a plugin understands, and their values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace edgesync {

/// Whether the process is the cloud (CSS) or the edge (ESS) side.
enum class NodeRole { Css, Ess };

/// One key that a plugin declares. The kernel parses, range-checks, masks (`is_secret`) and documents it (`-check`).
struct SettingDeclaration {
    enum class Type { Text, Bool, Integer, List };
    std::string key;          ///< As in `sync.conf`, e.g. "LmdbMapSizeMB".
    std::string environment;  ///< Variable name; empty: only the key itself.
    Type type = Type::Text;
    std::string default_value;  ///< As text.
    std::string help;           ///< One sentence, with the unit.
    bool is_secret = false;
    std::int64_t minimum = INT64_MIN;  ///< Integer only.
    std::int64_t maximum = INT64_MAX;
};

/// Read-only, thread-safe view of the effective configuration (default < file < environment).
class Settings {
public:
    virtual ~Settings() = default;
    /// A key the plugin declared or a key of the service itself. @throws Error{Internal} for a key nobody declared.
    virtual std::string text(std::string_view key) const = 0;
    virtual bool boolean(std::string_view key) const = 0;
    virtual std::int64_t integer(std::string_view key) const = 0;
    virtual std::vector<std::string> list(std::string_view key) const = 0;
    /// True if the file or the environment names the key (even with an empty value).
    virtual bool is_set(std::string_view key) const = 0;

    virtual NodeRole role() const = 0;
    /// Absolute, ends with '/'.
    virtual std::string persistence_root() const = 0;
};

}  // namespace edgesync
