// A rotating file that survives a full disk.
#pragma once

#include <Poco/AutoPtr.h>
#include <Poco/Channel.h>
#include <Poco/FileChannel.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <string>

namespace edgesync::ops {

/// Wraps Poco's FileChannel, which throws when it cannot write. Thread-safe; `log` never throws. The lock is held over the
/// write of one line: lines of a file have one order.
class LogFile final : public Poco::Channel {
public:
    LogFile(std::filesystem::path file, std::int64_t size_kib, std::int64_t files_kept);

    /// @throws Poco::Exception, std::exception
    void open() override;
    void close() override;
    void log(const Poco::Message& message) override;

private:
    using Clock = std::chrono::steady_clock;
    Poco::AutoPtr<Poco::FileChannel> new_channel() const;
    std::string rotation() const;
    void renew_channel();
    bool is_packing() const;
    void hold_rotation();
    void write(const Poco::Message& message);
    void write_and_rotate(const Poco::Message& message);
    void suspend(const std::string& reason);

    const std::filesystem::path file_;
    const std::int64_t size_kib_;
    const std::int64_t files_kept_;
    std::mutex mutex_;  // Guards what follows.
    Poco::AutoPtr<Poco::FileChannel> channel_;
    bool is_held_ = false;  ///< The file grows until the one before is packed.
    Clock::time_point held_until_{};
    Clock::time_point retry_at_{};
    std::uint64_t lost_lines_ = 0;
    std::string lost_reason_;
};

/// Standard output or error: one write per line, so that lines of several threads do not mix. Thread-safe; never throws; a line
/// that cannot be written is lost.
class DescriptorChannel final : public Poco::Channel {
public:
    explicit DescriptorChannel(int descriptor) : descriptor_(descriptor) {}
    void log(const Poco::Message& message) override;

private:
    const int descriptor_;
    std::mutex mutex_;
};

/// Creates missing folders and proves that the file can be written, mode 0640. @throws Error{Io}, one line with `key` and path.
void prepare_log_file(const std::filesystem::path& file, const std::string& key);

/// `size_kib`, but at most 1 % of the file system that holds `folder`, and then not less than 20.
std::int64_t limited_by_file_system(std::int64_t size_kib, const std::filesystem::path& folder);

}  // namespace edgesync::ops
