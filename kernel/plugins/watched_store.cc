#include "kernel/plugins/watched_store.h"

#include "kernel/plugins/watched_transaction.h"

namespace edgesync::plugins {
namespace {

class WatchedWriter final : public BlobWriter {
public:
    WatchedWriter(std::unique_ptr<BlobWriter> writer, CallWatch& watch) : writer_(std::move(writer)), watch_(watch) {}
    ~WatchedWriter() override {
        watched_without_failure(watch_, "closing a blob", [&] { writer_.reset(); });
    }

    void write(std::int64_t offset, std::span<const std::byte> octets) override {
        watched(watch_, "writing a blob", [&] { writer_->write(offset, octets); });
    }
    void sync() override {
        watched(watch_, "syncing a blob", [&] { writer_->sync(); });
    }
    std::size_t read(std::int64_t offset, std::span<std::byte> out) override {
        return watched(watch_, "reading a blob", [&] { return writer_->read(offset, out); });
    }

private:
    std::unique_ptr<BlobWriter> writer_;
    CallWatch& watch_;
};

class WatchedReader final : public BlobReader {
public:
    WatchedReader(std::unique_ptr<BlobReader> reader, CallWatch& watch) : reader_(std::move(reader)), watch_(watch) {}
    ~WatchedReader() override {
        watched_without_failure(watch_, "closing a blob", [&] { reader_.reset(); });
    }

    std::int64_t size() const override {
        return watched(watch_, "size of a blob", [&] { return reader_->size(); });
    }
    std::size_t read(std::int64_t offset, std::span<std::byte> out) override {
        return watched(watch_, "reading a blob", [&] { return reader_->read(offset, out); });
    }
    int file_descriptor() const override {
        return watched(watch_, "descriptor of a blob", [&] { return reader_->file_descriptor(); });
    }

private:
    std::unique_ptr<BlobReader> reader_;
    CallWatch& watch_;
};

/// A transaction from its submission to its end.
struct Submitted {
    std::function<void(WriteTransaction&)> f;
    std::function<void(std::exception_ptr)> done;
    ThrownByStore thrown;
    std::uint64_t number;
};

}  // namespace

std::unique_ptr<BlobReader> watched_reader(std::unique_ptr<BlobReader> reader, CallWatch& watch) {
    return reader ? std::make_unique<WatchedReader>(std::move(reader), watch) : nullptr;
}

std::exception_ptr ThrownByStore::seen_by_kernel(const char* call, const std::exception_ptr& failure) const {
    if (!failure) return failure;
    if (failure == last_) call = call_;
    try {
        std::rethrow_exception(failure);
    } catch (const Error&) {
        return failure;
    } catch (const std::exception& exception) {
        // The same object: a store may fail otherwise after what the kernel threw, for example when it takes all back.
        if (failure == of_kernel_) return failure;
        return std::make_exception_ptr(watch_.foreign_exception(call, exception.what()));
    } catch (...) {
        return std::make_exception_ptr(watch_.foreign_exception(call, "an object that is no exception"));
    }
}

class WatchedStore::Blobs final : public BlobStore {
public:
    Blobs(Store& store, CallWatch& watch) : store_(store), watch_(watch) {}

    BlobId new_id() override {
        return watched(watch_, "naming a blob", [&] { return store_.blobs().new_id(); });
    }
    std::unique_ptr<BlobWriter> create(const BlobId& id) override {
        return wrapped(watched(watch_, "creating a blob", [&] { return store_.blobs().create(id); }));
    }
    std::unique_ptr<BlobWriter> reopen(const BlobId& id) override {
        return wrapped(watched(watch_, "reopening a blob", [&] { return store_.blobs().reopen(id); }));
    }
    void discard(const BlobId& id) noexcept override {
        const CallWatch::Running running(watch_, "discarding a blob");
        store_.blobs().discard(id);
    }
    std::unique_ptr<BlobWriter> create_sized(const BlobId& id, std::int64_t size) override {
        return wrapped(watched(watch_, "creating a blob", [&] { return store_.blobs().create_sized(id, size); }));
    }
    bool seal(const BlobId& id) override {
        return watched(watch_, "sealing a blob", [&] { return store_.blobs().seal(id); });
    }

private:
    std::unique_ptr<BlobWriter> wrapped(std::unique_ptr<BlobWriter> writer) {
        return writer ? std::make_unique<WatchedWriter>(std::move(writer), watch_) : nullptr;
    }

    Store& store_;
    CallWatch& watch_;
};

WatchedStore::WatchedStore(std::unique_ptr<Store> store, CallWatch& watch)
    : store_(std::move(store)), watch_(watch), blobs_(std::make_unique<Blobs>(*store_, watch)) {}

WatchedStore::~WatchedStore() {
    blobs_.reset();
    watched_without_failure(watch_, "its destructor", [&] { store_.reset(); });
}

std::vector<SettingDeclaration> WatchedStore::declare_settings() const {
    return watched(watch_, "declare_settings", [&] { return store_->declare_settings(); });
}

void WatchedStore::configure(const Settings& settings, Log& log) {
    watched_at_start(watch_, "configure", [&] { store_->configure(settings, log); });
}

void WatchedStore::open() {
    watched_at_start(watch_, "open", [&] { store_->open(); });
}

void WatchedStore::close() noexcept {
    const CallWatch::Running running(watch_, "close");
    store_->close();
}

void WatchedStore::read(const std::function<void(ReadTransaction&)>& f) {
    ThrownByStore thrown(watch_);
    const CallWatch::Running running(watch_, "read");
    try {
        store_->read([&](ReadTransaction& txn) {
            WatchedReadTransaction watched_txn(txn, thrown);
            thrown.running([&] { f(watched_txn); });
        });
    } catch (const Error&) {
        throw;
    } catch (...) {
        std::rethrow_exception(thrown.seen_by_kernel("read", std::current_exception()));
    }
}

void WatchedStore::submit(std::function<void(WriteTransaction&)> f, std::function<void(std::exception_ptr)> done) {
    const std::uint64_t number = watch_.submitted();
    try {
        const auto submitted = std::make_shared<Submitted>(Submitted{std::move(f), std::move(done), ThrownByStore(watch_), number});
        watched(watch_, "submit", [&] {
            store_->submit(
                [submitted](WriteTransaction& txn) {
                    WatchedWriteTransaction watched_txn(txn, submitted->thrown);
                    submitted->thrown.running([&] { submitted->f(watched_txn); });
                },
                [submitted](const std::exception_ptr& failure) {
                    submitted->thrown.watch().ended(submitted->number);
                    submitted->done(submitted->thrown.seen_by_kernel("a transaction", failure));
                });
        });
    } catch (...) {
        watch_.ended(number);
        throw;
    }
}

BlobStore& WatchedStore::blobs() { return *blobs_; }

StoreHealth WatchedStore::health() const {
    return health_.ask([this] {
        StoreHealth health;
        health.is_connected = false;
        health.problem = "it cannot say how it is";
        watched_without_failure(watch_, "health", [&] { health = store_->health(); });
        return health;
    });
}

void WatchedStore::listen(Hear hear) {
    watched(watch_, "listen", [&] { store_->listen(std::move(hear)); });
}

TimePoint WatchedStore::now() const {
    return watched(watch_, "now", [&] { return store_->now(); });
}

std::optional<std::int64_t> WatchedStore::lead(const std::string& holder, std::chrono::seconds timeout) {
    return watched(watch_, "lead", [&] { return store_->lead(holder, timeout); });
}

void WatchedStore::resign(const std::string& holder) noexcept {
    const CallWatch::Running running(watch_, "resign");
    store_->resign(holder);
}

void WatchedStore::wipe() {
    watched(watch_, "wipe", [&] { store_->wipe(); });
}

}  // namespace edgesync::plugins
