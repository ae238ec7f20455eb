// The database that docs/plugins/store.md leaves to its reader, so that the store of that page can run: SQLite, with the connection and the
// files of examples/store-sqlite.
#include "acme_database.h"

#include <Poco/Data/SQLite/Connector.h>
#include <sys/file.h>

#include <map>
#include <mutex>

#include "examples/store-sqlite/blob_files.h"
#include "examples/store-sqlite/database.h"

namespace acme {

using namespace edgesync;

namespace {

constexpr std::int64_t kInlineLimit = 64 * 1024;

/// What the connections of one place share.
struct Shared {
    explicit Shared(const std::string& place) : lock(::open((place + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
        if (lock >= 0 && ::flock(lock, LOCK_EX | LOCK_NB) == 0) return;
        ::close(lock);
        throw Error(ErrorKind::AlreadyExists, place + " is in use by another process");
    }
    Shared(const Shared&) = delete;
    Shared& operator=(const Shared&) = delete;
    ~Shared() { ::close(lock); }

    const int lock;
    store_sqlite::BlobFiles* files = nullptr;
    std::mutex mutex;  // Guards what follows.
    int snapshots = 0;
    std::vector<BlobId> erased;
};

std::shared_ptr<Shared> shared_of(const std::string& place) {
    static std::mutex mutex;
    static std::map<std::string, std::weak_ptr<Shared>> places;
    const std::lock_guard lock(mutex);
    auto shared = places[place].lock();
    if (!shared) places[place] = shared = std::make_shared<Shared>(place);
    return shared;
}

std::string file_in(const std::string& place) {
    Poco::Data::SQLite::Connector::registerConnector();
    return place + "/store.db";
}

}  // namespace

struct Database::Parts {
    explicit Parts(const std::string& place) : shared(shared_of(place)), connection(file_in(place)) {}

    void begin(const char* how) {
        connection.run(how);
        renew();
    }
    void renew() {
        transaction.emplace(
            connection, [this](const BlobId& id, std::int64_t size) { return shared->files->open_reader(id, size); }, kInlineLimit);
    }
    /// What the function that ran last has erased is to be kept.
    void keep() {
        const auto& more = transaction->erased_blobs();
        erased.insert(erased.end(), more.begin(), more.end());
        if (std::exchange(has_savepoint, false)) connection.run("RELEASE one");
        renew();
    }

    std::shared_ptr<Shared> shared;
    store_sqlite::Database connection;
    std::optional<MapTransaction> transaction;
    std::vector<BlobId> erased;
    bool has_savepoint = false;
};

Database::Database(const std::string& place) : parts_(std::make_unique<Parts>(place)) {}
Database::~Database() = default;

void Database::begin_read() {
    parts_->begin("BEGIN");
    const std::lock_guard lock(parts_->shared->mutex);
    ++parts_->shared->snapshots;
}

void Database::end_read() noexcept {
    try {
        parts_->connection.run("COMMIT");
    } catch (const Error&) {
        // Its snapshot ends with the connection.
    }
    const std::lock_guard lock(parts_->shared->mutex);
    --parts_->shared->snapshots;
}

void Database::begin_write() {
    parts_->erased.clear();
    parts_->has_savepoint = false;
    parts_->begin("BEGIN IMMEDIATE");
}

void Database::commit() {
    parts_->keep();
    parts_->connection.run("COMMIT");
    const std::lock_guard lock(parts_->shared->mutex);
    auto& erased = parts_->shared->erased;
    erased.insert(erased.end(), parts_->erased.begin(), parts_->erased.end());
}

void Database::rollback() noexcept {
    try {
        parts_->connection.run("ROLLBACK");
    } catch (const Error&) {
        // SQLite has done it already.
    }
}

void Database::set_savepoint() {
    parts_->keep();
    parts_->connection.run("SAVEPOINT one");
    parts_->has_savepoint = true;
}

void Database::rollback_to_savepoint() {
    parts_->connection.run("ROLLBACK TO one");
    parts_->renew();
}

WriteTransaction& Database::transaction() { return *parts_->transaction; }

std::vector<BlobId> Database::take_erased_blobs() {
    const std::lock_guard lock(parts_->shared->mutex);
    if (parts_->shared->snapshots > 0) return {};
    return std::exchange(parts_->shared->erased, {});
}

std::unique_ptr<BlobStore> open_blobs(const std::string& folder, Database& database) {
    auto files = std::make_unique<store_sqlite::BlobFiles>();
    shared_of(std::filesystem::path(folder).parent_path())->files = files.get();
    database.begin_read();
    files->open(folder, [&](const BlobId& id) { return database.transaction().blob(id).has_value(); });
    database.end_read();
    return files;
}

}  // namespace acme
