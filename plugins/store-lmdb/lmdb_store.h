// The embedded store: records in LMDB, large data in files beside it (docs/architecture.md).
#pragma once

#include <memory>

#include "blob_files.h"
#include "edgesync/sdk/store.h"
#include "environment.h"
#include "group_commit.h"

namespace edgesync::lmdb {

class LmdbStore : public Store {
public:
    ~LmdbStore() override { close(); }

    std::vector<SettingDeclaration> declare_settings() const override;
    void configure(const Settings& settings, Log& log) override;
    StoreTraits traits() const noexcept override;
    void open() override;
    void close() noexcept override;
    void read(const std::function<void(ReadTransaction&)>& f) override;
    void submit(std::function<void(WriteTransaction&)> f, std::function<void(std::exception_ptr)> done) override;
    BlobStore& blobs() override { return *files_; }
    StoreHealth health() const override;
    void wipe() override;

private:
    EnvironmentOptions options_;
    std::size_t log_segment_ = 0;
    std::filesystem::path blob_folder_;
    Log* log_ = nullptr;
    std::unique_ptr<Environment> environment_;
    std::unique_ptr<BlobFiles> files_;
    std::unique_ptr<Journal> journal_;
    std::unique_ptr<GroupCommit> writer_;
};

}  // namespace edgesync::lmdb
