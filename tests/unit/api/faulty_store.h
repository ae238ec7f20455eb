// A real store whose reads and writes fail while a test says so, and between whose steps a test may act.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "edgesync/sdk/error.h"
#include "edgesync/sdk/store.h"

namespace edgesync::api {

class FaultyStore : public Store {
public:
    explicit FaultyStore(std::unique_ptr<Store> store) : store_(std::move(store)), blobs_(*this) {}

    // Changed only while no call is in progress. `Busy` refuses a write at once, every other kind fails it at its end.
    std::optional<ErrorKind> reads_fail;
    std::optional<ErrorKind> writes_fail;
    // Changed only while no other thread calls: called after every read, after a blob was reopened, and before every write.
    std::function<void()> on_step;

    void configure(const Settings& settings, Log& log) override { store_->configure(settings, log); }
    StoreTraits traits() const noexcept override { return store_->traits(); }
    void open() override { store_->open(); }
    void close() noexcept override { store_->close(); }
    void read(const std::function<void(ReadTransaction&)>& f) override;
    void submit(std::function<void(WriteTransaction&)> f, std::function<void(std::exception_ptr)> done) override;
    BlobStore& blobs() override { return blobs_; }
    StoreHealth health() const override;
    void wipe() override { store_->wipe(); }

private:
    class Blobs : public BlobStore {
    public:
        explicit Blobs(FaultyStore& store) : store_(store) {}
        BlobId new_id() override { return real().new_id(); }
        std::unique_ptr<BlobWriter> create(const BlobId& id) override { return real().create(id); }
        std::unique_ptr<BlobWriter> reopen(const BlobId& id) override;
        void discard(const BlobId& id) noexcept override { real().discard(id); }

    private:
        BlobStore& real() { return store_.store_->blobs(); }
        FaultyStore& store_;
    };

    void step() const {
        if (on_step) on_step();
    }

    const std::unique_ptr<Store> store_;
    Blobs blobs_;
};

}  // namespace edgesync::api
