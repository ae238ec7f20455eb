// A configuration made of lines and variables, without touching the process's environment.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "kernel/config/configuration.h"

namespace edgesync::config {

using Variables = std::map<std::string, std::string>;

/// Removed with everything in it.
class PrivateFolder {
public:
    PrivateFolder() {
        std::string name = (std::filesystem::temp_directory_path() / "edgesync-config-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
        path_ = name;
    }
    PrivateFolder(const PrivateFolder&) = delete;
    PrivateFolder& operator=(const PrivateFolder&) = delete;
    ~PrivateFolder() { std::filesystem::remove_all(path_); }
    const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

inline Configuration configuration_with(const Variables& variables, const std::filesystem::path& working_directory = "/here") {
    auto lookup = [variables](const std::string& name) -> std::optional<std::string> {
        const auto found = variables.find(name);
        if (found == variables.end()) return std::nullopt;
        return found->second;
    };
    return Configuration(lookup, {working_directory, is_plain_name, [] { return std::uint64_t{84}; }});
}

/// Loaded, not validated.
inline Configuration loaded(const std::string& lines, const Variables& variables = {}) {
    PrivateFolder folder;
    const auto file = folder.path() / "sync.conf";
    std::ofstream(file) << lines;
    auto configuration = configuration_with(variables);
    configuration.load(file, true);
    return configuration;
}

inline Configuration validated(const std::string& lines, const Variables& variables = {}) {
    auto configuration = loaded(lines, variables);
    configuration.validate();
    configuration.finish();
    return configuration;
}

inline std::vector<std::string> problem_texts(const Configuration& configuration) {
    std::vector<std::string> texts;
    for (const auto& problem : configuration.problems()) texts.push_back(problem.text);
    return texts;
}

inline constexpr char kGoodCss[] = "NodeType CSS\nCommunicationProtocol http\nStorageProvider lmdb\n";
inline constexpr char kGoodEss[] =
    "NodeType ESS\nOrgID acme\nDestinationType camera\nDestinationID cam7\nCommunicationProtocol http\n"
    "HTTPCSSHost css.example.com\nHTTPCSSPort 443\n";

}  // namespace edgesync::config
