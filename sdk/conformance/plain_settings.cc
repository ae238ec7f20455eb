#include "plain_settings.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "edgesync/sdk/error.h"

namespace edgesync::conformance {
namespace {

constexpr std::string_view kTest = "{test}";
constexpr std::string_view kFolder = "{folder}";

/// Short, of letters and digits only, and the same in every process.
std::string name_of_folder(const std::filesystem::path& root) {
    std::uint64_t hash = 14695981039346656037U;  // FNV-1a
    for (const char c : root.filename().string()) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
    return "t" + std::to_string(hash);
}

}  // namespace

PlainSettings::PlainSettings(const std::vector<SettingDeclaration>& declared, const std::filesystem::path& file, NodeRole role,
                             const std::filesystem::path& root, const Values& given)
    : role_(role), folder_(root), root_(root.string() + "/") {
    for (const SettingDeclaration& one : declared) defaults_[one.key] = one.default_value;
    if (!file.empty()) read(file);
    for (const auto& [key, value] : given) give(key, value);
}

void PlainSettings::read(const std::filesystem::path& file) {
    std::ifstream in(file);
    if (!in) throw std::runtime_error("cannot read the settings file " + file.string());
    for (std::string line; std::getline(in, line);) {
        std::istringstream words(line.substr(0, line.find('#')));
        std::string key;
        if (!(words >> key)) continue;
        std::string value;
        std::getline(words >> std::ws, value);
        value.erase(value.find_last_not_of(" \t\r") + 1);
        give(key, std::move(value));
    }
}

void PlainSettings::give(const std::string& key, std::string value) {
    // A store in the network keeps tests apart by a name, as others do by their folder.
    if (const auto at = value.find(kTest); at != std::string::npos) value.replace(at, kTest.size(), name_of_folder(folder_));
    if (const auto at = value.find(kFolder); at != std::string::npos) value.replace(at, kFolder.size(), folder_.string());
    given_[key] = std::move(value);
}

std::string PlainSettings::text(std::string_view key) const {
    if (const auto found = given_.find(key); found != given_.end()) return found->second;
    if (const auto found = defaults_.find(key); found != defaults_.end()) return found->second;
    throw Error(ErrorKind::Internal, "the plugin asks for the setting " + std::string(key) + ", which it did not declare");
}

bool PlainSettings::boolean(std::string_view key) const {
    std::string value = text(key);
    std::transform(value.begin(), value.end(), value.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return value == "true" || value == "yes" || value == "1";
}

std::int64_t PlainSettings::integer(std::string_view key) const {
    const std::string value = text(key);
    return value.empty() ? 0 : std::stoll(value);
}

std::vector<std::string> PlainSettings::list(std::string_view key) const {
    std::vector<std::string> out;
    std::istringstream items(text(key));
    for (std::string item; std::getline(items, item, ',');) out.push_back(item);
    return out;
}

bool PlainSettings::is_set(std::string_view key) const { return given_.contains(key); }

void PlainLog::write(const char* kind, LogLevel level, std::string_view text) noexcept {
    if (!is_shown_) return;
    const std::lock_guard lock(mutex_);
    std::fprintf(stderr, "[%s %d] %.*s\n", kind, static_cast<int>(level), static_cast<int>(text.size()), text.data());
}

}  // namespace edgesync::conformance
