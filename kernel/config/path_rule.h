// Where configured files may lie and what they may be called.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace edgesync::config {

/// A value that is PEM text rather than a file's name.
bool is_pem_text(std::string_view value);

/// Why `value` may not be used as a path; nullopt: it may. A relative path is taken below `base` and must stay there after
/// links are resolved (as far as it exists); an absolute one is the operator's own choice. `extensions`, if any, are compared
/// in lower case. Touches the file system, opens nothing.
std::optional<std::string> path_problem(const std::string& value, const std::filesystem::path& base,
                                        const std::vector<std::string>& extensions);

}  // namespace edgesync::config
