#include "kernel/config/config_file.h"

#include <cerrno>
#include <cstring>
#include <fstream>

namespace edgesync::config {
namespace {

constexpr std::string_view kBlanks = " \t\v\f\r";

/// Takes the next field off the front of `line`; empty at its end.
std::string_view next_field(std::string_view& line) {
    const auto begin = line.find_first_not_of(kBlanks);
    if (begin == std::string_view::npos) {
        line = {};
        return {};
    }
    line.remove_prefix(begin);
    const auto end = std::min(line.find_first_of(kBlanks), line.size());
    const auto field = line.substr(0, end);
    line.remove_prefix(end);
    return field;
}

void load_problem(Findings& findings, std::string key, std::string text, std::string advice) {
    findings.problems.push_back({Problem::Kind::Load, std::move(key), std::move(text), std::move(advice)});
}

void parse_line(std::string_view line, std::size_t number, const std::string& file_name, FileValues& values, Findings& findings) {
    const auto key = next_field(line);
    if (key.empty() || key.front() == '#') return;
    FileValue value;
    value.line = number;
    for (auto field = next_field(line); !field.empty(); field = next_field(line)) {
        value.had_blanks = value.had_blanks || !value.text.empty();
        value.text += field;
    }
    const auto [previous, is_new] = values.emplace(std::string(key), std::move(value));
    if (is_new) return;
    load_problem(findings, previous->first, "The property '" + previous->first + "' is found twice in the file '" + file_name + "'",
                 "lines " + std::to_string(previous->second.line) + " and " + std::to_string(number) + ": remove one of them");
}

}  // namespace

FileValues parse_config_text(std::string_view text, const std::string& file_name, Findings& findings) {
    FileValues values;
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    for (std::size_t number = 1; !text.empty(); ++number) {
        const auto end = std::min(text.find('\n'), text.size());
        const auto line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.size() > kLongestLine) {
            load_problem(findings, "", "Line " + std::to_string(number) + " of the file '" + file_name + "' is longer than 1 MiB",
                         "put long values into environment variables");
        } else {
            parse_line(line, number, file_name, values, findings);
        }
    }
    return values;
}

FileRead read_config_file(const std::filesystem::path& file, FileValues& values, Findings& findings) {
    std::error_code ignored;
    if (std::filesystem::is_directory(file, ignored)) {
        load_problem(findings, "", "The configuration file '" + file.string() + "' is a folder", "name a file with -c");
        return FileRead::Failed;
    }
    std::ifstream stream(file, std::ios::binary);
    if (!stream) return FileRead::Missing;
    std::string text;
    char part[65536];
    while (stream.read(part, sizeof part), stream.gcount() > 0) {
        text.append(part, static_cast<std::size_t>(stream.gcount()));
        if (text.size() > kLargestFile) {
            load_problem(findings, "", "The configuration file '" + file.string() + "' is larger than 16 MiB", "is it the right file?");
            return FileRead::Failed;
        }
    }
    if (stream.bad()) {
        load_problem(findings, "", "The configuration file '" + file.string() + "' cannot be read: " + std::strerror(errno), "");
        return FileRead::Failed;
    }
    values = parse_config_text(text, file.string(), findings);
    return FileRead::Read;
}

}  // namespace edgesync::config
