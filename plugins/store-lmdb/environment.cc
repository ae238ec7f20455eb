#include "environment.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "durable_folder.h"
#include "edgesync/sdk/error.h"

namespace edgesync::lmdb {

using durable::make_folder;

namespace {

constexpr std::uint64_t kSchema = 1;
constexpr std::size_t kLentPages = 64;
constexpr unsigned int kMaxReaders = 1024;

constexpr std::array<const char*, static_cast<std::size_t>(Table::Count_)> kNames = {
    "obj",         "obj_dest", "dest_count", "ix_node_obj", "ix_app",     "ix_addr",       "ix_expire", "ix_activate",
    "ix_consumed", "notif",    "ix_pending", "ix_due",      "ix_getdata", "ix_node_notif", "dest",      "ix_ping",
    "blob",        "chunk",    "ix_staged",  "work",        "ix_work",    "entry",         "meta"};

MDB_val value_of(std::string_view octets) { return {octets.size(), const_cast<char*>(octets.data())}; }

}  // namespace

bool check(int result, const char* what) {
    switch (result) {
        case MDB_SUCCESS: return true;
        case MDB_NOTFOUND: return false;
        case MDB_MAP_FULL: throw MapFull{};
        case ENOSPC:
        case EDQUOT:
        case EFBIG: throw Error(ErrorKind::NoSpace, std::string("The disk of the store is full (") + what + ")");
        case EIO:  // LMDB's word also for a write that the disk had room for only in part.
            throw Error(ErrorKind::Io, std::string("The store failed at ") + what + ": I/O error, or the disk is full");
        case MDB_CORRUPTED:
        case MDB_PAGE_NOTFOUND:
        case MDB_PANIC: throw Error(ErrorKind::Corrupt, std::string("The store is damaged: ") + mdb_strerror(result));
        case MDB_READERS_FULL: throw Error(ErrorKind::Busy, "Too many readers of the store at once");
        default: throw Error(ErrorKind::Io, std::string("The store failed at ") + what + ": " + mdb_strerror(result));
    }
}

void Environment::claim() {
    make_folder(options_.folder);
    ::chmod(options_.folder.c_str(), 0750);
    const std::string file = (options_.folder / "in-use.lock").string();
    lock_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock_ < 0) throw Error(ErrorKind::Io, "Cannot open " + file + ": " + std::strerror(errno));
    if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
        throw Error(ErrorKind::AlreadyExists, "The store in " + options_.folder.string() + " is in use by another process");
    }
}

void Environment::open_environment() {
    const std::string name = file().string();
    check(mdb_env_create(&env_), "creating the environment");
    mdb_env_set_maxdbs(env_, static_cast<MDB_dbi>(kNames.size()));
    mdb_env_set_maxreaders(env_, kMaxReaders);
    struct stat existing {};
    std::size_t size = options_.map_size;
    if (::stat(name.c_str(), &existing) == 0) size = std::max(size, static_cast<std::size_t>(existing.st_size));
    check(mdb_env_set_mapsize(env_, size), "setting the map size");
    unsigned int flags = MDB_NOTLS;
    if (options_.sync == SyncMode::Meta) flags |= MDB_NOMETASYNC;
    // With full synchronization the journal makes commits durable.
    if (options_.sync != SyncMode::Meta) flags |= MDB_NOSYNC;
    const int result = mdb_env_open(env_, options_.folder.c_str(), flags, 0600);
    if (result == MDB_INVALID || result == MDB_CORRUPTED)
        throw Error(ErrorKind::Corrupt, name + " is not a store of this service, or it is damaged");
    if (result == MDB_VERSION_MISMATCH) throw Error(ErrorKind::Corrupt, name + " was written by an incompatible version of LMDB");
    if (result != MDB_SUCCESS) throw Error(ErrorKind::Io, "Cannot open " + name + ": " + mdb_strerror(result));
    int dead = 0;
    mdb_reader_check(env_, &dead);
}

void Environment::open_tables() {
    MDB_txn* txn = nullptr;
    check(mdb_txn_begin(env_, nullptr, 0, &txn), "opening the tables");
    try {
        for (std::size_t i = 0; i < kNames.size(); ++i) check(mdb_dbi_open(txn, kNames[i], MDB_CREATE, &tables_[i]), "opening a table");
        MDB_val key = value_of("schema");
        MDB_val value{};
        if (check(mdb_get(txn, dbi(Table::Meta), &key, &value), "reading the schema")) {
            const std::string text(static_cast<const char*>(value.mv_data), value.mv_size);
            if (text != std::to_string(kSchema)) {
                throw Error(ErrorKind::Corrupt, "The store in " + options_.folder.string() + " has schema " + text.substr(0, 20) +
                                                    ", this program knows " + std::to_string(kSchema) +
                                                    "; it was written by a newer version");
            }
        } else {
            const std::string text = std::to_string(kSchema);
            value = value_of(text);
            check(mdb_put(txn, dbi(Table::Meta), &key, &value, 0), "writing the schema");
        }
    } catch (...) {
        mdb_txn_abort(txn);
        throw;
    }
    check(mdb_txn_commit(txn), "creating the tables");
}

std::uint32_t Environment::page_size() const {
    MDB_stat stat{};
    mdb_env_stat(env_, &stat);
    return stat.ms_psize;
}

std::uint64_t Environment::last_transaction() const {
    MDB_envinfo info{};
    mdb_env_info(env_, &info);
    return info.me_last_txnid;
}

std::uint64_t Environment::last_transaction_in_file() const {
    MDB_env* env = nullptr;
    check(mdb_env_create(&env), "creating the environment");
    MDB_envinfo info{};
    const int result = mdb_env_open(env, options_.folder.c_str(), MDB_RDONLY | MDB_NOTLS, 0600);
    if (result == MDB_SUCCESS) mdb_env_info(env, &info);
    mdb_env_close(env);
    if (result != MDB_SUCCESS) throw Error(ErrorKind::Corrupt, file().string() + " is missing or damaged: " + mdb_strerror(result));
    return info.me_last_txnid;
}

void Environment::open() {
    open_environment();
    try {
        open_tables();
    } catch (const MapFull&) {
        throw Error(ErrorKind::NoSpace, "LmdbMapSizeMB is too small for an empty store");
    }
}

void Environment::close() noexcept {
    for (MDB_txn* txn : readers_) mdb_txn_abort(txn);
    readers_.clear();
    if (env_ != nullptr) mdb_env_close(env_);
    env_ = nullptr;
    if (lock_ >= 0) ::close(lock_);
    lock_ = -1;
}

MDB_txn* Environment::take_reader() {
    {
        const std::lock_guard lock(readers_mutex_);
        if (!readers_.empty()) {
            MDB_txn* txn = readers_.back();
            readers_.pop_back();
            if (mdb_txn_renew(txn) == MDB_SUCCESS) return txn;
            mdb_txn_abort(txn);
        }
    }
    MDB_txn* txn = nullptr;
    check(mdb_txn_begin(env_, nullptr, MDB_RDONLY, &txn), "beginning to read");
    return txn;
}

void Environment::give_back(MDB_txn* txn) noexcept {
    mdb_txn_reset(txn);
    const std::lock_guard lock(readers_mutex_);
    readers_.push_back(txn);
}

void Environment::read(const std::function<void(MDB_txn*)>& f) {
    const std::shared_lock map(map_mutex_);
    MDB_txn* txn = take_reader();
    try {
        f(txn);
    } catch (...) {
        give_back(txn);
        throw;
    }
    give_back(txn);
}

MDB_txn* Environment::begin_write() {
    MDB_txn* txn = nullptr;
    check(mdb_txn_begin(env_, nullptr, 0, &txn), "beginning to write");
    return txn;
}

std::size_t Environment::map_size() const {
    MDB_envinfo info{};
    mdb_env_info(env_, &info);
    return info.me_mapsize;
}

void Environment::resize(std::size_t size) {
    const std::unique_lock map(map_mutex_);
    check(mdb_env_set_mapsize(env_, size), "growing the map");
}

void Environment::check_growth() const {
    if (map_size() < options_.largest_map) return;
    throw Error(ErrorKind::NoSpace, "The store is full: LmdbMaxMapSizeMB is " + std::to_string(options_.largest_map >> 20U));
}

void Environment::grow() {
    check_growth();
    resize(std::min(map_size() * 2, options_.largest_map));
}

void Environment::grow_beyond_limit() { resize(map_size() * 2); }

void Environment::lend_pages() { resize(map_size() + kLentPages * page_size()); }

/// LMDB keeps as many as are in use.
void Environment::return_pages() { resize(options_.largest_map); }

bool Environment::has_room(std::size_t octets) const {
    MDB_envinfo info{};
    mdb_env_info(env_, &info);
    struct statvfs disk {};
    const bool has_disk = ::statvfs(options_.folder.c_str(), &disk) == 0 && disk.f_bavail >= octets / disk.f_frsize;
    return has_disk && (info.me_last_pgno + 1) * page_size() + octets <= info.me_mapsize;
}

bool Environment::is_nearly_full() const {
    MDB_envinfo info{};
    mdb_env_info(env_, &info);
    const std::size_t used = (info.me_last_pgno + 1) * page_size();
    return used > info.me_mapsize / 10 * 9 && info.me_mapsize < options_.largest_map;
}

void Environment::clear(MDB_txn* txn) const {
    for (const Table table : {Table::Object,    Table::Delivery, Table::DeliveryCount, Table::NodeObject,       Table::Updated,
                              Table::Addressed, Table::Expiring, Table::Activating,    Table::Consumed,         Table::Notification,
                              Table::Pending,   Table::Due,      Table::Transfer,      Table::PeerNotification, Table::Destination,
                              Table::Ping,      Table::Blob,     Table::SmallData,     Table::Staged,           Table::Work,
                              Table::WorkTime,  Table::Entry}) {
        check(mdb_drop(txn, dbi(table), 0), "emptying a table");
    }
    // The schema and the issued numbers stay, so that ids keep growing.
    for (const char* counter : {"own", "consumed", "destinations", "work"}) {
        MDB_val key = value_of(counter);
        check(mdb_del(txn, dbi(Table::Meta), &key, nullptr), "resetting a counter");
    }
}

}  // namespace edgesync::lmdb
