#include "plain_settings.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <optional>
#include <sstream>
#include <stdexcept>

#include "edgesync/sdk/error.h"

namespace edgesync::conformance {
namespace {

bool is_one_of(std::string word, std::initializer_list<std::string_view> words) {
    std::transform(word.begin(), word.end(), word.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return std::find(words.begin(), words.end(), word) != words.end();
}

bool is_true(const std::string& text) { return is_one_of(text, {"1", "t", "true", "yes", "on"}); }
bool is_false(const std::string& text) { return is_one_of(text, {"0", "f", "false", "no", "off", ""}); }

/// What is wrong with the value of a setting; empty: nothing.
std::string problem_of(const SettingDeclaration& setting, const std::string& value) {
    const std::string is = "the setting " + setting.key + " is \"" + (setting.is_secret ? "..." : value) + "\", but must be ";
    if (setting.type == SettingDeclaration::Type::Bool && !is_true(value) && !is_false(value)) return is + "true or false";
    if (setting.type != SettingDeclaration::Type::Integer || value.empty()) return {};
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error != std::errc() || end != value.data() + value.size()) return is + "a whole number";
    if (number < setting.minimum) return is + "at least " + std::to_string(setting.minimum);
    if (number > setting.maximum) return is + "at most " + std::to_string(setting.maximum);
    return {};
}

/// "[css]" and its like; nullopt: the line is no section.
std::optional<std::string> section_of(const std::string& word) {
    if (word.size() < 2 || word.front() != '[' || word.back() != ']') return std::nullopt;
    return word.substr(1, word.size() - 2);
}

}  // namespace

PlainSettings::PlainSettings(const std::vector<SettingDeclaration>& declared, const std::filesystem::path& file, NodeRole role,
                             const Place& place, const Values& given)
    : role_(role), root_(place.folder.string() + "/") {
    for (const SettingDeclaration& one : declared) defaults_[one.key] = one.default_value;
    if (!file.empty()) read(file, place);
    for (const auto& [key, value] : given) given_[key] = fill_in(value, place);
    check(declared);
}

void PlainSettings::read(const std::filesystem::path& file, const Place& place) {
    std::ifstream in(file);
    if (!in || std::filesystem::is_directory(file)) throw std::runtime_error("cannot read the settings file " + file.string());
    const std::string own = role_ == NodeRole::Css ? "css" : "ess";
    bool is_meant = true;
    for (std::string line; std::getline(in, line);) {
        std::istringstream words(line.substr(0, line.find('#')));
        std::string key;
        if (!(words >> key)) continue;
        if (const auto section = section_of(key)) {
            if (*section != "css" && *section != "ess" && *section != "both") {
                throw std::runtime_error(file.string() + ": the section " + key + " must be [css], [ess] or [both]");
            }
            is_meant = *section == own || *section == "both";
            continue;
        }
        std::string value;
        std::getline(words >> std::ws, value);
        value.erase(value.find_last_not_of(" \t\r") + 1);
        if (is_meant) given_[key] = fill_in(std::move(value), place);
    }
}

void PlainSettings::check(const std::vector<SettingDeclaration>& declared) const {
    std::string problems;
    for (const SettingDeclaration& one : declared) {
        const std::string problem = problem_of(one, text(one.key));
        if (!problem.empty()) problems += (problems.empty() ? "" : "\n") + problem;
    }
    if (!problems.empty()) throw std::runtime_error(problems);
}

std::vector<std::string> PlainSettings::undeclared() const {
    std::vector<std::string> keys;
    for (const auto& [key, value] : given_) {
        if (!defaults_.contains(key)) keys.push_back(key);
    }
    return keys;
}

std::string PlainSettings::text(std::string_view key) const {
    if (const auto found = given_.find(key); found != given_.end()) return found->second;
    if (const auto found = defaults_.find(key); found != defaults_.end()) return found->second;
    throw Error(ErrorKind::Internal, "the plugin asks for the setting " + std::string(key) + ", which it did not declare");
}

bool PlainSettings::boolean(std::string_view key) const { return is_true(text(key)); }

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
