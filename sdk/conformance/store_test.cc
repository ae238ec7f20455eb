#include "store_test.h"

#include <algorithm>
#include <thread>

#include "loaded_plugin.h"
#include "options.h"
#include "transport_environment.h"

namespace edgesync::conformance {

OpenStore::OpenStore(const std::filesystem::path& folder) : log_(options().is_verbose) {
    store_ = loaded_plugin().create_store();
    settings_ =
        std::make_unique<PlainSettings>(store_->declare_settings(), options().settings, options().role, Place{folder}, options().given);
    store_->configure(*settings_, log_);
    store_->open();
    is_open_ = true;
}

OpenStore::~OpenStore() { close(); }

void OpenStore::close() noexcept {
    if (is_open_) store_->close();
    is_open_ = false;
}

void submit(Store& store, const std::function<void(WriteTransaction&)>& f, const std::function<void(std::exception_ptr)>& done) {
    const auto deadline = std::chrono::steady_clock::now() + 2 * usual_wait();
    for (;;) {
        try {
            return store.submit(f, done);
        } catch (const Error& e) {
            if (e.kind() != ErrorKind::Busy || std::chrono::steady_clock::now() > deadline) throw;
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    }
}

std::exception_ptr run_write(Store& store, std::function<void(WriteTransaction&)> f) {
    // Shared, because `done` may still come after this gave up waiting.
    auto result = std::make_shared<std::promise<std::exception_ptr>>();
    auto future = result->get_future();
    submit(store, f, [result](std::exception_ptr failure) { result->set_value(failure); });
    if (future.wait_for(2 * usual_wait()) != std::future_status::ready) {
        throw std::runtime_error("no `done` within " + std::to_string(2 * usual_wait().count()) + " ms" +
                                 broken("submit: `done` is called once") + breaks(kBoundedTime));
    }
    return future.get();
}

void StoreTest::SetUp() {
    const auto* const info = testing::UnitTest::GetInstance()->current_test_info();
    std::string name = std::string(info->test_suite_name()) + "." + info->name();
    std::replace(name.begin(), name.end(), '/', '-');
    folder_ = options().root / name;
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    environment().begin(folder_);
    open_store();
    // A store in the network knows nothing of the folder, so what an earlier test left is there.
    if (store().traits().is_shared) store().wipe();
}

void StoreTest::TearDown() {
    open_.reset();
    environment().end();
    std::filesystem::remove_all(folder_);
}

void StoreTest::open_store() { open_ = std::make_unique<OpenStore>(folder_); }

void StoreTest::restart() {
    close_store();
    open_store();
}

void StoreTest::write(std::function<void(WriteTransaction&)> f) {
    if (const auto failure = try_write(std::move(f))) std::rethrow_exception(failure);
}

}  // namespace edgesync::conformance
