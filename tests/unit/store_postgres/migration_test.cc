// What older versions of the schema hold becomes what this one needs. Runs inside tests/with-postgres.
#include <gtest/gtest.h>

#include <cstdlib>

#include "edgesync/sdk/codec.h"
#include "edgesync/sdk/key.h"
#include "plugins/store-postgres/record_frame.h"
#include "plugins/store-postgres/schema.h"
#include "plugins/store-postgres/sql_text.h"
#include "tests/unit/store_postgres/instance.h"

namespace edgesync::postgres {
namespace {

TEST(Migration, NodesOfTheFirstVersionGetTheirNamesAndProtocols) {
    if (!std::getenv("EDGESYNC_TEST_POSTGRES")) GTEST_SKIP() << "not inside tests/with-postgres";
    Connection connection(server_of_tests());
    migrate(connection, "old", 1);
    connection.run("SET search_path TO old");
    const std::vector<DestinationRecord> nodes = {
        {{"acme", "camera", "cam1"}, "http", "1.0", TimePoint(), true},
        {{std::string(127, 'o'), std::string(128, 't'), std::string(1024, 'i')}, "mqtt", "", TimePoint(), false},
        {{"org", "t", "\u00fc"}, "", "2", TimePoint(), false},
    };
    for (const DestinationRecord& node : nodes) {
        connection.run("INSERT INTO destination VALUES ('\\x" + to_hex(Key().node(node.node).str()) + "', '\\x" +
                       to_hex(codec::encode(node)) + "', 1)");
    }
    migrate(connection, "old");
    connection.run("SET search_path TO old");
    for (const DestinationRecord& node : nodes) {
        const Rows rows =
            connection.run("SELECT name, protocol FROM destination WHERE key = '\\x" + to_hex(Key().node(node.node).str()) + "'");
        EXPECT_EQ(octets_of(rows[0][0]), name_in_records(node.node)) << node.node.id;
        EXPECT_EQ(octets_of(rows[0][1]), node.protocol) << node.node.id;
    }
}

}  // namespace
}  // namespace edgesync::postgres
