// `sync.conf` and environment as the effective configuration of this process.
//
//     Configuration configuration;
//     configuration.load(path, is_named_by_operator);
//     configuration.validate();                                  // names of store and transports, plugin_folders()
//     ... load the plugins ...
//     configuration.declare(plugin.declare_settings(), "store-lmdb");
//     configuration.finish();                                    // warns about keys that nobody declared
//     if (configuration.exit_code() != 0) ...                    // print problems(), end
#pragma once

#include <iosfwd>

#include "kernel/config/validation.h"

namespace edgesync::config {

/// The process's own environment.
EnvironmentLookup process_environment();
/// Working directory of the process, `is_plain_name`, the system's random numbers.
Surroundings process_surroundings();

/// The four steps are for one thread, in their order; afterwards everything const is thread-safe.
class Configuration final : public Settings {
public:
    explicit Configuration(EnvironmentLookup environment = process_environment(), Surroundings surroundings = process_surroundings());

    /// Reads the file and takes the values of the service's keys. A file that cannot be opened leaves defaults and environment;
    /// that is worth a warning only if the operator named it.
    void load(const std::filesystem::path& file, bool is_named_by_operator);

    /// Replaces the value of a key of the service: the command line wins over file and environment. Before `validate`.
    void set_from_command_line(std::string_view key, const std::string& text, const std::string& reason);

    /// Derives values and checks the rules between keys. Adds problems; does not throw.
    void validate();

    /// Keys of a plugin, `owner` as in "store-lmdb". Adds problems for their values and for keys that two owners understand
    /// differently.
    void declare(const std::vector<SettingDeclaration>& declarations, const std::string& owner);

    /// One warning for each key of the file that nobody declared.
    void finish();

    const std::vector<Problem>& problems() const { return findings_.problems; }
    const std::vector<std::string>& warnings() const { return findings_.warnings; }
    /// For the start-up summary: values of the operator that validation replaced.
    const std::vector<std::string>& changes() const { return findings_.changes; }
    /// 99 if something could not be loaded, 98 if something is invalid, else 0.
    int exit_code() const;

    /// `-check`: every key with its effective value and where it comes from; secrets as `<...>`.
    void print_effective(std::ostream& out) const;

    const std::string& store_plugin() const { return decisions_.store; }
    const std::vector<std::string>& transport_plugins() const { return decisions_.transports; }
    /// PluginPath, absolute; empty: the default folder.
    std::vector<std::filesystem::path> plugin_folders() const;
    bool is_single_org() const { return decisions_.is_single_org; }

    // Settings
    std::string text(std::string_view key) const override;
    bool boolean(std::string_view key) const override;
    std::int64_t integer(std::string_view key) const override;
    std::vector<std::string> list(std::string_view key) const override;
    bool is_set(std::string_view key) const override;
    NodeRole role() const override { return decisions_.role; }
    std::string persistence_root() const override;

private:
    EnvironmentLookup environment_;
    Surroundings surroundings_;
    EffectiveValues values_;
    std::vector<std::string> print_order_;
    Decisions decisions_;
    Findings findings_;
};

}  // namespace edgesync::config
