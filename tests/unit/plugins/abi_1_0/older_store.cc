// A store that was built with the SDK of ABI 1.0.
#include "edgesync/sdk/store.h"

namespace {

using namespace edgesync;

class OlderStore final : public Store {
public:
    void configure(const Settings&, Log&) override {}
    StoreTraits traits() const noexcept override { return {.inline_limit = 7}; }
    void open() override {}
    void close() noexcept override {}
    void read(const std::function<void(ReadTransaction&)>&) override {}
    void submit(std::function<void(WriteTransaction&)>, std::function<void(std::exception_ptr)> done) override { done(nullptr); }
    BlobStore& blobs() override { throw Error(ErrorKind::Unsupported, "no blobs"); }
    StoreHealth health() const override { return {true, 0, 0, std::nullopt, "old"}; }
    void wipe() override { throw Error(ErrorKind::Io, "it wipes"); }
};

static_assert(kAbiMinor == 0);

}  // namespace

EDGESYNC_PLUGIN(Store, "older", "1.0.0", OlderStore);
