// Blobs: octets outside transactions, and their records inside.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <random>
#include <set>
#include <thread>

#include "options.h"
#include "store_test.h"

namespace edgesync::conformance {
namespace {

using Octets = std::vector<std::byte>;

class Blobs : public StoreTest {
protected:
    /// Creates, writes and publishes a blob.
    BlobId publish(const Octets& data) {
        const BlobId id = store().blobs().new_id();
        const auto writer = store().blobs().create(id);
        writer->write(0, data);
        writer->sync();
        write([&](WriteTransaction& t) { t.put_blob(blob_record(id, BlobState::Published, static_cast<std::int64_t>(data.size()))); });
        return id;
    }
    std::unique_ptr<BlobReader> open(const BlobId& id) {
        return get([&](ReadTransaction& t) { return t.open_blob(id); });
    }
    void expect_content(const BlobId& id, const Octets& data, const std::string& rule) {
        const auto reader = open(id);
        ASSERT_TRUE(reader) << broken("open_blob: opens a blob that has a record") << rule;
        EXPECT_EQ(reader->size(), static_cast<std::int64_t>(data.size())) << broken("BlobReader::size: the size of the blob") << rule;
        EXPECT_TRUE(content_of(*reader) == data) << rule;
    }
    /// Octets that are no small data.
    std::size_t large_size() { return static_cast<std::size_t>(std::max<std::int64_t>(0, store().traits().inline_limit)) + 500'000; }
    Names staged(std::int64_t before, std::size_t limit = 100) {
        Names out;
        for (const BlobId& id : get([&](ReadTransaction& t) { return t.staged_blobs(at(before), limit); })) {
            out.push_back(std::to_string(id.bytes[0]));
        }
        std::sort(out.begin(), out.end());
        return out;
    }
};

TEST_F(Blobs, HaveIdsThatNeverRepeat) {
    std::vector<std::future<std::vector<BlobId>>> threads;
    for (int i = 0; i < 8; ++i) {
        threads.push_back(std::async(std::launch::async, [&] {
            std::vector<BlobId> ids;
            for (int n = 0; n < 500; ++n) ids.push_back(store().blobs().new_id());
            return ids;
        }));
    }
    std::set<BlobId> seen;
    for (auto& thread : threads) {
        for (const BlobId& id : thread.get()) seen.insert(id);
    }
    EXPECT_EQ(seen.size(), 4000U) << broken("BlobId: random, never reused; new_id is thread-safe");
}

TEST_F(Blobs, RecordsComeBackAsTheyWerePut) {
    const BlobId id = store().blobs().new_id();
    EXPECT_FALSE(get([&](ReadTransaction& t) { return t.blob(id); })) << broken("missing single records are nullopt");
    EXPECT_FALSE(open(id)) << broken("open_blob: null if there is no such blob");
    store().blobs().create(id)->write(0, octets(1, 10));
    BlobRecord record = blob_record(id, BlobState::Staged, -1);
    record.instance_id = 1'700'000'000'123'456'789;
    record.received = {{0, 10}, {20, 5'000'000'000}, {INT64_MAX - 1, INT64_MAX}};
    record.sha256 = std::string("\0\x01\xff", 3) + std::string(29, 'x');
    record.upload_chunk_size = 1 << 20;
    record.created = at(3) + std::chrono::nanoseconds(21);
    write([&](WriteTransaction& t) { t.put_blob(record); });
    const auto found = get([&](ReadTransaction& t) { return t.blob(id); });
    ASSERT_TRUE(found) << broken("blob: finds what put_blob stored");
    EXPECT_TRUE(*found == record) << broken("blob: every field comes back as it was put, the received ranges too");
}

TEST_F(Blobs, ReadAnyRange) {
    const Octets data = octets(2, 300'000);
    const BlobId id = publish(data);
    expect_content(id, data, broken("put_blob: publishes the octets that were written"));
    const auto reader = open(id);
    ASSERT_TRUE(reader);
    for (const auto& [offset, length] : std::vector<std::pair<std::size_t, std::size_t>>{
             {0, 1}, {1, 4095}, {65'535, 2}, {65'536, 65'536}, {299'999, 1}, {299'000, 5000}, {123'456, 0}}) {
        Octets out(length);
        const std::size_t count = reader->read(static_cast<std::int64_t>(offset), out);
        const std::size_t expected = std::min(length, data.size() - offset);
        // A short read is allowed, but not an empty one before the end.
        EXPECT_LE(count, expected) << broken("BlobReader::read: up to out.size() octets");
        EXPECT_TRUE(length == 0 || count > 0) << broken("BlobReader::read: 0 only at or beyond the end");
        EXPECT_TRUE(
            std::equal(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(count), data.begin() + static_cast<std::ptrdiff_t>(offset)))
            << broken("BlobReader::read: copies the octets from `offset`; offset " + std::to_string(offset));
    }
    Octets out(10);
    EXPECT_EQ(reader->read(300'000, out), 0U) << broken("BlobReader::read: 0 at the end");
    EXPECT_EQ(reader->read(1'000'000'000'000, out), 0U) << broken("BlobReader::read: 0 beyond the end");
}

TEST_F(Blobs, GiveADescriptorOfExactlyTheirOctetsIfAny) {
    const Octets data = octets(3, 200'000);
    const auto reader = open(publish(data));
    ASSERT_TRUE(reader);
    const int fd = reader->file_descriptor();
    if (fd < 0) GTEST_SKIP() << "the store has no files";
    struct stat status {};
    ASSERT_EQ(::fstat(fd, &status), 0) << broken("file_descriptor: an open descriptor");
    EXPECT_TRUE(S_ISREG(status.st_mode)) << broken("file_descriptor: of a regular file");
    Octets out(data.size());
    ASSERT_EQ(::pread(fd, out.data(), out.size(), 0), static_cast<ssize_t>(out.size())) << broken("file_descriptor: has the blob's octets");
    EXPECT_TRUE(out == data) << broken("file_descriptor: octets [0, size) are the blob");
}

TEST_F(Blobs, SmallDataIsStoredWithItsRecord) {
    const auto limit = static_cast<std::size_t>(std::max<std::int64_t>(0, store().traits().inline_limit));
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{4096}, limit / 2, limit}) {
        if (size > limit) continue;
        const Octets data = octets(size, size);
        const BlobId id = store().blobs().new_id();
        write([&](WriteTransaction& t) { t.put_small_data(blob_record(id, BlobState::Published, static_cast<std::int64_t>(size)), data); });
        expect_content(id, data, broken("put_small_data: stores record and octets together; size " + std::to_string(size)));
        BlobRecord record = blob_record(id, BlobState::Published, static_cast<std::int64_t>(size));
        record.instance_id = 5;
        write([&](WriteTransaction& t) { t.put_blob(record); });
        expect_content(id, data, broken("put_blob: changing the record of small data keeps its octets"));
        write([&](WriteTransaction& t) { t.erase_blob(id); });
        EXPECT_FALSE(open(id)) << broken("erase_blob: drops record and octets");
        EXPECT_FALSE(get([&](ReadTransaction& t) { return t.blob(id); })) << broken("erase_blob: drops record and octets");
    }
}

TEST_F(Blobs, OfNoOctetsAreBlobs) {
    const BlobId id = publish({});
    expect_content(id, {}, broken("a blob of size 0 is a blob"));
}

TEST_F(Blobs, ErasedOnesStayReadableForOpenReaders) {
    const Octets large = octets(4, 500'000);
    const Octets small = octets(5, 1000);
    const BlobId large_id = publish(large);
    const BlobId small_id = store().blobs().new_id();
    write([&](WriteTransaction& t) { t.put_small_data(blob_record(small_id, BlobState::Published, 1000), small); });
    const auto large_reader = open(large_id);
    const auto small_reader = open(small_id);
    ASSERT_TRUE(large_reader && small_reader);
    write([&](WriteTransaction& t) {
        t.erase_blob(large_id);
        t.erase_blob(small_id);
        t.erase_blob(store().blobs().new_id());
    });
    EXPECT_FALSE(open(large_id)) << broken("erase_blob: drops record and octets; absent is fine");
    publish(octets(6, 500'000));
    EXPECT_TRUE(content_of(*large_reader) == large) << broken("erase_blob: open readers keep working");
    EXPECT_TRUE(content_of(*small_reader) == small) << broken("erase_blob: open readers keep working, of small data too");
    EXPECT_EQ(large_reader->size(), 500'000) << broken("erase_blob: open readers keep working");
}

TEST_F(Blobs, AnOlderSnapshotOpensWhatIsErasedMeanwhile) {
    const Octets large = octets(12, large_size());
    const Octets small = octets(13, 1000);
    const BlobId large_id = publish(large);
    const BlobId small_id = store().blobs().new_id();
    write([&](WriteTransaction& t) { t.put_small_data(blob_record(small_id, BlobState::Published, 1000), small); });
    const auto rule =
        broken("read: a consistent snapshot; who sees the record of a blob can open its octets, also when it was erased since");
    std::future<void> erased;
    store().read([&](ReadTransaction& t) {
        EXPECT_TRUE(t.blob(large_id) && t.blob(small_id));
        erased = std::async(std::launch::async, [&] {
            write([&](WriteTransaction& w) {
                w.erase_blob(large_id);
                w.erase_blob(small_id);
            });
        });
        // A store may make this writer wait for the reader, so that it need not end in here.
        erased.wait_for(std::chrono::milliseconds(300));
        // Octets may go some time after the commit, but not while this snapshot is there.
        const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(200);
        do {
            const auto large_reader = t.open_blob(large_id);
            const auto small_reader = t.open_blob(small_id);
            ASSERT_TRUE(t.blob(large_id) && large_reader) << rule;
            ASSERT_TRUE(t.blob(small_id) && small_reader) << rule;
            ASSERT_TRUE(content_of(*large_reader) == large) << rule;
            ASSERT_TRUE(content_of(*small_reader) == small) << rule;
        } while (std::chrono::steady_clock::now() < end);
    });
    erased.get();
    EXPECT_FALSE(open(large_id) || open(small_id)) << broken("erase_blob: drops record and octets");
}

TEST_F(Blobs, KeepTheirOctetsWhenWhatErasesThemFails) {
    const Octets data = octets(14, large_size());
    const BlobId published = publish(data);
    const BlobId staged = store().blobs().new_id();
    const auto writer = store().blobs().create(staged);
    writer->write(0, data);
    writer->sync();
    write([&](WriteTransaction& t) { t.put_blob(blob_record(staged, BlobState::Staged, -1)); });
    const auto failure = try_write([&](WriteTransaction& t) {
        t.erase_blob(published);
        t.erase_blob(staged);
        throw Error(ErrorKind::Conflict, "on purpose");
    });
    EXPECT_TRUE(failure) << broken("submit: `done` gets the exception of `f`");
    const auto rule = broken("submit: when `f` throws, nothing of `f` was kept; the octets of what it erased are still there");
    const auto expect_both = [&] {
        expect_content(published, data, rule);
        const auto again = store().blobs().reopen(staged);
        Octets out(1000);
        ASSERT_TRUE(again && again->read(0, out) > 0) << rule;
        EXPECT_EQ(out.front(), data.front()) << rule;
    };
    expect_both();
    if (!store().traits().is_persistent) return;
    // A store may remove octets behind its back; at the latest here it has.
    restart();
    expect_both();
}

TEST_F(Blobs, OneReaderServesManyThreads) {
    const Octets data = octets(7, 400'000);
    const auto reader = std::shared_ptr<BlobReader>(open(publish(data)));
    ASSERT_TRUE(reader);
    std::vector<std::future<bool>> threads;
    for (int i = 0; i < 8; ++i) threads.push_back(std::async(std::launch::async, [&] { return content_of(*reader) == data; }));
    for (auto& thread : threads) EXPECT_TRUE(thread.get()) << broken("BlobReader is thread-safe");
}

TEST_F(Blobs, StagedOnesAreWrittenAtAnyOffsetAndReadBack) {
    const BlobId id = store().blobs().new_id();
    const auto writer = store().blobs().create(id);
    ASSERT_TRUE(writer) << broken("create: starts a staged blob");
    const Octets data = octets(8, 200'000);
    const auto span = std::span(data);
    writer->write(150'000, span.subspan(150'000));
    writer->write(0, span.first(70'000));
    writer->write(60'000, span.subspan(60'000, 100'000));
    writer->write(0, span.first(70'000));
    writer->sync();
    Octets out;
    Octets piece(30'000);
    while (const std::size_t count = writer->read(static_cast<std::int64_t>(out.size()), piece)) {
        out.insert(out.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(count));
    }
    EXPECT_TRUE(out == data) << broken("BlobWriter: positional; identical overlaps are harmless; read gives back what was written");
}

TEST_F(Blobs, HolesCostNoSpaceUpFront) {
    const BlobId id = store().blobs().new_id();
    const auto writer = store().blobs().create(id);
    const Octets data = octets(9, 100);
    constexpr std::int64_t kFar = 1'000'000'000'000;  // More than the memory or disk of most machines that run this.
    writer->write(kFar, data);
    Octets out(100);
    EXPECT_EQ(writer->read(kFar, out), 100U) << broken("BlobWriter: positional, a write far out works");
    EXPECT_TRUE(out == data) << broken("BlobWriter: reads back what was written far out");
    store().blobs().discard(id);
}

TEST_F(Blobs, ReopenedWritersGoOnWhereTheFirstStopped) {
    const BlobId id = store().blobs().new_id();
    const Octets data = octets(10, 100'000);
    auto writer = store().blobs().create(id);
    writer->write(0, std::span(data).first(50'000));
    writer->sync();
    writer.reset();
    write([&](WriteTransaction& t) { t.put_blob(blob_record(id, BlobState::Staged, -1)); });
    writer = store().blobs().reopen(id);
    ASSERT_TRUE(writer) << broken("reopen: continues a staged blob");
    writer->write(50'000, std::span(data).subspan(50'000));
    writer->sync();
    writer.reset();
    write([&](WriteTransaction& t) { t.put_blob(blob_record(id, BlobState::Published, 100'000)); });
    expect_content(id, data, broken("reopen: what was written before is kept"));
    EXPECT_FALSE(store().blobs().reopen(store().blobs().new_id())) << broken("reopen: null if the octets are gone");
}

TEST_F(Blobs, DiscardedOnesAreGone) {
    const BlobId id = store().blobs().new_id();
    store().blobs().create(id)->write(0, octets(1, 10));
    store().blobs().discard(id);
    store().blobs().discard(id);
    store().blobs().discard(store().blobs().new_id());
    EXPECT_FALSE(store().blobs().reopen(id)) << broken("discard: drops a blob that has no record; unknown ids are ignored");
}

TEST_F(Blobs, StagedOnesAreListedByTheTimeOfTheirCreation) {
    write([&](WriteTransaction& t) {
        for (std::uint8_t i = 1; i <= 4; ++i) {
            BlobRecord record = blob_record(BlobId{{i}}, i == 4 ? BlobState::Published : BlobState::Staged, 1);
            record.created = at(i * 10);
            t.put_small_data(record, octets(i, 1));
        }
    });
    EXPECT_EQ(staged(10), Names()) << broken("staged_blobs: created before `before`");
    EXPECT_EQ(staged(21), (Names{"1", "2"})) << broken("staged_blobs: created before `before`");
    EXPECT_EQ(staged(99), (Names{"1", "2", "3"})) << broken("staged_blobs: staged ones only");
    EXPECT_EQ(staged(99, 2).size(), 2U) << broken("staged_blobs: at most `limit`");
    write([&](WriteTransaction& t) {
        BlobRecord record = blob_record(BlobId{{1}}, BlobState::Published, 1);
        record.created = at(10);
        t.put_blob(record);
        t.erase_blob(BlobId{{2}});
    });
    EXPECT_EQ(staged(99), Names{"3"}) << broken("staged_blobs: published and erased ones leave the list");
}

/// Adds a range to a sorted, disjoint, not adjacent list.
void add_range(std::vector<ByteRange>& ranges, ByteRange added) {
    std::vector<ByteRange> out;
    for (const ByteRange& range : ranges) {
        if (range.end < added.begin || range.begin > added.end) {
            out.push_back(range);
        } else {
            added = {std::min(added.begin, range.begin), std::max(added.end, range.end)};
        }
    }
    out.push_back(added);
    std::sort(out.begin(), out.end());
    ranges = out;
}

TEST_F(Blobs, ChunksInRandomOrderFromEightWritersCompleteExactlyOnce) {
    constexpr std::int64_t kTotal = 3'000'001;
    constexpr std::int64_t kChunk = 65'536;
    const Octets data = octets(11, kTotal);
    const BlobId id = store().blobs().new_id();
    const auto writer = store().blobs().create(id);
    write([&](WriteTransaction& t) { t.put_blob(blob_record(id, BlobState::Staged, kTotal)); });

    std::vector<std::int64_t> offsets;
    for (std::int64_t offset = 0; offset < kTotal; offset += kChunk) offsets.insert(offsets.end(), 2, offset);
    std::mt19937_64 random(options().seed);
    std::shuffle(offsets.begin(), offsets.end(), random);

    std::vector<std::future<int>> threads;
    for (std::size_t thread = 0; thread < 8; ++thread) {
        threads.push_back(std::async(std::launch::async, [&, thread] {
            int completions = 0;
            for (std::size_t i = thread; i < offsets.size(); i += 8) {
                const ByteRange range{offsets[i], std::min(offsets[i] + kChunk, kTotal)};
                writer->write(range.begin, std::span(data).subspan(static_cast<std::size_t>(range.begin),
                                                                   static_cast<std::size_t>(range.end - range.begin)));
                writer->sync();
                bool is_completed_here = false;
                write([&](WriteTransaction& t) {
                    is_completed_here = false;
                    BlobRecord record = t.blob(id).value();
                    if (record.state == BlobState::Published) return;
                    add_range(record.received, range);
                    if (record.received == std::vector<ByteRange>{{0, kTotal}}) {
                        record.state = BlobState::Published;
                        record.received.clear();
                        is_completed_here = true;
                    }
                    t.put_blob(record);
                });
                completions += is_completed_here ? 1 : 0;
            }
            return completions;
        }));
    }
    int completions = 0;
    for (auto& thread : threads) completions += thread.get();
    EXPECT_EQ(completions, 1) << broken("submit runs each transaction atomically: the union of the ranges is completed exactly once");
    expect_content(id, data, broken("BlobWriter: several threads may write at once; the blob is what they wrote"));
}

}  // namespace
}  // namespace edgesync::conformance
