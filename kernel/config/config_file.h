// Reads the lines of `sync.conf`.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "kernel/config/findings.h"

namespace edgesync::config {

struct FileValue {
    std::string text;         ///< All fields after the key, joined without the blanks between them.
    bool had_blanks = false;  ///< Blanks were removed from the middle of the value.
    std::size_t line = 0;     ///< From 1.
};

/// Keys in their exact spelling.
using FileValues = std::map<std::string, FileValue, std::less<>>;

inline constexpr std::size_t kLongestLine = 1024 * 1024;
inline constexpr std::size_t kLargestFile = 16 * 1024 * 1024;

/// Understands `Key Value` lines: `#` lines and blank lines are skipped, blanks inside a value vanish, a key alone is an empty
/// value, a BOM and carriage returns are dropped. There are no quotes, escapes or continuations.
/// Adds a Load problem for a key that occurs twice and for a line longer than `kLongestLine`.
FileValues parse_config_text(std::string_view text, const std::string& file_name, Findings& findings);

enum class FileRead { Read, Missing, Failed };

/// Reads `file` into `values`. `Missing` if it cannot be opened (the service then runs on defaults and environment); any other
/// failure adds a Load problem.
FileRead read_config_file(const std::filesystem::path& file, FileValues& values, Findings& findings);

}  // namespace edgesync::config
