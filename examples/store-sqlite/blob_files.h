// The octets of large data: a file for each blob, named by its id.
#pragma once

#include <Poco/DigestEngine.h>
#include <Poco/RandomStream.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <limits>
#include <mutex>
#include <optional>

#include "edgesync/sdk/store.h"

namespace store_sqlite {

using namespace edgesync;

[[noreturn]] inline void fail(const std::string& what, int code) {
    throw Error(code == ENOSPC || code == EDQUOT ? ErrorKind::NoSpace : ErrorKind::Io, what + ": " + std::strerror(code));
}

/// For the last step with a descriptor, which has just failed.
[[noreturn]] inline void close_and_fail(int fd, const std::string& what) {
    const int code = errno;
    ::close(fd);
    fail(what, code);
}

inline void make_folder(const std::filesystem::path& folder) {
    std::error_code problem;
    std::filesystem::create_directories(folder, problem);
    if (problem) fail("Cannot make the folder " + folder.string(), problem.value());
}

/// Makes the names in the folder survive power loss.
inline void sync_folder(const std::filesystem::path& folder) {
    const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || ::fsync(fd) != 0) close_and_fail(fd, "Cannot sync " + folder.string());
    ::close(fd);
}

inline std::string name_of(const BlobId& id) { return Poco::DigestEngine::digestToHex({id.bytes.begin(), id.bytes.end()}); }
/// nullopt: no blob has this name.
inline std::optional<BlobId> id_named(const std::string& name) {
    BlobId id;
    if (name.size() != 2 * id.bytes.size() || name.find_first_not_of("0123456789abcdef") != std::string::npos) return std::nullopt;
    const auto octets = Poco::DigestEngine::digestFromHex(name);
    std::copy(octets.begin(), octets.end(), id.bytes.begin());
    return id;
}

/// Whoever has it open can read on when its name is gone.
class BlobFile : public BlobReader, public BlobWriter {
public:
    BlobFile(int fd, std::int64_t size, std::filesystem::path folder) : fd_(fd), size_(size), folder_(std::move(folder)) {}
    ~BlobFile() override { ::close(fd_); }
    std::int64_t size() const override { return size_; }
    int file_descriptor() const override { return fd_; }
    std::size_t read(std::int64_t offset, std::span<std::byte> out) override {
        const auto most = static_cast<std::uint64_t>(std::max<std::int64_t>(size_ - offset, 0));
        const ssize_t count = ::pread(fd_, out.data(), std::min<std::uint64_t>(out.size(), most), offset);
        if (count < 0) fail("Cannot read a data file", errno);
        return static_cast<std::size_t>(count);
    }
    void write(std::int64_t offset, std::span<const std::byte> octets) override {
        while (!octets.empty()) {
            const ssize_t count = ::pwrite(fd_, octets.data(), octets.size(), offset);
            if (count < 0) fail("Cannot write a data file", errno);
            octets = octets.subspan(static_cast<std::size_t>(count));
            offset += count;
        }
    }
    void sync() override {
        if (::fdatasync(fd_) != 0) fail("Cannot sync a data file", errno);
        if (!is_named_) sync_folder(folder_);
        is_named_ = true;
    }

private:
    const int fd_;
    const std::int64_t size_;
    const std::filesystem::path folder_;
    std::atomic<bool> is_named_{false};
};

/// Thread-safe.
class BlobFiles : public BlobStore {
public:
    /// Removes the files without a record. Before the other calls.
    void open(const std::filesystem::path& folder, const std::function<bool(const BlobId& id)>& has_record) {
        folder_ = folder;
        make_folder(folder);
        sync_folder(folder.parent_path());
        for (const auto& file : std::filesystem::directory_iterator(folder)) {
            const auto id = id_named(file.path().filename().string());
            if (id && !has_record(*id)) discard(*id);
        }
    }

    BlobId new_id() override {
        BlobId id;
        Poco::RandomInputStream().read(reinterpret_cast<char*>(id.bytes.data()), static_cast<std::streamsize>(id.bytes.size()));
        return id;
    }
    std::unique_ptr<BlobWriter> create(const BlobId& id) override { return file(id, O_RDWR | O_CREAT | O_EXCL, kNoEnd); }
    std::unique_ptr<BlobWriter> reopen(const BlobId& id) override { return file(id, O_RDWR, kNoEnd); }
    void discard(const BlobId& id) noexcept override { ::unlink((folder_ / name_of(id)).c_str()); }
    /// `size` -1: what is there. Null: there is no such file.
    std::unique_ptr<BlobReader> open_reader(const BlobId& id, std::int64_t size) { return file(id, O_RDONLY, size); }

    /// Of blobs whose records a commit has erased. They go when there is no snapshot left that may see the records.
    void remove_later(const std::vector<BlobId>& ids) {
        ++snapshots_;
        {
            const std::lock_guard lock(mutex_);
            erased_.insert(erased_.end(), ids.begin(), ids.end());
        }
        end_snapshot();
    }
    void begin_snapshot() { ++snapshots_; }
    void end_snapshot() {
        if (--snapshots_ > 0) return;
        const std::lock_guard lock(mutex_);
        // Who began a snapshot since may still see records of what was erased since; who begins one now does not see any of them.
        if (snapshots_ > 0) return;
        for (const BlobId& id : erased_) discard(id);
        erased_.clear();
    }

private:
    static constexpr std::int64_t kNoEnd = std::numeric_limits<std::int64_t>::max();

    std::unique_ptr<BlobFile> file(const BlobId& id, int flags, std::int64_t size) {
        const auto path = folder_ / name_of(id);
        const int fd = ::open(path.c_str(), flags | O_CLOEXEC, 0600);
        if (fd < 0 && errno == ENOENT) return nullptr;
        struct stat status {};
        if (fd < 0 || ::fstat(fd, &status) != 0) close_and_fail(fd, "Cannot open " + path.string());
        return std::make_unique<BlobFile>(fd, size < 0 ? status.st_size : size, folder_);
    }

    std::filesystem::path folder_;
    std::atomic<int> snapshots_{0};
    std::mutex mutex_;
    std::vector<BlobId> erased_;
};

}  // namespace store_sqlite
