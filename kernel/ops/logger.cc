#include "kernel/ops/logger.h"

#include <Poco/Message.h>
#include <Poco/SyslogChannel.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "edgesync/sdk/error.h"
#include "kernel/ops/log_file.h"
#include "kernel/ops/log_line.h"

namespace edgesync::ops {
namespace {

using Destination = LoggerOptions::Destination;
using ChannelPtr = Poco::AutoPtr<Poco::Channel>;

constexpr char kSource[] = "edge-sync-service";

Poco::Message::Priority priority_of(LogLevel level) {
    switch (level) {
        case LogLevel::Fatal: return Poco::Message::PRIO_FATAL;
        case LogLevel::Error: return Poco::Message::PRIO_ERROR;
        case LogLevel::Warning: return Poco::Message::PRIO_WARNING;
        case LogLevel::Status: return Poco::Message::PRIO_NOTICE;
        case LogLevel::Debug: return Poco::Message::PRIO_DEBUG;
        case LogLevel::Trace: return Poco::Message::PRIO_TRACE;
        case LogLevel::None:
        case LogLevel::Info: return Poco::Message::PRIO_INFORMATION;
    }
    return Poco::Message::PRIO_INFORMATION;
}

std::optional<Destination> parse_destination(std::string name) {
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c; });
    if (name == "file") return Destination::File;
    if (name == "stdout") return Destination::StandardOutput;
    if (name == "syslog") return Destination::Syslog;
    if (name == "glog") return Destination::StandardError;
    return std::nullopt;
}

bool has(const LoggerOptions& options, Destination destination) {
    return std::find(options.destinations.begin(), options.destinations.end(), destination) != options.destinations.end();
}

std::filesystem::path file_of(const Settings& settings, const char* folder_key, const char* name_key) {
    const auto folder = settings.text(folder_key);
    const auto name = settings.text(name_key);
    if (folder.empty()) throw Error(ErrorKind::InvalidRequest, std::string(folder_key) + " is empty; name a folder");
    if (name.empty() || name.find('/') != std::string::npos) {
        throw Error(ErrorKind::InvalidRequest, std::string(name_key) + " '" + name + "' is not a file name; leave out folders");
    }
    return std::filesystem::path(folder) / (name + ".log");
}

bool passes(LogLevel level, LogLevel configured) { return level != LogLevel::None && level <= configured; }

ChannelPtr open_file(const std::filesystem::path& file, const char* key, const LoggerOptions& options) {
    prepare_log_file(file, key);
    auto size = options.file_size_kib;
    if (options.is_limited_by_file_system) size = limited_by_file_system(size, file.parent_path());
    Poco::AutoPtr<LogFile> channel(new LogFile(file, size, options.files_kept));
    try {
        channel->open();
    } catch (const std::exception& failure) {
        throw Error(ErrorKind::Io, std::string(key) + ": " + file.string() + " cannot be opened: " + failure.what());
    }
    return channel;
}

}  // namespace

LoggerOptions LoggerOptions::from(const Settings& settings) {
    LoggerOptions options;
    options.node_type = settings.role() == NodeRole::Css ? "CSS" : "ESS";
    options.log_level = parse_log_level(settings.text("LogLevel")).value_or(LogLevel::Info);
    options.trace_level = parse_log_level(settings.text("TraceLevel")).value_or(LogLevel::Info);
    for (const auto& name : settings.list("LogTraceDestination")) {
        const auto destination = parse_destination(name);
        if (destination && !has(options, *destination)) options.destinations.push_back(*destination);
    }
    if (options.destinations.empty()) {
        throw Error(ErrorKind::InvalidRequest, "LogTraceDestination names no destination that exists; use file, stdout, syslog or glog");
    }
    if (has(options, Destination::File)) {
        options.log_file = file_of(settings, "LogRootPath", "LogFileName");
        options.trace_file = file_of(settings, "TraceRootPath", "TraceFileName");
    }
    options.file_size_kib = settings.integer("LogTraceFileSizeKB");
    options.is_limited_by_file_system = !settings.is_set("LogTraceFileSizeKB");
    options.files_kept = settings.integer("MaxCompressedlLogTraceFilesNumber");
    return options;
}

/// The channels of both streams; a channel that serves both is the same object in both.
class Logger::Streams {
public:
    explicit Streams(const LoggerOptions& options) {
        for (const auto destination : options.destinations) {
            if (destination == Destination::File) {
                log_.push_back(open_file(options.log_file, "LogRootPath", options));
                // Two channels on one file would each rotate it under the other.
                const bool is_same = options.trace_file == options.log_file;
                trace_.push_back(is_same ? log_.back() : open_file(options.trace_file, "TraceRootPath", options));
                continue;
            }
            log_.push_back(open_shared(destination));
            trace_.push_back(log_.back());
        }
    }

    void log(const Poco::Message& message) { send(log_, message); }
    void trace(const Poco::Message& message) { send(trace_, message); }

private:
    static ChannelPtr open_shared(Destination destination) {
        if (destination == Destination::Syslog) {
            return new Poco::SyslogChannel(kSource, Poco::SyslogChannel::SYSLOG_PID, Poco::SyslogChannel::SYSLOG_DAEMON);
        }
        return new DescriptorChannel(destination == Destination::StandardOutput ? STDOUT_FILENO : STDERR_FILENO);
    }

    static void send(std::vector<ChannelPtr>& channels, const Poco::Message& message) {
        for (auto& channel : channels) channel->log(message);
    }

    std::vector<ChannelPtr> log_;
    std::vector<ChannelPtr> trace_;
};

Logger::Logger(const LoggerOptions& options) : options_(options), trace_prefix_("* " + options.node_type) {
    constexpr mode_t kNotForOthers = 027;
    if (has(options_, Destination::File)) ::umask(::umask(kNotForOthers) | kNotForOthers);
    streams_ = std::make_unique<Streams>(options_);
}

Logger::~Logger() = default;

bool Logger::logs(LogLevel level) const noexcept { return passes(level, options_.log_level); }
bool Logger::traces(LogLevel level) const noexcept { return passes(level, options_.trace_level); }

void Logger::log(LogLevel level, std::string_view text) noexcept {
    if (!logs(level)) return;
    try {
        streams_->log({kSource, log_line(options_.node_type, std::time(nullptr), level, text), priority_of(level)});
    } catch (...) {
        // Out of memory, or a channel's own mistake: there is no place left to report it, and the service must go on.
    }
}

void Logger::trace(LogLevel level, std::string_view text) noexcept {
    if (!traces(level)) return;
    try {
        streams_->trace({kSource, log_line(trace_prefix_, std::time(nullptr), level, text), priority_of(level)});
    } catch (...) {
        // As in `log`.
    }
}

}  // namespace edgesync::ops
