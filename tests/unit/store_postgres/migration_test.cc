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

class Migration : public ::testing::Test {
protected:
    void SetUp() override {
        if (!std::getenv("EDGESYNC_TEST_POSTGRES")) GTEST_SKIP() << "not inside tests/with-postgres";
        connection_ = std::make_unique<Connection>(server_of_tests());
    }
    int version_of(const std::string& schema) {
        return connection_->run("SELECT max(version) FROM " + schema + ".migration")[0][0].as<int>();
    }
    /// Every column, index and sequence, without the schema's name.
    std::string shape_of(const std::string& schema) {
        connection_->run("SET search_path TO " + schema);
        const std::string of_schema = "schema = '" + schema + "'";
        return connection_
            ->run(
                "SELECT string_agg(line, E'\\n' ORDER BY line) FROM ("
                "SELECT concat_ws(' ', table_name, column_name, data_type, is_nullable, column_default) AS line"
                " FROM information_schema.columns WHERE table_" +
                of_schema + " UNION ALL SELECT replace(indexdef, '" + schema + ".', '') FROM pg_indexes WHERE schemaname = '" + schema +
                "' UNION ALL SELECT concat_ws(' ', sequence_name, increment) FROM information_schema.sequences WHERE sequence_" +
                of_schema + ") AS lines")[0][0]
            .c_str();
    }

    std::unique_ptr<Connection> connection_;
};

TEST_F(Migration, NodesOfOlderVersionsGetTheirNamesAndProtocols) {
    const std::vector<DestinationRecord> nodes = {
        {{"acme", "camera", "cam1"}, "http", "1.0", TimePoint(), true},
        {{std::string(127, 'o'), std::string(128, 't'), std::string(1024, 'i')}, "mqtt", "", TimePoint(), false},
        {{"org", "t", "\u00fc"}, "", "2", TimePoint(), false},
    };
    for (const int version : {1, 2, 3}) {
        const std::string schema = "nodes_" + std::to_string(version);
        migrate(*connection_, schema, version);
        connection_->run("SET search_path TO " + schema);
        for (const DestinationRecord& node : nodes) {
            connection_->run("INSERT INTO destination VALUES ('\\x" + to_hex(Key().node(node.node).str()) + "', '\\x" +
                             to_hex(codec::encode(node)) + "', 1)");
        }
        migrate(*connection_, schema);
        for (const DestinationRecord& node : nodes) {
            const Rows rows =
                connection_->run("SELECT name, protocol FROM destination WHERE key = '\\x" + to_hex(Key().node(node.node).str()) + "'");
            ASSERT_EQ(rows.size(), 1) << version << node.node.id;
            EXPECT_EQ(octets_of(rows[0][0]), name_in_records(node.node)) << version << node.node.id;
            EXPECT_EQ(octets_of(rows[0][1]), node.protocol) << version << node.node.id;
        }
    }
}

TEST_F(Migration, EveryVersionBecomesWhatANewSchemaIs) {
    migrate(*connection_, "version_0");
    const std::string newest = shape_of("version_0");
    for (int version = 1; version < version_of("version_0"); ++version) {
        const std::string schema = "version_" + std::to_string(version);
        migrate(*connection_, schema, version);
        EXPECT_EQ(version_of(schema), version);
        EXPECT_NE(shape_of(schema), newest);
        migrate(*connection_, schema);
        EXPECT_EQ(version_of(schema), version_of("version_0"));
        EXPECT_EQ(shape_of(schema), newest) << "from version " << version;
    }
}

TEST_F(Migration, OneThatFailsLeavesTheSchemaAsItWas) {
    {
        Connection failing(server_of_tests());
        migrate(failing, "torn", 1);
        failing.run("CREATE TABLE torn.erased ()");  // Which the last migration makes.
        EXPECT_THROW(migrate(failing, "torn"), Error);
    }
    migrate(*connection_, "whole", 1);
    EXPECT_EQ(version_of("torn"), 1);
    connection_->run("DROP TABLE torn.erased");
    EXPECT_EQ(shape_of("torn"), shape_of("whole"));
    migrate(*connection_, "torn");
    migrate(*connection_, "whole");
    EXPECT_EQ(shape_of("torn"), shape_of("whole"));
}

}  // namespace
}  // namespace edgesync::postgres
