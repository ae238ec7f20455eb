#include "kernel/config/configuration.h"

#include <cstdlib>
#include <iomanip>
#include <ostream>
#include <random>

#include "kernel/config/key_table.h"

namespace edgesync::config {

EnvironmentLookup process_environment() {
    return [](const std::string& name) -> std::optional<std::string> {
        const char* value = std::getenv(name.c_str());
        if (value == nullptr) return std::nullopt;
        return value;
    };
}

Surroundings process_surroundings() {
    std::error_code error;
    auto folder = std::filesystem::current_path(error);
    if (error) folder = "/";  // A removed working directory; relative paths then start at the root.
    return {std::move(folder), is_plain_name, [] {
                std::random_device device;
                return (static_cast<std::uint64_t>(device()) << 32) | device();
            }};
}

Configuration::Configuration(EnvironmentLookup environment, Surroundings surroundings)
    : environment_(std::move(environment)), surroundings_(std::move(surroundings)), values_({}, environment_) {}

void Configuration::load(const std::filesystem::path& file, bool is_named_by_operator) {
    FileValues in_file;
    const auto outcome = read_config_file(file, in_file, findings_);
    if (outcome == FileRead::Missing && is_named_by_operator) {
        findings_.warnings.push_back("The configuration file " + in_quotes(file.string()) +
                                     " cannot be opened; defaults and environment are used");
    }
    values_ = EffectiveValues(std::move(in_file), environment_);
    declare(service_keys(), "");
}

void Configuration::set_from_command_line(std::string_view key, const std::string& text, const std::string& reason) {
    values_.derive(key, text, reason, findings_);
}

void Configuration::validate() { decisions_ = config::validate(values_, surroundings_, findings_); }

void Configuration::declare(const std::vector<SettingDeclaration>& declarations, const std::string& owner) {
    for (const auto& declaration : declarations) {
        if (!values_.contains(declaration.key)) print_order_.push_back(declaration.key);
        values_.declare(declaration, owner, findings_);
    }
}

void Configuration::finish() {
    for (const auto& [key, known_spelling] : values_.undeclared()) {
        findings_.warnings.push_back("The key " + in_quotes(key) + " is unknown and ignored" +
                                     (known_spelling.empty() ? std::string() : "; did you mean " + known_spelling + "?"));
    }
}

int Configuration::exit_code() const {
    constexpr int kCannotBeLoaded = 99;
    constexpr int kIsInvalid = 98;
    for (const auto& problem : findings_.problems) {
        if (problem.kind == Problem::Kind::Load) return kCannotBeLoaded;
    }
    return findings_.problems.empty() ? 0 : kIsInvalid;
}

void Configuration::print_effective(std::ostream& out) const {
    for (const auto& key : print_order_) {
        const auto& value = values_.at(key);
        out << std::left << std::setw(42) << key << std::setw(12) << to_string(value.origin) << EffectiveValues::shown(value) << '\n';
    }
}

std::vector<std::filesystem::path> Configuration::plugin_folders() const {
    const auto folders = values_.list("PluginPath");
    return {folders.begin(), folders.end()};
}

std::string Configuration::text(std::string_view key) const { return values_.text(key); }
bool Configuration::boolean(std::string_view key) const { return values_.flag(key); }
std::int64_t Configuration::integer(std::string_view key) const { return values_.number(key); }
std::vector<std::string> Configuration::list(std::string_view key) const { return values_.list(key); }
bool Configuration::is_set(std::string_view key) const { return values_.at(key).is_set; }
std::string Configuration::persistence_root() const { return values_.text("PersistenceRootPath"); }

}  // namespace edgesync::config
