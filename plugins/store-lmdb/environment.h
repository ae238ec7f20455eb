// One LMDB environment: its tables, its read transactions, its growth. The only place that knows LMDB's result codes.
#pragma once

#include <lmdb.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

namespace edgesync::lmdb {

enum class Table : std::size_t {
    Object,
    Delivery,
    DeliveryCount,
    NodeObject,
    Updated,
    Addressed,
    Expiring,
    Activating,
    Consumed,
    Notification,
    Pending,
    Due,
    Transfer,
    PeerNotification,
    Destination,
    Ping,
    Blob,
    SmallData,
    Staged,
    Work,
    WorkTime,
    Entry,
    Meta,
    Count_,
};

enum class SyncMode { Full, Meta, None };

struct EnvironmentOptions {
    std::filesystem::path folder;
    std::size_t map_size = 0;     ///< Bytes at the start.
    std::size_t largest_map = 0;  ///< Bytes.
    SyncMode sync = SyncMode::Full;
};

/// The map is full; the transaction must be abandoned and run again after `grow`.
struct MapFull {};

/// @throws Error for everything but success and MDB_NOTFOUND (false); MapFull.
bool check(int result, const char* what);

class Environment {
public:
    explicit Environment(EnvironmentOptions options) : options_(std::move(options)) {}
    ~Environment() { close(); }
    Environment(const Environment&) = delete;
    Environment& operator=(const Environment&) = delete;

    /// Creates the folder if it is missing, and claims it for this process until `close`. @throws Error{AlreadyExists}, Error{Io}
    void claim();
    /// Creates or opens, after `claim`. @throws Error{Corrupt}, Error{Io}
    void open();
    void close() noexcept;

    MDB_env* handle() const { return env_; }
    const std::filesystem::path& folder() const { return options_.folder; }
    std::filesystem::path file() const { return options_.folder / "data.mdb"; }
    std::uint32_t page_size() const;
    /// LMDB's number of the last commit.
    std::uint64_t last_transaction() const;
    /// The same, read from the file of an environment that is not open. @throws Error{Corrupt}
    std::uint64_t last_transaction_in_file() const;

    MDB_dbi dbi(Table table) const { return tables_[static_cast<std::size_t>(table)]; }

    /// Runs `f` on a snapshot. Not to be nested.
    void read(const std::function<void(MDB_txn*)>& f);
    MDB_txn* begin_write();
    /// Doubles the map up to the limit; waits for running readers, which are short. No write transaction may be open.
    /// @throws Error{NoSpace} at the limit.
    void grow();
    void grow_beyond_limit();
    bool may_grow() const { return map_size() < options_.largest_map; }
    /// A few pages above the limit, until `return_pages`. As `grow`.
    void lend_pages();
    void return_pages();
    /// @throws Error{NoSpace} if the map has its largest size already.
    void check_growth() const;
    /// Neither the map nor the disk ends within as many octets.
    bool has_room(std::size_t octets) const;
    /// Nine tenths of the map are used, and it may grow.
    bool is_nearly_full() const;
    /// Empties all tables.
    void clear(MDB_txn* txn) const;

private:
    std::size_t map_size() const;
    void resize(std::size_t size);
    void open_environment();
    void open_tables();
    MDB_txn* take_reader();
    void give_back(MDB_txn* txn) noexcept;

    const EnvironmentOptions options_;
    MDB_env* env_ = nullptr;
    int lock_ = -1;
    std::array<MDB_dbi, static_cast<std::size_t>(Table::Count_)> tables_{};
    std::shared_mutex map_mutex_;  ///< Shared: a transaction runs. Exclusive: the map moves.
    std::mutex readers_mutex_;
    std::vector<MDB_txn*> readers_;  ///< Reset, ready to be renewed.
};

}  // namespace edgesync::lmdb
