// The store `sqlite`: records in one SQLite file, large data in files beside it. For one process.
//
// One thread writes: what waits for it becomes one commit, so that many share a sync of the disk. Each thread that reads has a connection
// with a snapshot of its own, which the writer does not disturb.
#include <Poco/Data/SQLite/Connector.h>
#include <sys/file.h>

#include <condition_variable>
#include <deque>
#include <future>
#include <span>
#include <thread>

#include "blob_files.h"
#include "database.h"

namespace store_sqlite {

constexpr std::int64_t kInlineLimit = 64 * 1024;  // Larger data have files.
constexpr std::size_t kMostWaiting = 10'000;
constexpr std::size_t kMostInOneCommit = 64;

class SqliteStore : public Store {
public:
    ~SqliteStore() override { close(); }

    void configure(const Settings& settings, Log& log) override {
        log_ = &log;
        folder_ = std::filesystem::path(settings.persistence_root()) / "sync" / "sqlite";
    }
    StoreTraits traits() const noexcept override {
        StoreTraits traits;
        traits.is_persistent = true;
        traits.inline_limit = kInlineLimit;
        return traits;
    }

    void open() override {
        make_folder(folder_);
        for (const auto& folder : {folder_.parent_path().parent_path(), folder_.parent_path()}) sync_folder(folder);
        claim();
        Poco::Data::SQLite::Connector::registerConnector();
        writer_ = take_connection();
        files_.open(folder_ / "blobs", [this](const BlobId& id) { return on(*writer_).blob(id).has_value(); });
        thread_ = std::thread([this] { write_until_closed(); });
        log_->log(LogLevel::Info, "The store is " + folder_.string());
    }
    void close() noexcept override {
        {
            const std::lock_guard lock(mutex_);
            is_closing_ = true;
        }
        wake_.notify_all();
        if (thread_.joinable()) thread_.join();
        idle_.clear();
        writer_.reset();
        if (lock_ >= 0) ::close(std::exchange(lock_, -1));
    }

    void read(const std::function<void(ReadTransaction&)>& f) override {
        files_.begin_snapshot();
        std::unique_ptr<Database> connection;
        std::exception_ptr failure;
        try {
            connection = take_connection();
            connection->run("BEGIN");
            MapTransaction transaction = on(*connection);
            failure = failure_of(f, transaction);
            connection->run("COMMIT");  // Throws if anything has failed before, whatever f made of it.
            const std::lock_guard lock(mutex_);
            idle_.push_back(std::move(connection));
        } catch (...) {
            failure = std::current_exception();
            note(failure, &StoreHealth::read_failures);
        }
        connection.reset();  // One that has failed: its snapshot ends with it.
        files_.end_snapshot();
        if (failure) std::rethrow_exception(failure);
    }
    void submit(std::function<void(WriteTransaction&)> f, std::function<void(std::exception_ptr)> done) override {
        {
            const std::lock_guard lock(mutex_);
            if (waiting_.size() >= kMostWaiting) throw Error(ErrorKind::Busy, "Too many transactions wait for the disk");
            waiting_.push_back({std::move(f), std::move(done), nullptr});
        }
        wake_.notify_all();
    }

    BlobStore& blobs() override { return files_; }
    StoreHealth health() const override {
        const std::lock_guard lock(mutex_);
        return health_;
    }
    void wipe() override {
        std::promise<void> emptied;
        submit([this](WriteTransaction&) { writer_->run("DELETE FROM record"); },
               [&emptied](std::exception_ptr failure) { failure ? emptied.set_exception(failure) : emptied.set_value(); });
        emptied.get_future().get();
        files_.open(folder_ / "blobs", [](const BlobId&) { return false; });
    }

private:
    struct Write {
        std::function<void(WriteTransaction&)> f;
        std::function<void(std::exception_ptr)> done;
        std::exception_ptr failure;
    };

    void claim() {
        lock_ = open_file("lock");
        if (::flock(lock_, LOCK_EX | LOCK_NB) != 0)
            throw Error(ErrorKind::AlreadyExists, folder_.string() + " is in use by another process");
        ::close(open_file("store.db"));  // Made here, so that nobody else may read it; SQLite takes an empty file for a new database.
    }
    int open_file(const char* name) const {
        const int fd = ::open((folder_ / name).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0) fail("Cannot open " + (folder_ / name).string(), errno);
        return fd;
    }
    std::string file() const { return (folder_ / "store.db").string(); }
    MapTransaction on(Database& database) {
        return {database, [this](const BlobId& id, std::int64_t size) { return files_.open_reader(id, size); }, kInlineLimit};
    }
    std::unique_ptr<Database> take_connection() {
        std::unique_lock lock(mutex_);
        if (!idle_.empty()) {
            auto connection = std::move(idle_.back());
            idle_.pop_back();
            return connection;
        }
        lock.unlock();
        return std::make_unique<Database>(file());
    }

    void write_until_closed() {
        std::unique_lock lock(mutex_);
        for (;;) {
            wake_.wait(lock, [this] { return is_closing_ || !waiting_.empty(); });
            if (waiting_.empty()) return;
            std::vector<Write> group;
            for (; !waiting_.empty() && group.size() < kMostInOneCommit; waiting_.pop_front()) group.push_back(std::move(waiting_.front()));
            lock.unlock();
            commit(group);
            for (const Write& write : group) write.done(write.failure);
            group.clear();  // What the functions hold ends before the next wait.
            lock.lock();
        }
    }
    /// Sets the failure of each. When the database fails, nothing of the group is kept; then each has one more try, on its own.
    void commit(std::span<Write> group) {
        std::vector<BlobId> erased;
        try {
            // Made before the failed one goes, whose shared memory it would otherwise have to find space for.
            if (writer_->has_failed()) writer_ = std::make_unique<Database>(file());
            writer_->run("BEGIN IMMEDIATE");
            for (Write& write : group) write.failure = run_one(write.f, erased);
            writer_->run("COMMIT");
        } catch (...) {
            if (group.size() > 1) {
                for (Write& write : group) commit({&write, 1});
                return;
            }
            group.front().failure = std::current_exception();
            note(group.front().failure, &StoreHealth::write_failures);
            return;
        }
        files_.remove_later(erased);
        if (writer_->take_changes()) note(nullptr, &StoreHealth::write_failures);
    }
    /// With a savepoint, so that a failure takes back its own changes and not those of its neighbours in the commit. Returns what f threw.
    /// @throws Error of the database, whatever f made of it
    std::exception_ptr run_one(const std::function<void(WriteTransaction&)>& f, std::vector<BlobId>& erased) {
        writer_->run("SAVEPOINT one");
        MapTransaction transaction = on(*writer_);
        const std::exception_ptr failure = failure_of(f, transaction);
        if (failure) writer_->run("ROLLBACK TO one");
        if (!failure) erased.insert(erased.end(), transaction.erased_blobs().begin(), transaction.erased_blobs().end());
        writer_->run("RELEASE one");
        return failure;
    }
    template <typename Transaction>
    static std::exception_ptr failure_of(const std::function<void(Transaction&)>& f, MapTransaction& transaction) try {
        f(transaction);
        return nullptr;
    } catch (...) {
        return std::current_exception();
    }
    void note(const std::exception_ptr& failure, std::uint64_t StoreHealth::*counter) {
        const std::lock_guard lock(mutex_);
        health_.problem.clear();
        if (!failure) return;
        ++(health_.*counter);
        health_.last_failure = now();
        try {
            std::rethrow_exception(failure);
        } catch (const std::exception& error) {
            health_.problem = error.what();
        }
    }

    std::filesystem::path folder_;
    Log* log_ = nullptr;
    int lock_ = -1;  ///< Of a file that is locked while the store is open.
    BlobFiles files_;
    std::unique_ptr<Database> writer_;
    std::thread thread_;
    mutable std::mutex mutex_;  // Guards what follows.
    std::condition_variable wake_;
    std::deque<Write> waiting_;
    bool is_closing_ = false;
    std::vector<std::unique_ptr<Database>> idle_;  ///< Connections that nobody uses at the moment.
    StoreHealth health_;
};

}  // namespace store_sqlite

EDGESYNC_PLUGIN(Store, "sqlite", "1.0.0", store_sqlite::SqliteStore);
