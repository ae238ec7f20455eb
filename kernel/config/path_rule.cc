#include "kernel/config/path_rule.h"

#include <algorithm>

#include "kernel/config/value_text.h"

namespace edgesync::config {
namespace {

bool is_below(const std::filesystem::path& path, const std::filesystem::path& base) {
    auto part = path.begin();
    for (const auto& wanted : base) {
        if (wanted.empty()) continue;  // A trailing slash.
        if (part == path.end() || *part != wanted) return false;
        ++part;
    }
    return true;
}

}  // namespace

bool is_pem_text(std::string_view value) { return value.find("-----BEGIN") != std::string_view::npos; }

std::optional<std::string> path_problem(const std::string& value, const std::filesystem::path& base,
                                        const std::vector<std::string>& extensions) {
    if (value.find('\0') != std::string::npos) return "it contains a null byte";
    const std::filesystem::path given(value);
    std::error_code error;
    const auto resolved = std::filesystem::weakly_canonical(given.is_absolute() ? given : base / given, error);
    if (error) return error.message();
    if (given.is_relative()) {
        const auto resolved_base = std::filesystem::weakly_canonical(base, error);
        if (error) return error.message();
        if (!is_below(resolved, resolved_base)) return "it leads outside " + base.string();
    }
    if (extensions.empty()) return std::nullopt;
    const auto extension = lower_case(resolved.extension().string());
    const bool is_allowed = std::any_of(extensions.begin(), extensions.end(), [&](const auto& e) { return lower_case(e) == extension; });
    if (is_allowed) return std::nullopt;
    std::string allowed;
    for (const auto& e : extensions) allowed += (allowed.empty() ? "" : ", ") + e;
    return "its extension '" + extension + "' is none of " + allowed;
}

}  // namespace edgesync::config
