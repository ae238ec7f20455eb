// What all store tests share: a fresh store per test, waiting for transactions, and failure messages that name the broken rule.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "edgesync/sdk/store.h"
#include "plain_settings.h"
#include "samples.h"
#include "test_run.h"

namespace edgesync::conformance {

/// Appended to an assertion: what store.h promises and does not hold.
inline std::string broken(const std::string& rule) { return kPromised + rule + "\n"; }

/// A store that is open in `folder`, and closed at the end.
class OpenStore {
public:
    explicit OpenStore(const std::filesystem::path& folder);
    ~OpenStore();
    OpenStore(const OpenStore&) = delete;
    OpenStore& operator=(const OpenStore&) = delete;

    Store& operator*() noexcept { return *store_; }
    Store* operator->() noexcept { return store_.get(); }
    const PlainSettings& settings() const noexcept { return *settings_; }
    void close() noexcept;

private:
    std::unique_ptr<Store> store_;
    std::unique_ptr<PlainSettings> settings_;
    PlainLog log_;
    bool is_open_ = false;
};

/// As Store::submit; repeats while the store is Busy, which it may be whenever much waits.
void submit(Store& store, const std::function<void(WriteTransaction&)>& f, const std::function<void(std::exception_ptr)>& done);
/// Submits and waits; repeats while the store is Busy. Returns what `done` got.
/// @throws std::runtime_error when `done` was not called within twice the usual wait.
std::exception_ptr run_write(Store& store, std::function<void(WriteTransaction&)> f);

class StoreTest : public testing::Test {
protected:
    void SetUp() override;
    void TearDown() override;

    Store& store() { return **open_; }
    const std::filesystem::path& folder() const { return folder_; }

    /// Closes the store and opens it again in the same place, as a restart of the service does.
    void restart();
    void close_store() { open_.reset(); }
    void open_store();

    /// Submits `f`, waits, and throws what `done` got.
    void write(std::function<void(WriteTransaction&)> f);
    /// The same, returning what `done` got.
    std::exception_ptr try_write(std::function<void(WriteTransaction&)> f) { return run_write(store(), std::move(f)); }

    /// What `f` returns inside a read transaction.
    template <typename F>
    auto get(F f) {
        std::optional<decltype(f(std::declval<ReadTransaction&>()))> out;
        store().read([&](ReadTransaction& t) { out.emplace(f(t)); });
        if (!out) throw std::runtime_error("Store::read returned without calling f");
        return std::move(*out);
    }

private:
    std::filesystem::path folder_;
    std::unique_ptr<OpenStore> open_;
};

/// Reads a list to its end in pages of `limit`, each in a read transaction of its own.
/// fetch: Page<T>(ReadTransaction&, cursor, limit).
template <typename F>
auto all_pages(Store& store, std::size_t limit, F fetch) {
    using P = decltype(fetch(std::declval<ReadTransaction&>(), std::declval<const std::string&>(), limit));
    decltype(P::items) out;
    std::string cursor;
    for (int pages = 0; pages < 10000; ++pages) {
        P page;
        store.read([&](ReadTransaction& t) { page = fetch(t, cursor, limit); });
        EXPECT_LE(page.items.size(), limit) << broken("a page has at most `limit` items");
        for (auto& item : page.items) out.push_back(std::move(item));
        if (page.next.empty()) return out;
        cursor = page.next;
    }
    ADD_FAILURE() << broken("Page::next is empty at the end: the list does not end after 10000 pages");
    return out;
}

}  // namespace edgesync::conformance
