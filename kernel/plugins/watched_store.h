// A store plugin behind a watch: calls that hang are named, exceptions that are none of the SDK's become Error{Internal}.
#pragma once

#include <memory>

#include "edgesync/sdk/store.h"
#include "kernel/plugins/call_watch.h"

namespace edgesync::plugins {

/// As thread-safe as the store. `watch` outlives it and all readers and writers of blobs. Not watched: `traits`, which neither throws nor
/// changes. A call of a transaction that hangs shows as the transaction.
class WatchedStore final : public Store {
public:
    WatchedStore(std::unique_ptr<Store> store, CallWatch& watch);
    ~WatchedStore() override;

    std::vector<SettingDeclaration> declare_settings() const override;
    void configure(const Settings& settings, Log& log) override;
    StoreTraits traits() const noexcept override { return store_->traits(); }
    void open() override;
    void close() noexcept override;
    void read(const std::function<void(ReadTransaction&)>& f) override;
    void submit(std::function<void(WriteTransaction&)> f, std::function<void(std::exception_ptr)> done) override;
    BlobStore& blobs() override;
    StoreHealth health() const override;
    void listen(Hear hear) override;
    TimePoint now() const override;
    std::optional<std::int64_t> lead(const std::string& holder, std::chrono::seconds timeout) override;
    void resign(const std::string& holder) noexcept override;
    void wipe() override;

private:
    class Blobs;

    std::unique_ptr<Store> store_;
    CallWatch& watch_;
    std::unique_ptr<Blobs> blobs_;
    mutable LatestAnswer<StoreHealth> health_;
};

}  // namespace edgesync::plugins
