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

    /// Creates or opens. @throws Error{Corrupt}, Error{AlreadyExists}, Error{Io}
    void open();
    void close() noexcept;

    MDB_dbi dbi(Table table) const { return tables_[static_cast<std::size_t>(table)]; }

    /// Runs `f` on a snapshot. Not to be nested.
    void read(const std::function<void(MDB_txn*)>& f);
    MDB_txn* begin_write();
    /// Doubles the map up to the limit; waits for running readers, which are short. No write transaction may be open.
    /// @throws Error{NoSpace} at the limit.
    void grow();
    /// Grows ahead of need when nine tenths are used. No write transaction may be open.
    void grow_if_nearly_full();
    /// Empties all tables in one transaction.
    void clear();

private:
    void lock_folder();
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
