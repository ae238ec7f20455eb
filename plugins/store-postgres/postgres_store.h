// Plugin store-postgres: everything in one schema of a PostgreSQL database, for cloud nodes. Several instances may share it.
#pragma once

#include <atomic>
#include <memory>

#include "connection_settings.h"
#include "edgesync/sdk/store.h"
#include "housekeeping.h"
#include "writers.h"

namespace edgesync::postgres {

/// Thread-safe as store.h says. Reads take a connection of the pool on the calling thread; writes run on the store's own threads.
class PostgresStore : public Store {
public:
    PostgresStore() = default;
    ~PostgresStore() override { close(); }

    std::vector<SettingDeclaration> declare_settings() const override { return declared_settings(); }
    void configure(const Settings& settings, Log& log) override;
    StoreTraits traits() const noexcept override;
    void open() override;
    void close() noexcept override;
    void read(const std::function<void(ReadTransaction&)>& f) override;
    void submit(std::function<void(WriteTransaction&)> f, std::function<void(std::exception_ptr)> done) override;
    BlobStore& blobs() override { return *blobs_; }
    StoreHealth health() const override;
    void listen(Hear hear) override { feed_->listen(std::move(hear)); }
    TimePoint now() const override { return clock_.now(); }
    std::optional<std::int64_t> lead(const std::string& holder, std::chrono::seconds timeout) override;
    void resign(const std::string& holder) noexcept override;
    void wipe() override;

private:
    /// Connects, migrates and looks for orphans; tries again until the time for the start is over.
    std::unique_ptr<Presence> prepare(std::int64_t owner);
    std::unique_ptr<Presence> try_to_prepare(const std::string& session, std::int64_t owner);
    Rows run(const std::string& statement) { return pool_->take()->run(statement); }

    ConnectionSettings settings_;
    Log* log_ = nullptr;
    std::shared_ptr<ConnectionPool> pool_;
    std::unique_ptr<Blobs> blobs_;
    std::unique_ptr<InstanceIds> instances_;
    std::unique_ptr<WorkIds> work_ids_;
    std::unique_ptr<Housekeeping> housekeeping_;
    DatabaseClock clock_;
    std::unique_ptr<Feed> feed_;
    std::unique_ptr<Writers> writers_;
    std::atomic<std::uint64_t> read_failures_ = 0;
};

}  // namespace edgesync::postgres
