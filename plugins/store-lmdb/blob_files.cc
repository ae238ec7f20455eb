#include "blob_files.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <span>
#include <utility>

#include "blob_name.h"
#include "data_file.h"
#include "durable_folder.h"
#include "edgesync/sdk/error.h"

namespace edgesync::lmdb {

using durable::DataFile;
using durable::fail;
using durable::FileReader;

namespace {

/// Fills `out` with random octets. They are got many at a time, because the system call takes longer than all else that an id needs.
void take_chance(std::span<std::uint8_t> out) {
    thread_local std::array<std::uint8_t, 256> stock;
    thread_local std::size_t used = stock.size();
    if (stock.size() - used < out.size()) {
        if (::getrandom(stock.data(), stock.size(), 0) != static_cast<ssize_t>(stock.size())) fail("Cannot get random numbers", errno);
        used = 0;
    }
    std::copy_n(stock.begin() + static_cast<std::ptrdiff_t>(used), out.size(), out.begin());
    used += out.size();
}

class FileWriter : public BlobWriter {
public:
    FileWriter(int fd, std::filesystem::path folder, bool is_named_durably)
        : file_(fd), folder_(std::move(folder)), is_named_(is_named_durably) {}
    void write(std::int64_t offset, std::span<const std::byte> octets) override { file_.write(offset, octets); }
    void sync() override {
        if (::fdatasync(file_.fd()) != 0) fail("Cannot sync a data file", errno);
        if (is_named_) return;
        durable::sync_folder(folder_);
        is_named_ = true;
    }
    std::size_t read(std::int64_t offset, std::span<std::byte> out) override { return file_.read(offset, out); }

private:
    DataFile file_;
    const std::filesystem::path folder_;
    std::atomic<bool> is_named_;  ///< The folder's entry survives power loss.
};

}  // namespace

std::size_t MemoryReader::read(std::int64_t offset, std::span<std::byte> out) {
    if (offset < 0 || offset >= size()) return 0;
    const std::size_t count = std::min(out.size(), octets_.size() - static_cast<std::size_t>(offset));
    std::memcpy(out.data(), octets_.data() + offset, count);
    return count;
}

std::filesystem::path BlobFiles::file_of(const BlobId& id) const { return folder_ / durable::path_of(id); }

void BlobFiles::open(std::function<bool(const BlobId&)> has_record) {
    durable::make_folder(folder_);
    ::chmod(folder_.c_str(), 0750);
    has_record_ = std::move(has_record);
    is_sweeping_ = true;
    cleaner_ = std::thread([this] { clean(); });
}

void BlobFiles::close() noexcept {
    {
        const std::lock_guard lock(mutex_);
        is_closing_ = true;
    }
    wake_.notify_all();
    if (cleaner_.joinable()) cleaner_.join();
}

BlobId BlobFiles::new_id() {
    BlobId id;
    // The time first, so that new blobs go to the end of their tables and a commit touches few pages; then chance, so that no id repeats.
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    auto time = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
    for (std::size_t i = 8; i > 0; --i, time >>= 8U) id.bytes[i - 1] = static_cast<std::uint8_t>(time);
    take_chance(std::span(id.bytes).subspan(8));
    return id;
}

std::unique_ptr<BlobWriter> BlobFiles::create(const BlobId& id) {
    {
        const std::lock_guard lock(mutex_);
        if (is_sweeping_) fresh_.insert(id);
    }
    const auto file = file_of(id);
    if (auto& is_durable = durable_folders_[id.bytes.back()]; !is_durable) {
        // Also if it exists: an earlier run, or another thread, may not have got as far as the sync.
        if (::mkdir(file.parent_path().c_str(), 0750) != 0 && errno != EEXIST) fail("Cannot create " + file.parent_path().string(), errno);
        durable::sync_folder(folder_);
        is_durable = true;
    }
    const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) fail("Cannot create " + file.string(), errno);
    return std::make_unique<FileWriter>(fd, file.parent_path(), false);
}

std::unique_ptr<BlobWriter> BlobFiles::reopen(const BlobId& id) {
    {
        // What an earlier run left may be about to be removed as an orphan.
        std::unique_lock lock(mutex_);
        swept_.wait(lock, [&] { return !is_sweeping_ || fresh_.contains(id); });
    }
    const auto file = file_of(id);
    const int fd = ::open(file.c_str(), O_RDWR | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) return nullptr;
    if (fd < 0) fail("Cannot open " + file.string(), errno);
    return std::make_unique<FileWriter>(fd, file.parent_path(), false);
}

void BlobFiles::discard(const BlobId& id) noexcept {
    // Should it fail, the sweep after the next start finds the file.
    ::unlink(file_of(id).c_str());
}

std::unique_ptr<BlobReader> BlobFiles::open_file(const BlobId& id) const {
    const auto file = file_of(id);
    const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) return nullptr;
    if (fd < 0) fail("Cannot open " + file.string(), errno);
    struct stat status {};
    if (::fstat(fd, &status) != 0) {
        const int code = errno;
        ::close(fd);
        fail("Cannot read " + file.string(), code);
    }
    return std::make_unique<FileReader>(fd, status.st_size);
}

void BlobFiles::remove_later(std::vector<BlobId> ids) {
    {
        const std::lock_guard lock(mutex_);
        doomed_.insert(doomed_.end(), ids.begin(), ids.end());
    }
    wake_.notify_all();
}

void BlobFiles::remove_all() {
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(folder_, ignored)) std::filesystem::remove_all(entry.path(), ignored);
}

void BlobFiles::clean() {
    sweep_orphans();
    std::unique_lock lock(mutex_);
    is_sweeping_ = false;
    fresh_.clear();
    swept_.notify_all();
    for (;;) {
        wake_.wait(lock, [this] { return is_closing_ || !doomed_.empty(); });
        if (doomed_.empty()) return;
        const auto erased = std::exchange(doomed_, {});
        lock.unlock();
        snapshots_.wait_for_older();
        for (const BlobId& id : erased) ::unlink(file_of(id).c_str());
        lock.lock();
    }
}

bool BlobFiles::is_orphan(const BlobId& id) {
    {
        const std::lock_guard lock(mutex_);
        if (fresh_.contains(id)) return false;  // A file of this run, whose record may still come.
    }
    return !has_record_(id);
}

void BlobFiles::sweep_orphans() {
    std::error_code failure;
    for (auto at = std::filesystem::recursive_directory_iterator(folder_, failure);
         !failure && at != std::filesystem::recursive_directory_iterator(); at.increment(failure)) {
        {
            const std::lock_guard lock(mutex_);
            if (is_closing_) return;
        }
        std::error_code gone;
        if (!at->is_regular_file(gone) || gone) continue;
        const auto id = durable::blob_named(at->path().filename().string());
        if (!id) continue;
        try {
            if (!is_orphan(*id)) continue;
            // Its record may have been erased since the start.
            snapshots_.wait_for_older();
            std::filesystem::remove(at->path(), gone);
        } catch (const std::exception&) {
            return;  // The store cannot be read now; the next start sweeps.
        }
    }
}

}  // namespace edgesync::lmdb
