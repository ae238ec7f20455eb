// The smallest store that the SDK's macro accepts.
#include "edgesync/sdk/store.h"

namespace {

using namespace edgesync;

class GoodStore final : public Store {
public:
    std::vector<SettingDeclaration> declare_settings() const override {
        return {{"GoodKey", "", SettingDeclaration::Type::Text, "v", "A key."}};
    }
    void configure(const Settings&, Log&) override {}
    StoreTraits traits() const noexcept override { return {.inline_limit = 7}; }
    void open() override { throw Error(ErrorKind::Corrupt, "the good store is never open"); }
    void close() noexcept override {}
    void read(const std::function<void(ReadTransaction&)>&) override {}
    void submit(std::function<void(WriteTransaction&)>, std::function<void(std::exception_ptr)>) override {}
    BlobStore& blobs() override { throw Error(ErrorKind::Unsupported, "no blobs"); }
    StoreHealth health() const override { return {}; }
    void wipe() override {}
};

}  // namespace

EDGESYNC_PLUGIN(Store, "good", "1.2.3", GoodStore);
