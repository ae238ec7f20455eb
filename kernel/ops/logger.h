// Where log (for operators) and trace (for developers) end up: rotating files, standard output, syslog, standard error.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "edgesync/sdk/log.h"
#include "edgesync/sdk/settings.h"

namespace edgesync::ops {

struct LoggerOptions {
    enum class Destination { File, StandardOutput, Syslog, StandardError };

    std::string node_type = "CSS";  ///< Begins every line.
    LogLevel log_level = LogLevel::Info;
    LogLevel trace_level = LogLevel::Info;
    std::vector<Destination> destinations;
    std::filesystem::path log_file;    ///< With folder and ".log".
    std::filesystem::path trace_file;  ///< May be the same file.
    std::int64_t file_size_kib = 20000;
    bool is_limited_by_file_system = true;  ///< At most 1 % of it, but not less than 20 KiB.
    std::int64_t files_kept = 50;           ///< Rotated files NAME.log.N.gz, newest first; at least 1.

    /// From LogLevel, TraceLevel, LogRootPath, ... @throws Error{InvalidRequest} with one line if there is no usable destination or
    /// file name.
    static LoggerOptions from(const Settings& settings);
};

/// Thread-safe. Losing a destination (disk full, reader of a pipe gone) never disturbs the caller: lines are dropped, counted, and
/// the destination is tried again after some seconds; a file then says how many lines it lacks.
class Logger final : public Log {
public:
    /// Creates missing folders (mode 0750) and files (0640). So that rotated files get the same mode, the process's umask is
    /// tightened to at least 0027 if there is a file. @throws Error{Io} with one line if a file cannot be written.
    explicit Logger(const LoggerOptions& options);
    ~Logger() override;

    bool logs(LogLevel level) const noexcept override;
    bool traces(LogLevel level) const noexcept override;
    void log(LogLevel level, std::string_view text) noexcept override;
    void trace(LogLevel level, std::string_view text) noexcept override;

private:
    class Streams;  // Keeps Poco out of this header.
    LoggerOptions options_;
    std::string trace_prefix_;
    std::unique_ptr<Streams> streams_;
};

}  // namespace edgesync::ops
