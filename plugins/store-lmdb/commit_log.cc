#include "commit_log.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>

#include "durable_folder.h"
#include "edgesync/sdk/error.h"

namespace edgesync::lmdb {

using durable::fail;
using durable::sync_folder;

namespace {

constexpr std::size_t kBlock = 4096;
constexpr std::size_t kSegments = 2 * kBlock;  ///< Where the first segment begins.
constexpr std::size_t kLargestSegment = std::size_t{1} << 31U;
constexpr std::size_t kKeptBuffer = 256 * 1024;
constexpr char kMagic[8] = {'E', 'S', 'Y', 'N', 'C', 'L', 'O', 'G'};
constexpr std::uint32_t kFormat = 1;

struct Header {
    char magic[8];
    std::uint32_t format;
    std::uint32_t is_clean;
    std::uint64_t generation;
    std::uint64_t segment_size;
    std::uint64_t seed;
    std::uint64_t transaction;
    std::uint64_t first_record;
    std::uint32_t segment;
    std::uint32_t page_size;
    std::array<std::array<char, Checkpoint::kMetaSize>, 2> meta_pages;
    std::uint64_t checksum;  ///< Of everything before it.
};
static_assert(sizeof(Header) <= kBlock);

struct RecordHead {
    std::uint64_t checksum;  ///< Of the rest of the head and of the octets; seeded, so that no other file's records count.
    std::uint64_t record;
    std::uint64_t size;
};

std::size_t in_blocks(std::size_t size) { return (size + kBlock - 1) / kBlock * kBlock; }
std::size_t record_size(std::size_t octets) { return in_blocks(sizeof(RecordHead) + octets); }

std::uint64_t checksum_of(const char* record, std::size_t octets, std::uint64_t seed) {
    const std::size_t skipped = sizeof(RecordHead::checksum);
    return XXH3_64bits_withSeed(record + skipped, sizeof(RecordHead) - skipped + octets, seed);
}

std::uint64_t checksum_of(const Header& header) { return XXH3_64bits(&header, offsetof(Header, checksum)); }

void write_all(int fd, const char* octets, std::size_t size, std::uint64_t offset) {
    while (size > 0) {
        const ssize_t written = ::pwrite(fd, octets, size, static_cast<off_t>(offset));
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) fail("Cannot write the store's log", errno);
        octets += written;
        size -= static_cast<std::size_t>(written);
        offset += static_cast<std::uint64_t>(written);
    }
}

bool read_all(int fd, char* octets, std::size_t size, std::uint64_t offset) {
    while (size > 0) {
        const ssize_t got = ::pread(fd, octets, size, static_cast<off_t>(offset));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) fail("Cannot read the store's log", errno);
        if (got == 0) return false;
        octets += got;
        size -= static_cast<std::size_t>(got);
        offset += static_cast<std::uint64_t>(got);
    }
    return true;
}

void fill_with_zeros(int fd, std::size_t size) {
    const std::string zeros(std::size_t{1} << 20U, '\0');
    for (std::size_t at = 0; at < size; at += zeros.size()) write_all(fd, zeros.data(), std::min(zeros.size(), size - at), at);
}

}  // namespace

CommitLog::Blocks::~Blocks() { std::free(octets_); }

char* CommitLog::Blocks::get(std::size_t size) {
    if (size > size_) {
        std::free(octets_);
        size_ = 0;
        octets_ = static_cast<char*>(std::aligned_alloc(kBlock, size));
        if (octets_ == nullptr) throw std::bad_alloc();
        size_ = size;
    }
    return octets_;
}

void CommitLog::Blocks::shrink() {
    if (size_ <= kKeptBuffer) return;
    std::free(octets_);
    octets_ = nullptr;
    size_ = 0;
}

bool CommitLog::exists() const { return std::filesystem::exists(file_); }

void CommitLog::create(std::size_t segment_size, const Checkpoint& first) {
    const std::filesystem::path unfinished = file_.string() + ".new";
    segment_size_ = in_blocks(segment_size);
    generation_ = 0;
    if (::getrandom(&seed_, sizeof seed_, 0) != sizeof seed_) fail("Cannot get random numbers", errno);
    fd_ = ::open(unfinished.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd_ < 0) fail("Cannot create " + unfinished.string(), errno);
    try {
        fill_with_zeros(fd_, kSegments + 2 * segment_size_);
        write_checkpoint(first);
        if (::fsync(fd_) != 0) fail("Cannot sync " + unfinished.string(), errno);
    } catch (const Error& error) {
        ::unlink(unfinished.c_str());
        const std::string size = std::to_string((2 * segment_size_) >> 20U);
        throw Error(error.kind(), std::string(error.what()) + "; it has " + size + " MiB (LmdbLogSizeMB), written at the first start");
    }
    if (::rename(unfinished.c_str(), file_.c_str()) != 0) fail("Cannot name " + file_.string(), errno);
    sync_folder(file_.parent_path());
    close();
    open();
}

void CommitLog::open() {
    reading_fd_ = ::open(file_.c_str(), O_RDONLY | O_CLOEXEC);
    // The page cache would only copy what is never read; it takes a third of the time of an append. Not every file system can without.
    fd_ = ::open(file_.c_str(), O_WRONLY | O_DSYNC | O_DIRECT | O_CLOEXEC);
    if (fd_ < 0 && errno == EINVAL) fd_ = ::open(file_.c_str(), O_WRONLY | O_DSYNC | O_CLOEXEC);
    if (fd_ < 0 || reading_fd_ < 0) fail("Cannot open " + file_.string(), errno);
    read_header();
    next_ = {checkpoint_.segment, 0, checkpoint_.first_record};
}

void CommitLog::close() noexcept {
    for (int* fd : {&fd_, &reading_fd_}) {
        if (*fd >= 0) ::close(*fd);
        *fd = -1;
    }
}

void CommitLog::read_header() {
    bool is_found = false;
    for (std::size_t slot = 0; slot < 2; ++slot) {
        Header header{};
        if (!read_all(reading_fd_, reinterpret_cast<char*>(&header), sizeof header, slot * kBlock)) break;
        if (std::memcmp(header.magic, kMagic, sizeof kMagic) != 0 || header.checksum != checksum_of(header)) continue;
        if (header.format != kFormat) throw Error(ErrorKind::Corrupt, file_.string() + " was written by an incompatible version");
        if (is_found && header.generation < generation_) continue;
        is_found = true;
        generation_ = header.generation;
        segment_size_ = header.segment_size;
        seed_ = header.seed;
        checkpoint_ = {header.transaction,  header.page_size,     header.segment & 1U,
                       header.first_record, header.is_clean != 0, header.meta_pages};
    }
    struct stat info {};
    const bool has_size = ::fstat(reading_fd_, &info) == 0 && segment_size_ <= kLargestSegment &&
                          static_cast<std::uint64_t>(info.st_size) >= kSegments + 2 * segment_size_;
    if (!is_found || !has_size) throw Error(ErrorKind::Corrupt, file_.string() + " is damaged, or it is not a log of this service");
}

std::uint64_t CommitLog::offset_of(const Position& position) const {
    return kSegments + position.segment * segment_size_ + position.offset;
}

bool CommitLog::read_record(const Position& position, std::string& octets) const {
    RecordHead head{};
    if (position.offset + kBlock > segment_size_) return false;
    if (!read_all(reading_fd_, reinterpret_cast<char*>(&head), sizeof head, offset_of(position))) return false;
    if (head.record != position.record || head.size > segment_size_ || position.offset + record_size(head.size) > segment_size_)
        return false;
    std::string record(sizeof head + head.size, '\0');
    if (!read_all(reading_fd_, record.data(), record.size(), offset_of(position))) return false;
    if (checksum_of(record.data(), head.size, seed_) != head.checksum) return false;
    octets = record.substr(sizeof head);
    return true;
}

void CommitLog::replay(const std::function<void(std::string_view)>& take) {
    next_ = {checkpoint_.segment, 0, checkpoint_.first_record};
    bool may_turn = true;  // The log is never further than one segment ahead of the checkpoint.
    std::string octets;
    for (;;) {
        if (!read_record(next_, octets)) {
            const Position other{1U - next_.segment, 0, next_.record};
            if (!may_turn || next_.offset == 0 || !read_record(other, octets)) return;
            may_turn = false;
            next_ = other;
        }
        take(octets);
        next_.offset += record_size(octets.size());
        ++next_.record;
    }
}

bool CommitLog::has_room(std::size_t size) const { return next_.offset + record_size(size) <= segment_size_; }
bool CommitLog::fits_a_segment(std::size_t size) const { return record_size(size) <= segment_size_; }

void CommitLog::append(std::string_view octets) {
    RecordHead head{0, next_.record, octets.size()};
    last_size_ = record_size(octets.size());
    char* record = blocks_.get(last_size_);
    std::memcpy(record, &head, sizeof head);
    std::memcpy(record + sizeof head, octets.data(), octets.size());
    std::memset(record + sizeof head + octets.size(), 0, last_size_ - sizeof head - octets.size());
    head.checksum = checksum_of(record, octets.size(), seed_);
    std::memcpy(record, &head.checksum, sizeof head.checksum);
    try {
        write_all(fd_, record, last_size_, offset_of(next_));
    } catch (...) {
        // The record may be there all the same; nobody may find it after a crash.
        is_uncertain_ = true;
        std::memset(record, 0, kBlock);
        write_all(fd_, record, kBlock, offset_of(next_));
        is_uncertain_ = false;
        throw;
    }
    next_.offset += last_size_;
    ++next_.record;
    blocks_.shrink();
}

void CommitLog::revoke() {
    Position last = next_;
    last.offset -= last_size_;
    --last.record;
    char* zeros = blocks_.get(kBlock);
    std::memset(zeros, 0, kBlock);
    write_all(fd_, zeros, kBlock, offset_of(last));
    next_ = last;
}

void CommitLog::turn_to_other_segment(Checkpoint& next) {
    next_ = {1U - next_.segment, 0, next_.record};
    next.segment = next_.segment;
    next.first_record = next_.record;
}

void CommitLog::write_checkpoint(const Checkpoint& checkpoint) {
    Header header{};
    std::memcpy(header.magic, kMagic, sizeof kMagic);
    header.format = kFormat;
    header.is_clean = checkpoint.is_clean ? 1 : 0;
    header.generation = ++generation_;
    header.segment_size = segment_size_;
    header.seed = seed_;
    header.transaction = checkpoint.transaction;
    header.first_record = checkpoint.first_record;
    header.segment = checkpoint.segment;
    header.page_size = checkpoint.page_size;
    header.meta_pages = checkpoint.meta_pages;
    header.checksum = checksum_of(header);
    char* block = header_blocks_.get(kBlock);
    std::memset(block, 0, kBlock);
    std::memcpy(block, &header, sizeof header);
    write_all(fd_, block, kBlock, (generation_ & 1U) * kBlock);
    checkpoint_ = checkpoint;
}

}  // namespace edgesync::lmdb
