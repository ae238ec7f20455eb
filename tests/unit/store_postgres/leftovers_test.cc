// What is erased after an object went: records that were left, and not those of an object that has its name now. Runs inside
// tests/with-postgres.
#include <future>

#include "plugins/store-postgres/statements.h"
#include "tests/unit/store_postgres/instance.h"

namespace edgesync::postgres {
namespace {

class Leftovers : public ::testing::Test {
protected:
    void SetUp() override {
        if (!std::getenv("EDGESYNC_TEST_POSTGRES")) GTEST_SKIP() << "not inside tests/with-postgres";
        instance_ = std::make_unique<Instance>(database_settings(schema_of_test()));
        other_.run("SET search_path TO " + schema_of_test());
        session_.run(session_text("\"" + schema_of_test() + "\""));
        other_.run("INSERT INTO delivery (key, node_key, record, status) VALUES ('\\x6f01', 'n', 'r', 1)");
        other_.run("INSERT INTO notification (key, peer_key, record, status, resend_at, seq) VALUES ('\\x6f01', 'n', 'r', 1, 0, 1)");
    }
    /// Of the object whose key is 'o'.
    void erase() {
        session_.run(
            "EXECUTE erase_leftovers(ARRAY['\\x6f']::bytea[], ARRAY['\\x70']::bytea[], ARRAY['\\x6f']::bytea[], ARRAY['\\x70']::bytea[])");
    }
    std::string left() {
        return other_.run("SELECT (SELECT count(*) FROM delivery) || ' ' || (SELECT count(*) FROM notification)")[0][0].c_str();
    }

    std::unique_ptr<Instance> instance_;
    Connection other_{server_of_tests()};
    Connection session_{server_of_tests()};
};

constexpr char kPublish[] = "INSERT INTO object (key, record, is_received, is_own) VALUES ('\\x6f', 'r', false, true)";

TEST_F(Leftovers, OfAnObjectThatIsGoneGo) {
    erase();
    EXPECT_EQ(left(), "0 0");
}

TEST_F(Leftovers, OfAnObjectThatIsThereStay) {
    other_.run(kPublish);
    erase();
    EXPECT_EQ(left(), "1 1");
}

TEST_F(Leftovers, ThatAnObjectPublishedMeanwhileUsesStay) {
    const std::string pid = session_.run("SELECT pg_backend_pid()")[0][0].c_str();
    Connection observer(server_of_tests());
    other_.run("BEGIN");
    other_.run(kPublish);
    other_.run("UPDATE delivery SET status = 2");
    other_.run("UPDATE notification SET status = 2");
    auto erased = std::async(std::launch::async, [&] { erase(); });
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (observer.run("SELECT 1 FROM pg_locks WHERE NOT granted AND pid = " + pid).empty() && std::chrono::steady_clock::now() < end) {
    }
    other_.run("COMMIT");
    erased.get();
    EXPECT_EQ(left(), "1 1");
}

}  // namespace
}  // namespace edgesync::postgres
