#include "data_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "durable_folder.h"
#include "edgesync/sdk/error.h"

namespace edgesync::durable {
namespace {

/// Smaller pieces come from slow peers; the page cache gathers them for the disk.
constexpr std::size_t kSmallestPiece = 128 * 1024;

bool is_aligned(std::uint64_t number) { return number % DataFile::kAlignment == 0; }

}  // namespace

DataFile::~DataFile() {
    ::close(fd_);
    if (const int direct = direct_fd_.load(); direct >= 0) ::close(direct);
}

std::size_t DataFile::read(std::int64_t offset, std::span<std::byte> out) const {
    std::size_t done = 0;
    while (done < out.size()) {
        const ssize_t count = ::pread(fd_, out.data() + done, out.size() - done, offset + static_cast<std::int64_t>(done));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) fail("Cannot read a data file", errno);
        if (count == 0) break;
        done += static_cast<std::size_t>(count);
    }
    return done;
}

void DataFile::write(std::int64_t offset, std::span<const std::byte> octets) {
    std::size_t done = write_past_cache(offset, octets);
    while (done < octets.size()) {
        const ssize_t count = ::pwrite(fd_, octets.data() + done, octets.size() - done, offset + static_cast<std::int64_t>(done));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) fail("Cannot write a data file", errno);
        done += static_cast<std::size_t>(count);
    }
}

/// Returns how much was written; the rest, also after an error, is for the page cache.
std::size_t DataFile::write_past_cache(std::int64_t offset, std::span<const std::byte> octets) {
    const std::size_t size = octets.size() / kAlignment * kAlignment;
    const bool is_worth_it = offset >= kCached && size >= kSmallestPiece;
    if (!is_worth_it || !is_aligned(static_cast<std::uint64_t>(offset)) || !is_aligned(reinterpret_cast<std::uintptr_t>(octets.data())))
        return 0;
    const int fd = direct_fd();
    if (fd < 0) return 0;
    const ssize_t count = ::pwrite(fd, octets.data(), size, offset);
    return count > 0 ? static_cast<std::size_t>(count) : 0;
}

int DataFile::direct_fd() {
    int known = direct_fd_.load();
    if (known != kNotOpened) return known;
    // Not every file system can; then the page cache does it all.
    const int fd = ::open(("/proc/self/fd/" + std::to_string(fd_)).c_str(), O_WRONLY | O_DIRECT | O_CLOEXEC);
    if (direct_fd_.compare_exchange_strong(known, fd >= 0 ? fd : kImpossible)) return fd;
    if (fd >= 0) ::close(fd);
    return known;
}

}  // namespace edgesync::durable
