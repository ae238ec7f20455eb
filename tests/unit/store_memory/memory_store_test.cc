#include "plugins/store-memory/memory_store.h"

#include <gtest/gtest.h>

#include <future>

#include "tests/unit/temporary_folder.h"

namespace edgesync::memory {
namespace {

class FixedSettings : public Settings {
public:
    FixedSettings(std::string root, std::int64_t max_megabytes) : root_(std::move(root)), max_megabytes_(max_megabytes) {}
    std::string text(std::string_view) const override { return {}; }
    bool boolean(std::string_view) const override { return false; }
    std::int64_t integer(std::string_view) const override { return max_megabytes_; }
    std::vector<std::string> list(std::string_view) const override { return {}; }
    bool is_set(std::string_view) const override { return true; }
    NodeRole role() const override { return NodeRole::Ess; }
    std::string persistence_root() const override { return root_; }

private:
    std::string root_;
    std::int64_t max_megabytes_;
};

class SilentLog : public Log {
public:
    bool logs(LogLevel) const noexcept override { return false; }
    bool traces(LogLevel) const noexcept override { return false; }
    void log(LogLevel, std::string_view) noexcept override {}
    void trace(LogLevel, std::string_view) noexcept override {}
};

/// Limited to one MiB.
class SmallStore : public testing::Test {
protected:
    void SetUp() override {
        store_.configure(settings_, log_);
        store_.open();
    }
    void TearDown() override { store_.close(); }

    /// The kind of the failure; nullopt on success.
    std::optional<ErrorKind> write(std::function<void(WriteTransaction&)> f) {
        std::promise<std::exception_ptr> done;
        store_.submit(std::move(f), [&](std::exception_ptr failure) { done.set_value(failure); });
        const auto failure = done.get_future().get();
        if (!failure) return std::nullopt;
        try {
            std::rethrow_exception(failure);
        } catch (const Error& e) {
            return e.kind();
        }
    }
    static ObjectRecord object(int number, std::size_t size) {
        ObjectRecord record;
        record.meta.org = "org";
        record.meta.object_type = "type";
        record.meta.object_id = std::to_string(number);
        record.meta.description = std::string(size, 'x');
        return record;
    }
    std::size_t count() {
        std::size_t count = 0;
        store_.read([&](ReadTransaction& t) { count = t.objects("", "", "", 10'000).items.size(); });
        return count;
    }

    TemporaryFolder folder_;
    FixedSettings settings_{folder_.root(), 1};
    SilentLog log_;
    MemoryStore store_;
};

TEST_F(SmallStore, RefusesRecordsThatDoNotFitAndKeepsNothingOfTheTransaction) {
    EXPECT_EQ(write([](WriteTransaction& t) {
                  for (int i = 0; i < 20; ++i) t.put_object(object(i, 100'000));
              }),
              ErrorKind::NoSpace);
    EXPECT_EQ(count(), 0U);
    EXPECT_EQ(write([](WriteTransaction& t) { t.put_object(object(0, 900'000)); }), std::nullopt);
}

TEST_F(SmallStore, RefusesATransactionThatGoesOnAfterNoSpace) {
    EXPECT_EQ(write([](WriteTransaction& t) {
                  t.put_object(object(0, 10));
                  try {
                      t.put_object(object(1, 2'000'000));
                  } catch (const Error&) {
                  }
              }),
              ErrorKind::NoSpace);
    EXPECT_EQ(count(), 0U);
}

TEST_F(SmallStore, HasRoomAgainWhenRecordsAreErased) {
    for (int round = 0; round < 10; ++round) {
        ASSERT_EQ(write([](WriteTransaction& t) { t.put_object(object(0, 700'000)); }), std::nullopt) << "round " << round;
        ASSERT_EQ(write([](WriteTransaction& t) { t.put_object(object(1, 700'000)); }), ErrorKind::NoSpace) << "round " << round;
        ASSERT_EQ(write([](WriteTransaction& t) { t.erase_object({"org", "type", "0"}); }), std::nullopt) << "round " << round;
    }
}

TEST_F(SmallStore, CanBeEmptiedWhenItIsFull) {
    int stored = 0;
    while (!write([&](WriteTransaction& t) { t.put_object(object(stored, 10'000)); })) ++stored;
    EXPECT_GT(stored, 50);
    for (int i = 0; i < stored; ++i) {
        ASSERT_EQ(write([&](WriteTransaction& t) { t.erase_object({"org", "type", std::to_string(i)}); }), std::nullopt);
    }
    EXPECT_EQ(count(), 0U);
}

TEST_F(SmallStore, RefusesOctetsThatDoNotFitUntilOthersAreDiscarded) {
    BlobStore& blobs = store_.blobs();
    const std::vector<std::byte> octets(700'000);
    for (int round = 0; round < 5; ++round) {
        const BlobId first = blobs.new_id();
        const BlobId second = blobs.new_id();
        ASSERT_NO_THROW(blobs.create(first)->write(0, octets));
        const auto writer = blobs.create(second);
        try {
            writer->write(0, octets);
            FAIL() << "accepted more than the limit";
        } catch (const Error& e) {
            EXPECT_EQ(e.kind(), ErrorKind::NoSpace);
        }
        std::array<std::byte, 1> out{};
        EXPECT_EQ(writer->read(0, out), 0U) << "nothing of a refused write is kept";
        blobs.discard(first);
        blobs.discard(second);
    }
}

TEST_F(SmallStore, CountsTheOctetsOfErasedBlobsWhileAReaderIsOpen) {
    BlobRecord record;
    record.id = store_.blobs().new_id();
    record.state = BlobState::Published;
    record.total = 700'000;
    const std::vector<std::byte> octets(700'000);
    store_.blobs().create(record.id)->write(0, octets);
    ASSERT_EQ(write([&](WriteTransaction& t) { t.put_blob(record); }), std::nullopt);
    std::unique_ptr<BlobReader> reader;
    store_.read([&](ReadTransaction& t) { reader = t.open_blob(record.id); });
    ASSERT_EQ(write([&](WriteTransaction& t) { t.erase_blob(record.id); }), std::nullopt);
    const auto writer = store_.blobs().create(store_.blobs().new_id());
    EXPECT_THROW(writer->write(0, octets), Error);
    reader.reset();
    EXPECT_NO_THROW(writer->write(0, octets));
}

TEST_F(SmallStore, IsBusyWhenTooManyTransactionsWait) {
    std::promise<void> leave;
    auto may_leave = leave.get_future().share();
    store_.submit([=](WriteTransaction&) { may_leave.wait(); }, [](std::exception_ptr) {});
    bool is_busy = false;
    for (int i = 0; i < 20'000 && !is_busy; ++i) {
        try {
            store_.submit([](WriteTransaction&) {}, [](std::exception_ptr) {});
        } catch (const Error& e) {
            EXPECT_EQ(e.kind(), ErrorKind::Busy);
            is_busy = true;
        }
    }
    EXPECT_TRUE(is_busy);
    leave.set_value();
}

TEST_F(SmallStore, RefusesLimitsAndCursorsThatMakeNoSense) {
    store_.read([](ReadTransaction& t) {
        EXPECT_THROW(t.objects("", "", "", 0), Error);
        EXPECT_THROW(t.objects("", "", "", 10'001), Error);
        for (const auto* cursor : {"x", "3:ab", "1:a", "1:a1:b1:c1:d", "99999999999999999999:a", "-1:a"}) {
            EXPECT_THROW(t.objects("", "", cursor, 1), Error) << cursor;
        }
        EXPECT_THROW(t.updated_objects("", "", true, "1:x1:y", 1), Error);
    });
}

TEST_F(SmallStore, FailsTheTransactionWhoseIdsCannotBeCovered) {
    const std::string obstacle = folder_.root() + "sync/local/persisted-data.new";
    std::filesystem::create_directories(obstacle);
    const auto issue = [](WriteTransaction& t) {
        t.put_object(object(0, 1));
        t.next_instance_id(TimePoint(std::chrono::seconds(1'700'000'000)), 0);
    };
    EXPECT_EQ(write(issue), ErrorKind::Io);
    EXPECT_EQ(count(), 0U);
    EXPECT_EQ(store_.health().write_failures, 1U);
    EXPECT_NE(store_.health().problem, "");
    std::filesystem::remove(obstacle);
    EXPECT_EQ(write(issue), std::nullopt);
    EXPECT_EQ(store_.health().problem, "");
}

}  // namespace
}  // namespace edgesync::memory
