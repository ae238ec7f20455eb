// The file of the write-ahead log. A commit appends one record in one sequential, synced write; the database's own pages are synced
// later, at a checkpoint (journal.h).
//
// Layout: two header slots of 4 KiB, written in turn so that one is always whole; then two segments of equal size, filled in turn: while
// the checkpoint that makes one of them superfluous is under way, records go to the other. All blocks are written once at creation, so
// that an append changes no metadata of the file system and can find no full disk. Records begin at multiples of 4 KiB: no later write
// touches a sector with an acknowledged record. A record counts if its checksum is right and its number follows the last one's.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace edgesync::lmdb {

/// A state of the database that is durable in its own file, and where the changes after it begin.
struct Checkpoint {
    static constexpr std::size_t kMetaSize = 512;  ///< LMDB's meta structure and its page header have less than 160 octets.

    std::uint64_t transaction = 0;  ///< LMDB's number of the last transaction in it.
    std::uint32_t page_size = 0;
    std::uint32_t segment = 0;
    std::uint64_t first_record = 1;
    bool is_clean = false;  ///< The store was closed after it: there are no records, and the database file is complete by itself.
    std::array<std::array<char, kMetaSize>, 2> meta_pages{};
};

/// Not thread-safe, except that `write_checkpoint` may run beside the other calls.
class CommitLog {
public:
    explicit CommitLog(std::filesystem::path file) : file_(std::move(file)) {}
    ~CommitLog() { close(); }
    CommitLog(const CommitLog&) = delete;
    CommitLog& operator=(const CommitLog&) = delete;

    const std::filesystem::path& file() const { return file_; }
    bool exists() const;
    /// Writes a file whose header is `first`. `segment_size`: octets, a multiple of 4096. @throws Error{NoSpace, Io}
    void create(std::size_t segment_size, const Checkpoint& first);
    /// @throws Error{Corrupt, Io}
    void open();
    void close() noexcept;
    /// The last that was written or found.
    const Checkpoint& checkpoint() const { return checkpoint_; }
    std::size_t segment_size() const { return segment_size_; }

    /// Calls with each record after the checkpoint, in order; records are then appended behind the last. @throws what `take` throws
    void replay(const std::function<void(std::string_view)>& take);

    bool has_room(std::size_t size) const;
    bool fits_a_segment(std::size_t size) const;
    /// Durable on return. @throws Error{Io}: not appended
    void append(std::string_view octets);
    /// A failed append could not be undone: the next start may find its record.
    bool is_uncertain() const { return is_uncertain_; }
    /// Takes the last append back, durably. @throws Error{Io}
    void revoke();
    /// Lets the next record begin the other segment; fills in `first_record` and `segment`.
    void turn_to_other_segment(Checkpoint& next);
    /// Durable on return. @throws Error{Io}
    void write_checkpoint(const Checkpoint& checkpoint);

private:
    struct Position {
        std::uint32_t segment = 0;
        std::size_t offset = 0;  ///< In the segment.
        std::uint64_t record = 1;
    };
    /// Blocks in memory from which the file can be written past the page cache.
    class Blocks {
    public:
        ~Blocks();
        Blocks() = default;
        Blocks(const Blocks&) = delete;
        Blocks& operator=(const Blocks&) = delete;
        /// `size` octets, a multiple of a block, of any content.
        char* get(std::size_t size);
        void shrink();

    private:
        char* octets_ = nullptr;
        std::size_t size_ = 0;
    };

    std::uint64_t offset_of(const Position& position) const;
    bool read_record(const Position& position, std::string& octets) const;
    void read_header();

    const std::filesystem::path file_;
    int fd_ = -1;  ///< Writes past the page cache where the file system can.
    int reading_fd_ = -1;
    std::size_t segment_size_ = 0;
    std::uint64_t seed_ = 0;
    std::uint64_t generation_ = 0;
    Checkpoint checkpoint_;
    Position next_;
    std::size_t last_size_ = 0;  ///< Octets in the file of the last append.
    bool is_uncertain_ = false;
    Blocks blocks_;
    Blocks header_blocks_;
};

}  // namespace edgesync::lmdb
