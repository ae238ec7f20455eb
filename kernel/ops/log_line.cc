#include "kernel/ops/log_line.h"

#include <array>

namespace edgesync::ops {
namespace {

constexpr std::array<const char*, 8> kLevelNames = {"NONE", "STATUS", "FATAL", "ERROR", "WARNING", "INFO", "DEBUG", "TRACE"};

bool equal_in_any_case(std::string_view text, std::string_view capitals) {
    if (text.size() != capitals.size()) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i] >= 'a' && text[i] <= 'z' ? static_cast<char>(text[i] - 'a' + 'A') : text[i];
        if (c != capitals[i]) return false;
    }
    return true;
}

/// Replaces C0 controls, DEL, and the C1 controls of UTF-8 (C2 80 .. C2 9F), which some terminals obey.
void replace_controls(std::string& line, std::size_t from) {
    for (std::size_t i = from; i < line.size(); ++i) {
        const auto c = static_cast<unsigned char>(line[i]);
        if (c == '\n' || c == '\r' || c == '\t') {
            line[i] = ' ';
        } else if (c < 0x20 || c == 0x7f) {
            line[i] = '?';
        } else if (c == 0xC2 && i + 1 < line.size() && (static_cast<unsigned char>(line[i + 1]) & 0xE0) == 0x80) {
            line[i] = line[i + 1] = '?';
        }
    }
}

/// The largest size up to `size` that does not cut a UTF-8 sequence.
std::size_t character_boundary(std::string_view text, std::size_t size) {
    std::size_t at = size;
    for (int steps = 0; steps < 3 && at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80; ++steps) --at;
    return at;
}

}  // namespace

std::optional<LogLevel> parse_log_level(std::string_view text) {
    if (equal_in_any_case(text, "XTRACE")) return LogLevel::Trace;
    for (std::size_t i = 0; i < kLevelNames.size(); ++i) {
        if (equal_in_any_case(text, kLevelNames[i])) return static_cast<LogLevel>(i);
    }
    return std::nullopt;
}

const char* to_string(LogLevel level) noexcept {
    const auto index = static_cast<std::size_t>(level);
    return index < kLevelNames.size() ? kLevelNames[index] : "UNKNOWN";
}

std::string log_line(std::string_view node_type, std::time_t now, LogLevel level, std::string_view text) {
    constexpr std::string_view kCut = "...";
    std::tm local{};
    ::localtime_r(&now, &local);
    std::array<char, 64> date{};
    const auto length = std::strftime(date.data(), date.size(), "%Y/%m/%d %H:%M:%S", &local);
    std::string line;
    line.reserve(node_type.size() + length + text.size() % kLongestLogLine + 32);
    line.append(node_type).append(": ").append(date.data(), length).append(" ").append(to_string(level)).append(": ");
    const auto begin = line.size();
    if (begin + text.size() <= kLongestLogLine) {
        line += text;
    } else {
        line.append(text.substr(0, character_boundary(text, kLongestLogLine - kCut.size() - begin))).append(kCut);
    }
    replace_controls(line, begin);
    return line;
}

}  // namespace edgesync::ops
