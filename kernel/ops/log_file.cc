#include "kernel/ops/log_file.h"

#include <Poco/Exception.h>
#include <Poco/Message.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "edgesync/sdk/error.h"

namespace edgesync::ops {
namespace {

constexpr std::chrono::seconds kRetryAfter{5};
/// Packing takes a second or so; longer means that it failed.
constexpr std::chrono::seconds kLongestPacking{60};

void write_line(int descriptor, std::string line) {
    line += '\n';
    const char* at = line.data();
    std::size_t left = line.size();
    while (left > 0) {
        const auto count = ::write(descriptor, at, left);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return;
        at += count;
        left -= static_cast<std::size_t>(count);
    }
}

/// A failed rotation leaves a FileChannel with a pointer to a file that it has deleted, so it must never be destroyed. At most one
/// per retry, and only if the file could be opened but not replaced.
void abandon(Poco::AutoPtr<Poco::FileChannel> channel) {
    static std::mutex mutex;
    static auto* const abandoned = new std::vector<Poco::AutoPtr<Poco::FileChannel>>;
    const std::scoped_lock lock(mutex);
    abandoned->push_back(std::move(channel));
}

[[noreturn]] void fail(const std::string& key, const std::filesystem::path& path, const std::string& reason) {
    throw Error(ErrorKind::Io, key + ": " + path.string() + " cannot be written: " + reason +
                                   "; create it for the user of the service or choose another place");
}

}  // namespace

LogFile::LogFile(std::filesystem::path file, std::int64_t size_kib, std::int64_t files_kept)
    : file_(std::move(file)), size_kib_(size_kib), files_kept_(std::max<std::int64_t>(files_kept, 1)) {}

Poco::AutoPtr<Poco::FileChannel> LogFile::new_channel() const {
    Poco::AutoPtr<Poco::FileChannel> channel(new Poco::FileChannel(file_.string()));
    channel->setProperty(Poco::FileChannel::PROP_ROTATION, rotation());
    channel->setProperty(Poco::FileChannel::PROP_ARCHIVE, "number");
    channel->setProperty(Poco::FileChannel::PROP_COMPRESS, "true");
    channel->setProperty(Poco::FileChannel::PROP_PURGECOUNT, std::to_string(files_kept_));
    channel->setProperty(Poco::FileChannel::PROP_FLUSH, "true");
    channel->open();
    return channel;
}

std::string LogFile::rotation() const { return std::to_string(size_kib_) + " K"; }

void LogFile::renew_channel() {
    channel_ = new_channel();
    is_held_ = false;
    if (is_packing()) hold_rotation();  // An earlier process may have left it so.
}

bool LogFile::is_packing() const {
    std::error_code ignored;
    return std::filesystem::exists(file_.string() + ".0", ignored);
}

void LogFile::hold_rotation() {
    channel_->setProperty(Poco::FileChannel::PROP_ROTATION, "never");
    is_held_ = true;
    held_until_ = Clock::now() + kLongestPacking;
}

void LogFile::open() {
    const std::scoped_lock lock(mutex_);
    if (!channel_) renew_channel();
}

void LogFile::close() {
    const std::scoped_lock lock(mutex_);
    channel_ = nullptr;
}

void LogFile::log(const Poco::Message& message) {
    const std::scoped_lock lock(mutex_);
    if (!channel_ && Clock::now() < retry_at_) {
        ++lost_lines_;
        return;
    }
    try {
        if (!channel_) renew_channel();
        errno = 0;
        write(message);
    } catch (const Poco::WriteFileException&) {
        suspend(errno == 0 ? "the write failed" : std::strerror(errno));  // The exception only names the file.
        channel_ = nullptr;
    } catch (const std::exception& failure) {
        suspend(failure.what());
        if (channel_) abandon(std::move(channel_));
        channel_ = nullptr;
    }
}

void LogFile::write(const Poco::Message& message) {
    if (lost_lines_ > 0) {
        Poco::Message gap(message);
        gap.setText(std::to_string(lost_lines_) + " lines are missing here: " + lost_reason_);
        write_and_rotate(gap);
        lost_lines_ = 0;
    }
    write_and_rotate(message);
}

/// A thread of Poco's packs NAME.0 into NAME.0.gz and removes it. A rotation meanwhile would take the file away under it, and lines
/// would be lost or doubled.
void LogFile::write_and_rotate(const Poco::Message& message) {
    if (is_held_ && (!is_packing() || Clock::now() >= held_until_)) {
        channel_->setProperty(Poco::FileChannel::PROP_ROTATION, rotation());
        is_held_ = false;
    }
    const bool rotates = !is_held_ && channel_->size() >= static_cast<std::uint64_t>(size_kib_) * 1024;
    channel_->log(message);
    if (rotates) hold_rotation();
}

void LogFile::suspend(const std::string& reason) {
    if (lost_lines_ == 0) write_line(STDERR_FILENO, "edge-sync-service: " + file_.string() + " cannot be written: " + reason);
    ++lost_lines_;
    lost_reason_ = reason;
    retry_at_ = Clock::now() + kRetryAfter;
}

void DescriptorChannel::log(const Poco::Message& message) {
    const std::scoped_lock lock(mutex_);
    write_line(descriptor_, message.getText());
}

void prepare_log_file(const std::filesystem::path& file, const std::string& key) {
    std::error_code error;
    std::filesystem::create_directories(file.parent_path(), error);
    if (error) fail(key, file.parent_path(), error.message());
    const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0640);
    if (descriptor < 0) fail(key, file, std::strerror(errno));
    ::close(descriptor);
}

std::int64_t limited_by_file_system(std::int64_t size_kib, const std::filesystem::path& folder) {
    constexpr std::int64_t kSmallest = 20;
    struct statvfs status {};
    if (::statvfs(folder.c_str(), &status) != 0) return size_kib;
    const auto total_kib = static_cast<std::int64_t>(status.f_blocks) * static_cast<std::int64_t>(status.f_frsize) / 1024;
    if (total_kib <= 0) return size_kib;
    return std::min(size_kib, std::max(kSmallest, total_kib / 100));
}

}  // namespace edgesync::ops
