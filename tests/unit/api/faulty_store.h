// A real store whose reads and writes fail while a test says so.
#pragma once

#include <memory>
#include <optional>

#include "edgesync/sdk/error.h"
#include "edgesync/sdk/store.h"

namespace edgesync::api {

class FaultyStore : public Store {
public:
    explicit FaultyStore(std::unique_ptr<Store> store) : store_(std::move(store)) {}

    // Changed only while no call is in progress. `Busy` refuses a write at once, every other kind fails it at its end.
    std::optional<ErrorKind> reads_fail;
    std::optional<ErrorKind> writes_fail;

    void configure(const Settings& settings, Log& log) override { store_->configure(settings, log); }
    StoreTraits traits() const noexcept override { return store_->traits(); }
    void open() override { store_->open(); }
    void close() noexcept override { store_->close(); }
    void read(const std::function<void(ReadTransaction&)>& f) override;
    void submit(std::function<void(WriteTransaction&)> f, std::function<void(std::exception_ptr)> done) override;
    BlobStore& blobs() override { return store_->blobs(); }
    StoreHealth health() const override;
    void wipe() override { store_->wipe(); }

private:
    const std::unique_ptr<Store> store_;
};

}  // namespace edgesync::api
