#include "faulty_store.h"

namespace edgesync::api {
namespace {

Error injected(ErrorKind kind) { return {kind, "The store fails in this test"}; }

}  // namespace

void FaultyStore::read(const std::function<void(ReadTransaction&)>& f) {
    if (reads_fail) throw injected(*reads_fail);
    store_->read(f);
    step();
}

std::unique_ptr<BlobWriter> FaultyStore::Blobs::reopen(const BlobId& id) {
    auto writer = real().reopen(id);
    store_.step();
    return writer;
}

void FaultyStore::submit(std::function<void(WriteTransaction&)> f, std::function<void(std::exception_ptr)> done) {
    step();
    if (!writes_fail) return store_->submit(std::move(f), std::move(done));
    if (*writes_fail == ErrorKind::Busy) throw injected(ErrorKind::Busy);
    done(std::make_exception_ptr(injected(*writes_fail)));
}

StoreHealth FaultyStore::health() const {
    StoreHealth health = store_->health();
    if (reads_fail != ErrorKind::NotConnected) return health;
    health.is_connected = false;
    health.problem = "10.0.0.7 is away";
    return health;
}

}  // namespace edgesync::api
