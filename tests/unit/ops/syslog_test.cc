// What reaches the system's log. The C library sends to the one socket /dev/log, which a test must not replace; so this program has the
// functions of <syslog.h> itself, and the channel calls these.
#include <gmock/gmock.h>

#include <array>
#include <cstdarg>
#include <cstdio>
#include <mutex>
#include <string>
#include <vector>

#include "kernel/ops/logger.h"

namespace {

struct Entry {
    int priority = 0;
    std::string text;
};

struct SystemLog {
    std::mutex mutex;
    std::string name;
    int facility = 0;
    std::vector<Entry> entries;
};

SystemLog& system_log() {
    static SystemLog log;
    return log;
}

void keep(int priority, const char* format, std::va_list arguments) {
    std::array<char, 16384> text{};
    std::vsnprintf(text.data(), text.size(), format, arguments);
    const std::scoped_lock lock(system_log().mutex);
    system_log().entries.push_back({priority, text.data()});
}

}  // namespace

extern "C" {
void openlog(const char* name, int, int facility) {
    const std::scoped_lock lock(system_log().mutex);
    system_log().name = name;
    system_log().facility = facility;
}
void closelog() {}
void syslog(int priority, const char* format, ...) __attribute__((format(printf, 2, 3)));
void syslog(int priority, const char* format, ...) {
    std::va_list arguments;
    va_start(arguments, format);
    keep(priority, format, arguments);
    va_end(arguments);
}
/// What syslog() is in a library that was built with checks of buffers.
void __syslog_chk(int priority, int, const char* format, ...) __attribute__((format(printf, 3, 4)));
void __syslog_chk(int priority, int, const char* format, ...) {
    std::va_list arguments;
    va_start(arguments, format);
    keep(priority, format, arguments);
    va_end(arguments);
}
}

namespace edgesync::ops {
namespace {

constexpr int kDaemon = 3 << 3;  // Facility of RFC 5424.
constexpr int kSeverity = 7;

TEST(Syslog, GetsLogAndTraceAsADaemonsWithTheSeverityOfTheLevel) {
    LoggerOptions options;
    options.log_level = LogLevel::Trace;
    options.trace_level = LogLevel::Info;
    options.destinations = {LoggerOptions::Destination::Syslog};
    struct Row {
        LogLevel level;
        const char* name;
        int severity;
    };
    const Row rows[] = {{LogLevel::Fatal, "FATAL", 1},   {LogLevel::Error, "ERROR", 3}, {LogLevel::Warning, "WARNING", 4},
                        {LogLevel::Status, "STATUS", 5}, {LogLevel::Info, "INFO", 6},   {LogLevel::Debug, "DEBUG", 7},
                        {LogLevel::Trace, "TRACE", 7}};
    {
        Logger logger(options);
        for (const auto& row : rows) logger.log(row.level, "100 %s of it %n");
        logger.trace(LogLevel::Info, "for developers");
        logger.trace(LogLevel::Debug, "left out");
    }
    EXPECT_EQ(system_log().name, "edge-sync-service");
    EXPECT_EQ(system_log().facility, kDaemon);
    const auto& entries = system_log().entries;
    ASSERT_EQ(entries.size(), std::size(rows) + 1);
    for (std::size_t i = 0; i < std::size(rows); ++i) {
        EXPECT_EQ(entries[i].priority & kSeverity, rows[i].severity) << rows[i].name;
        EXPECT_THAT(entries[i].text, testing::StartsWith("CSS: "));
        EXPECT_THAT(entries[i].text, testing::EndsWith(std::string(rows[i].name) + ": 100 %s of it %n"));
    }
    EXPECT_THAT(entries.back().text, testing::MatchesRegex("\\* CSS: .* INFO: for developers"));
}

}  // namespace
}  // namespace edgesync::ops
