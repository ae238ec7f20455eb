#include "time_base.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "edgesync/sdk/error.h"

namespace edgesync::memory {
namespace {

constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;
constexpr std::uint32_t kMagic = 0x01010101;
constexpr std::size_t kFileBytes = 32;

using Octets = std::array<std::uint8_t, kFileBytes>;

void put_big_endian(std::uint8_t* at, std::uint64_t value, int octets) {
    for (int i = octets - 1; i >= 0; --i, value >>= 8) at[i] = static_cast<std::uint8_t>(value);
}

/// Magic, major 1, minor 0, one field; then type 0, length 8, the seconds; all big-endian.
Octets encode(std::int64_t seconds) {
    Octets out{};
    put_big_endian(&out[0], kMagic, 4);
    put_big_endian(&out[4], 1, 4);
    put_big_endian(&out[12], 1, 4);
    put_big_endian(&out[20], 8, 4);
    put_big_endian(&out[24], static_cast<std::uint64_t>(seconds), 8);
    return out;
}

[[noreturn]] void fail(const std::string& what, const std::string& path) {
    const int error = errno;
    const auto kind = error == ENOSPC || error == EDQUOT ? ErrorKind::NoSpace : ErrorKind::Io;
    throw Error(kind, "cannot " + what + " " + path + ": " + std::strerror(error));
}

class Descriptor {
public:
    Descriptor(const std::string& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {
        if (fd_ < 0) fail("open", path);
    }
    ~Descriptor() { ::close(fd_); }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int get() const noexcept { return fd_; }

private:
    int fd_;
};

}  // namespace

TimeBase::TimeBase(const std::string& persistence_root) : path_(persistence_root + "sync/local/persisted-data") {}

InstanceId TimeBase::last_issued() {
    std::error_code unused;
    if (!std::filesystem::exists(path_, unused)) return 0;
    std::ifstream file(path_, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    std::uint64_t seconds = 0;
    for (std::size_t i = kFileBytes - 8; i < text.size() && i < kFileBytes; ++i)
        seconds = seconds << 8 | static_cast<std::uint8_t>(text[i]);
    const Octets expected = encode(static_cast<std::int64_t>(seconds));
    constexpr auto kLargest = static_cast<std::uint64_t>(INT64_MAX / kNanosecondsPerSecond - 1);
    if (text.size() != kFileBytes || std::memcmp(text.data(), expected.data(), kFileBytes) != 0 || seconds > kLargest) {
        throw Error(ErrorKind::Corrupt, path_ + " is not a time base; if the clock is right, remove the file and start again");
    }
    stored_seconds_ = static_cast<std::int64_t>(seconds);
    return (stored_seconds_ + 1) * kNanosecondsPerSecond;
}

void TimeBase::cover(InstanceId issued) {
    const std::int64_t seconds = issued / kNanosecondsPerSecond;
    if (seconds <= stored_seconds_) return;
    write(seconds);
    stored_seconds_ = seconds;
}

// A new file is renamed over the old one, so that a crash leaves one of the two.
void TimeBase::write(std::int64_t seconds) const {
    const std::filesystem::path folder = std::filesystem::path(path_).parent_path();
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) throw Error(ErrorKind::Io, "cannot create " + folder.string() + ": " + error.message());
    const std::string next = path_ + ".new";
    const Octets octets = encode(seconds);
    {
        const Descriptor file(next, O_WRONLY | O_CREAT | O_TRUNC);
        if (::write(file.get(), octets.data(), octets.size()) != static_cast<ssize_t>(octets.size())) fail("write", next);
        if (::fsync(file.get()) != 0) fail("write", next);
    }
    if (::rename(next.c_str(), path_.c_str()) != 0) fail("replace", path_);
    const Descriptor directory(folder.string(), O_RDONLY | O_DIRECTORY);
    if (::fsync(directory.get()) != 0) fail("write", folder.string());
}

}  // namespace edgesync::memory
