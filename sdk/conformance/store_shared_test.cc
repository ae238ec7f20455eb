// What holds between processes that share one store: here two stores, opened in the same place, that know nothing of each other.
#include <algorithm>
#include <atomic>
#include <random>
#include <thread>

#include "options.h"
#include "store_test.h"

namespace edgesync::conformance {
namespace {

using Octets = std::vector<std::byte>;

constexpr std::size_t kSize = 2'500'000;

class Shared : public StoreTest {
protected:
    void SetUp() override {
        StoreTest::SetUp();
        if (!store().traits().is_shared) GTEST_SKIP() << "the store is not shared";
        other_ = std::make_unique<OpenStore>(folder());
    }
    void TearDown() override {
        other_.reset();
        StoreTest::TearDown();
    }

    BlobStore& here() { return store().blobs(); }
    BlobStore& there() { return (*other_)->blobs(); }

    /// A staged blob with a record, as an upload has.
    std::unique_ptr<BlobWriter> begin(const BlobId& id, std::int64_t size) {
        auto writer = here().create_sized(id, size);
        write([&](WriteTransaction& t) { t.put_blob(blob_record(id, BlobState::Staged, size)); });
        return writer;
    }
    Octets content(BlobStore& blobs, const BlobId& id, std::size_t size) {
        Octets out(size);
        const auto writer = blobs.reopen(id);
        if (!writer) return {};
        for (std::size_t done = 0; done < size;) {
            const std::size_t count = writer->read(static_cast<std::int64_t>(done), std::span(out).subspan(done));
            if (count == 0) return {};
            done += count;
        }
        return out;
    }

    std::unique_ptr<OpenStore> other_;
};

std::optional<ErrorKind> failure_of(const std::function<void()>& f) {
    try {
        f();
    } catch (const Error& e) {
        return e.kind();
    }
    return std::nullopt;
}

/// Writes and stores them; the kind of the error, if any.
std::optional<ErrorKind> store_octets(BlobWriter& writer, std::int64_t offset, const Octets& octets) {
    return failure_of([&] {
        writer.write(offset, octets);
        writer.sync();
    });
}

TEST_F(Shared, ASealedBlobTakesNoOctetsFromAnybody) {
    const BlobId id = here().new_id();
    const Octets data = octets(1, kSize);
    const auto mine = begin(id, kSize);
    const auto theirs = there().reopen(id);
    ASSERT_TRUE(theirs) << broken("reopen: continues a staged blob of another process");
    mine->write(0, std::span(data).first(1'000'000));
    mine->sync();
    theirs->write(1'000'000, std::span(data).subspan(1'000'000));
    theirs->sync();
    // Few enough to wait in a writer's memory: they must not come later either.
    theirs->write(10, octets(2, 100));

    here().seal(id);
    const std::string rule = broken("seal: a write, or a sync of what was not stored yet, throws Conflict in every process");
    const bool was_stored_before = !failure_of([&] { theirs->sync(); });
    Octets expected = data;
    const Octets late = octets(2, 100);
    if (was_stored_before) std::copy(late.begin(), late.end(), expected.begin() + 10);
    for (BlobWriter* writer : {mine.get(), theirs.get()}) {
        EXPECT_EQ(store_octets(*writer, 0, octets(3, kSize)), ErrorKind::Conflict) << rule;
        EXPECT_EQ(store_octets(*writer, 2'000'000, octets(3, 10)), ErrorKind::Conflict) << rule;
    }
    for (BlobStore* blobs : {&here(), &there()}) {
        const auto again = blobs->reopen(id);
        ASSERT_TRUE(again) << broken("seal: reopen still gives a writer to read with");
        EXPECT_EQ(failure_of([&] { again->write(0, octets(4, 10)); }), ErrorKind::Conflict) << rule;
        EXPECT_TRUE(content(*blobs, id, kSize) == expected) << broken("seal: what is there stays, and can be read");
    }
    other_.reset();
    restart();
    EXPECT_EQ(failure_of([&] { here().reopen(id)->write(0, octets(4, 10)); }), ErrorKind::Conflict) << broken("seal: is durable");
    EXPECT_TRUE(content(here(), id, kSize) == expected) << broken("seal: what is there stays, also over a restart");
    write([&](WriteTransaction& t) { t.put_blob(blob_record(id, BlobState::Published, kSize)); });
    const auto reader = get([&](ReadTransaction& t) { return t.open_blob(id); });
    ASSERT_TRUE(reader);
    EXPECT_TRUE(content_of(*reader) == expected) << broken("seal: a sealed blob can be published and read");
}

TEST_F(Shared, SealingTellsWhetherAnotherProcessWrote) {
    const BlobId alone = here().new_id();
    const auto mine = begin(alone, kSize);
    const BlobId together = here().new_id();
    const auto ours = begin(together, kSize);
    for (const auto& writer : {mine.get(), ours.get()}) EXPECT_FALSE(store_octets(*writer, 0, octets(1, 10)));
    EXPECT_TRUE(there().reopen(together));
    const std::string rule = broken("seal: returns whether only this process has had a writer of the blob");
    for (int i = 0; i < 2; ++i) {
        EXPECT_TRUE(here().seal(alone)) << rule << broken("seal: repeating it changes nothing");
        EXPECT_FALSE(here().seal(together)) << rule;
        EXPECT_FALSE(there().seal(together)) << rule;
        EXPECT_FALSE(there().seal(alone)) << rule;
    }
    write([&](WriteTransaction& t) { t.erase_blob(alone); });
    EXPECT_EQ(failure_of([&] { here().seal(alone); }), ErrorKind::Conflict) << broken("seal: Conflict if the blob is gone");
}

// Whatever the sealing process reads afterwards must be what stays, however the writers of the other one were caught.
TEST_F(Shared, SealingWaitsForWhoIsWriting) {
    for (int round = 0; round < 8; ++round) {
        const BlobId id = here().new_id();
        const auto mine = begin(id, kSize);
        EXPECT_FALSE(store_octets(*mine, 0, octets(0, kSize)));
        std::vector<std::thread> threads;
        std::atomic<int> written = 0;
        for (std::uint64_t seed = 1; seed <= 3; ++seed) {
            threads.emplace_back([&, seed] {
                const auto writer = there().reopen(id);
                for (std::uint64_t i = 0;; ++i, ++written) {
                    const auto offset = static_cast<std::int64_t>((seed * 7 + i) % 10 * 200'000);
                    const auto failure = failure_of([&] {
                        writer->write(offset, octets(seed * 1000 + i, 300'000));
                        writer->sync();
                    });
                    if (!failure) continue;
                    EXPECT_EQ(*failure, ErrorKind::Conflict);
                    return;
                }
            });
        }
        while (written < 6) std::this_thread::yield();
        here().seal(id);
        const Octets sealed = content(here(), id, kSize);
        for (auto& thread : threads) thread.join();
        ASSERT_EQ(sealed.size(), kSize);
        ASSERT_TRUE(content(here(), id, kSize) == sealed && content(there(), id, kSize) == sealed)
            << broken("seal: waits for who is writing at the moment; nothing changes from then on");
        write([&](WriteTransaction& t) { t.erase_blob(id); });
    }
}

TEST_F(Shared, OctetsOfAnotherProcessAreSeenBehindOnesOwn) {
    const BlobId id = here().new_id();
    const Octets data = octets(1, kSize);
    const auto mine = begin(id, kSize);
    const auto theirs = there().reopen(id);
    ASSERT_TRUE(theirs);
    EXPECT_FALSE(store_octets(*mine, 0, {data.begin(), data.begin() + 10}));
    EXPECT_FALSE(store_octets(*theirs, 10, {data.begin() + 10, data.end()}));
    Octets out(100);
    EXPECT_EQ(mine->read(static_cast<std::int64_t>(kSize) - 100, out), 100U) << broken("BlobWriter::read: what another process wrote, too");
    EXPECT_TRUE(std::equal(out.begin(), out.end(), data.end() - 100));
    EXPECT_TRUE(content(here(), id, kSize) == data);
}

TEST_F(Shared, WhatAnotherProcessStagesIsNoOrphan) {
    const BlobId id = here().new_id();
    const auto mine = here().create_sized(id, kSize);  // No record yet.
    const Octets data = octets(1, kSize);
    EXPECT_FALSE(store_octets(*mine, 0, data));
    other_.reset();
    other_ = std::make_unique<OpenStore>(folder());
    EXPECT_TRUE(content(here(), id, kSize) == data) << broken("create: an orphan is what a process that has ended left");
    EXPECT_FALSE(store_octets(*mine, 0, data));
}

TEST_F(Shared, ErasedBlobsStayReadableInTheOtherProcess) {
    const BlobId id = here().new_id();
    const Octets data = octets(1, kSize);
    EXPECT_FALSE(store_octets(*begin(id, kSize), 0, data));
    write([&](WriteTransaction& t) { t.put_blob(blob_record(id, BlobState::Published, kSize)); });
    std::unique_ptr<BlobReader> reader;
    (*other_)->read([&](ReadTransaction& t) { reader = t.open_blob(id); });
    ASSERT_TRUE(reader) << broken("open_blob: a blob that another process published");
    write([&](WriteTransaction& t) { t.erase_blob(id); });
    restart();
    EXPECT_TRUE(content_of(*reader) == data) << broken("erase_blob: open readers keep working, those of other processes too");
}

}  // namespace
}  // namespace edgesync::conformance
