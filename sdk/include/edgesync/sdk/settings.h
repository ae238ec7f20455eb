/// @file
/// The keys of `sync.conf` that a plugin understands, and their values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace edgesync {

/// Whether the process is the cloud (CSS) or the edge (ESS) side.
enum class NodeRole {
    Css,  ///< Serves nodes and applications of organizations.
    Ess,  ///< One edge node, whose only peer is the CSS.
};

/// One key that a plugin declares. The kernel parses, range-checks, masks (`is_secret`) and documents it (`-check`). A key of the service
/// or of another plugin may be declared again with the same type: the first default counts, the narrower range, and secret if either says
/// so.
struct SettingDeclaration {
    /// How the kernel reads the value, and which functions of `Settings` give it.
    enum class Type {
        Text,     ///< `Settings::text`.
        Bool,     ///< `Settings::boolean`; true, yes, on, 1 and the like.
        Integer,  ///< `Settings::integer`; decimal.
        List,     ///< `Settings::list`; values between commas.
    };
    std::string key;            ///< As in `sync.conf`, e.g. "LmdbMapSizeMB".
    std::string environment;    ///< Variable name, e.g. "LMDB_MAP_SIZE_MB"; empty: only the key itself, which is a variable name, too.
    Type type = Type::Text;     ///< See Type.
    std::string default_value;  ///< As text, within the range.
    std::string help;           ///< One sentence, with the unit.
    bool is_secret = false;     ///< Never shown. Also true for keys that end in Password, Key or Secret.
    std::int64_t minimum = INT64_MIN;  ///< Integer only.
    std::int64_t maximum = INT64_MAX;  ///< Integer only.
};

/// Read-only, thread-safe view of the effective configuration (default < file < environment). Does not change while the node runs.
class Settings {
public:
    virtual ~Settings() = default;
    /// The value of a key of any type as text. The key is one that the plugin declared, or one of the service itself.
    /// @throws Error{Internal} for a key nobody declared.
    virtual std::string text(std::string_view key) const = 0;
    /// @throws Error{Internal} for a key nobody declared, or of another type.
    virtual bool boolean(std::string_view key) const = 0;
    /// @throws Error{Internal} for a key nobody declared, or of another type.
    virtual std::int64_t integer(std::string_view key) const = 0;
    /// Empty for an empty value. @throws Error{Internal} for a key nobody declared.
    virtual std::vector<std::string> list(std::string_view key) const = 0;
    /// True if the file or the environment names the key (even with an empty value).
    virtual bool is_set(std::string_view key) const = 0;

    /// Which side this process is.
    virtual NodeRole role() const = 0;
    /// Where the node keeps what survives a restart. Absolute, ends with '/'. May not exist yet: whoever writes there makes it.
    virtual std::string persistence_root() const = 0;
};

}  // namespace edgesync
