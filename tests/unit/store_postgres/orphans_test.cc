// Octets of an instance that others take for gone, while it is about to give them their record. Runs inside tests/with-postgres.
#include <future>
#include <thread>

#include "edgesync/sdk/error.h"
#include "edgesync/sdk/key.h"
#include "plugins/store-postgres/sql_text.h"
#include "plugins/store-postgres/statements.h"
#include "tests/unit/store_postgres/instance.h"

namespace edgesync::postgres {
namespace {

constexpr std::int64_t kSize = 100'000;

class Orphans : public ::testing::Test {
protected:
    void SetUp() override {
        if (!std::getenv("EDGESYNC_TEST_POSTGRES")) GTEST_SKIP() << "not inside tests/with-postgres";
        schema_ = schema_of_test();
        here_ = std::make_unique<Instance>(database_settings(schema_));
        there_ = other();
    }
    /// What another instance's connection is.
    std::unique_ptr<Connection> other() const {
        auto connection = std::make_unique<Connection>(server_of_tests());
        connection->run(session_text(schema_));
        return connection;
    }
    BlobId receive() {
        const BlobId id = here_->store().blobs().new_id();
        const auto writer = here_->store().blobs().create_sized(id, kSize);
        const std::string data(kSize, 'x');
        writer->write(0, std::as_bytes(std::span(data)));
        writer->sync();
        return id;
    }
    std::string column(const char* name, const BlobId& id) {
        return there_
            ->run(std::string("SELECT coalesce(") + name + "::text, '') FROM octets WHERE id = '\\x" + to_hex(blob_key(id)) + "'")[0][0]
            .c_str();
    }
    std::string doom(const BlobId& id) { return Call("doom_orphans").number(std::stoll(column("owner", id))).str(); }
    static BlobRecord record_of(const BlobId& id) {
        BlobRecord record;
        record.id = id;
        record.owner = {"acme", "model", "m1"};
        record.state = BlobState::Published;
        record.total = kSize;
        return record;
    }
    /// What the transaction that gives the octets a record says; empty when it was committed.
    std::string publish(const BlobId& id) {
        try {
            here_->change([&](WriteTransaction& txn, rules::Effects&) { txn.put_blob(record_of(id)); });
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::NotConnected) << error.what();
            return error.what();
        }
        return {};
    }
    bool has_record(const BlobId& id) {
        bool is_found = false;
        here_->store().read([&](ReadTransaction& txn) { is_found = txn.blob(id).has_value(); });
        return is_found;
    }
    /// Until a statement waits for another transaction.
    void wait_for_waiting() {
        const std::string waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (there_->run(waiting).empty()) {
            ASSERT_LT(std::chrono::steady_clock::now(), end) << "nobody waits";
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
    }

    std::string schema_;
    std::unique_ptr<Instance> here_;
    std::unique_ptr<Connection> there_;
};

TEST_F(Orphans, GetNoRecordOnceTheyAreDoomed) {
    const BlobId id = receive();
    there_->run(doom(id));
    EXPECT_NE(publish(id).find("send it again"), std::string::npos);
    EXPECT_FALSE(has_record(id));
}

TEST_F(Orphans, GetNoRecordOnceTheyAreRemoved) {
    const BlobId id = receive();
    there_->run(doom(id));
    there_->run(Call("sweep").number(600).array(ArrayText()).str());
    EXPECT_NE(publish(id).find("send it again"), std::string::npos);
    EXPECT_FALSE(has_record(id));
}

TEST_F(Orphans, GetNoRecordWhenTheyAreDoomedAtThatVeryMoment) {
    const BlobId id = receive();
    there_->run("BEGIN;" + doom(id));
    auto published = std::async(std::launch::async, [&] { return publish(id); });
    auto watching = std::move(there_);
    there_ = other();
    wait_for_waiting();
    watching->run("COMMIT");
    EXPECT_NE(published.get().find("send it again"), std::string::npos);
    EXPECT_FALSE(has_record(id));
}

TEST_F(Orphans, AreNotDoomedWhileTheyGetTheirRecord) {
    const BlobId id = receive();
    const std::string call = doom(id);
    const auto publishing = other();
    publishing->run("BEGIN;" + Call("own_octets").array(ArrayText().octets(blob_key(id))).str());
    auto doomed = std::async(std::launch::async, [&] { return other()->run(call).affected_rows(); });
    wait_for_waiting();
    // The record that the transaction is about to store is not visible yet, so the doom must not depend on it.
    publishing->run("INSERT INTO blob (id, record, created, is_staged) VALUES ('\\x" + to_hex(blob_key(id)) + "', '', 0, false); COMMIT");
    EXPECT_EQ(doomed.get(), 0U);
    EXPECT_EQ(column("doomed", id), "");
}

TEST_F(Orphans, DoNotBecomeAgainWhatHasARecord) {
    const BlobId id = receive();
    const std::string call = doom(id);
    EXPECT_EQ(publish(id), "");
    there_->run(call);
    here_->store().blobs().discard(id);  // A transaction whose answer was lost may have been committed after all.
    EXPECT_EQ(column("doomed", id), "");
    EXPECT_EQ(publish(id), "") << "a change of the record";
}

}  // namespace
}  // namespace edgesync::postgres
