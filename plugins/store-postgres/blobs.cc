#include "blobs.h"

#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <set>

#include "blob_file.h"
#include "blob_name.h"
#include "chunks.h"
#include "edgesync/sdk/key.h"

namespace edgesync::postgres {
namespace {

constexpr int kMostBatches = 100;
/// A file without a record of octets is left alone for so long, in case a newer state of the database is restored after all.
constexpr std::chrono::hours kStrayAge{24};
constexpr std::size_t kMostStrays = 1000;

bool is_true(const pqxx::field& field) { return !field.is_null() && *field.c_str() == 't'; }

}  // namespace

void refuse_sealed() { throw Error(ErrorKind::Conflict, "The data is complete, or was replaced, and takes no more octets"); }

void OpenReaders::add(const BlobId& id) {
    const std::lock_guard lock(mutex_);
    ++counts_[id];
}

void OpenReaders::remove(const BlobId& id) {
    const std::lock_guard lock(mutex_);
    if (--counts_[id] == 0) counts_.erase(id);
}

std::vector<BlobId> OpenReaders::all() const {
    const std::lock_guard lock(mutex_);
    std::vector<BlobId> ids;
    for (const auto& [id, count] : counts_) ids.push_back(id);
    return ids;
}

std::size_t SmallReader::read(std::int64_t offset, std::span<std::byte> out) {
    if (offset < 0 || offset >= size()) return 0;
    const std::size_t count = std::min(out.size(), static_cast<std::size_t>(size() - offset));
    if (count > 0) std::memcpy(out.data(), octets_.data() + offset, count);
    return count;
}

std::int64_t extent_in(const Rows& rows) {
    return rows.empty() ? 0 : rows[0][0].as<std::int64_t>() * kChunk + rows[0][1].as<std::int64_t>();
}

BlobId Blobs::new_id() {
    BlobId id;
    // The time first, so that new rows go to the end of their indexes; then chance, so that no id repeats.
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    auto time = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
    for (std::size_t i = 8; i > 0; --i, time >>= 8U) id.bytes[i - 1] = static_cast<std::uint8_t>(time);
    if (::getrandom(id.bytes.data() + 8, 8, 0) != 8) throw Error(ErrorKind::Io, "The system has no random numbers");
    return id;
}

// The record of the octets comes first, so that a file without one is nobody's.
std::unique_ptr<BlobWriter> Blobs::create_sized(const BlobId& id, std::int64_t size) {
    const bool is_file = folder_ && (size < 0 || size > above_);
    pool_->take()->run(Call("new_octets").octets(blob_key(id)).number(owner_).flag(is_file).str());
    if (!is_file) return std::make_unique<ChunkWriter>(pool_, id, 0, false);
    try {
        return std::make_unique<BlobFileWriter>(folder_, id, folder_->create(id), false);
    } catch (...) {
        discard(id);
        throw;
    }
}

std::unique_ptr<BlobWriter> Blobs::reopen(const BlobId& id) {
    auto connection = pool_->take();
    const Rows rows = connection->run(Call("open_octets").octets(blob_key(id)).number(owner_).str());
    if (rows.empty()) return nullptr;
    const bool is_sealed = is_true(rows[0][0]);
    if (!is_true(rows[0][1])) {
        const std::int64_t extent = extent_in(connection->run(Call("extent").octets(blob_key(id)).str()));
        return std::make_unique<ChunkWriter>(pool_, id, extent, is_sealed);
    }
    const int fd = folder().open_to_write(id);
    if (fd < 0) return nullptr;
    return std::make_unique<BlobFileWriter>(folder_, id, fd, is_sealed);
}

// The statement waits for who is storing octets at the moment, as each holds the row while it does.
bool Blobs::seal(const BlobId& id) {
    const Rows rows = pool_->take()->run(Call("seal_octets").octets(blob_key(id)).number(owner_).str());
    if (rows.empty()) throw Error(ErrorKind::Conflict, "The data was replaced or removed");
    if (is_true(rows[0][1])) folder().seal(id);
    return is_true(rows[0][0]);
}

void Blobs::discard(const BlobId& id) noexcept {
    try {
        pool_->take()->run(Call("discard_octets").octets(blob_key(id)).str());
    } catch (const std::exception&) {
        // Then it is an orphan, which is swept after this run of the service.
    }
}

std::unique_ptr<BlobReader> Blobs::open(const BlobId& id, std::int64_t size) {
    return std::make_unique<ChunkReader>(pool_, readers_, id, size);
}

SharedFolder& Blobs::folder() const {
    if (!folder_)
        throw Error(ErrorKind::Io, "The data is in the folder of PostgresBlobPath, which is not set here as it is on other instances");
    return *folder_;
}

std::unique_ptr<BlobReader> Blobs::open_file(const BlobId& id, std::int64_t size) {
    const int fd = folder().open_to_read(id);
    struct ::stat status {};
    const bool is_there = fd >= 0 && ::fstat(fd, &status) == 0 && status.st_size >= size;
    if (is_there) return std::make_unique<BlobFileReader>(readers_, id, fd, size < 0 ? status.st_size : size);
    if (fd >= 0) ::close(fd);
    throw Error(ErrorKind::Io, "PostgresBlobPath " + folder().path().string() + " lacks the data's file " + durable::path_of(id).string() +
                                   ", or has only a part of it");
}

void Blobs::sweep(std::chrono::seconds grace) {
    ArrayText read;
    for (const BlobId& id : readers_->all()) read.octets(blob_key(id));
    const std::string call = Call("sweep").number(grace.count()).array(read).str();
    for (int i = 0; i < kMostBatches && !pool_->take()->run(call).empty(); ++i) {
    }
    if (!folder_) return;
    const std::string found = look_after_folder(grace, std::move(read));
    const std::lock_guard lock(mutex_);
    problem_ = found;
}

/// The problem, if there is one.
std::string Blobs::look_after_folder(std::chrono::seconds grace, ArrayText kept) {
    try {
        folder_->check();
    } catch (const Error& e) {
        return e.what();
    }
    const std::string problem = sweep_files(grace, std::move(kept));
    remove_strays();
    return problem;
}

/// Empty, or why the file stays. One that does, because somebody has changed its rights, say, keeps neither the others nor the start.
std::string Blobs::remove_file(const BlobId& id) const {
    try {
        folder_->remove(id);
        return {};
    } catch (const Error& e) {
        return e.what();
    }
}

std::string Blobs::problem() const {
    const std::lock_guard lock(mutex_);
    return problem_;
}

// Several instances may remove the same files. The record goes last, so that a stop in between only repeats it.
std::string Blobs::sweep_files(std::chrono::seconds grace, ArrayText kept) {
    std::string problem;
    for (int i = 0; i < kMostBatches; ++i) {
        ArrayText removed;
        const Rows rows = pool_->take()->run(Call("doomed_files").number(grace.count()).array(kept).str());
        for (const auto& row : rows) {
            const std::string key = octets_of(row[0]);
            const std::string failure = remove_file(blob_of(key));
            (failure.empty() ? removed : kept).octets(key);
            if (!failure.empty()) problem = failure;
        }
        if (rows.empty()) break;
        if (!removed.is_empty()) pool_->take()->run(Call("forget_files").array(removed).str());
    }
    return problem;
}

// A file is seen before its record is asked for, and has one from before it was made until after it was removed.
void Blobs::remove_strays() {
    const auto found = folder_->files_in(next_folder_++, kStrayAge, kMostStrays);
    if (found.empty()) return;
    ArrayText ids;
    for (const BlobId& id : found) ids.octets(blob_key(id));
    std::set<std::string> known;
    const Rows rows = pool_->take()->run(Call("known_octets").array(ids).str());
    for (const auto& row : rows) known.insert(octets_of(row[0]));
    for (const BlobId& id : found) {
        if (!known.contains(blob_key(id))) remove_file(id);
    }
}

void Blobs::remove_files() const {
    if (folder_) folder_->remove_all();
}

}  // namespace edgesync::postgres
