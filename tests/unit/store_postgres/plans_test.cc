// Every prepared statement reaches its rows through an index, however many other rows there are: judged by the plan and by the pages
// that were looked at, with 100,000 nodes and objects. And it meets the records of one organization only, unless a reason is given here.
// Runs inside tests/with-postgres.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "plugins/store-postgres/schema.h"
#include "plugins/store-postgres/statements.h"
#include "tests/unit/store_postgres/instance.h"

namespace edgesync::postgres {
namespace {

constexpr char kSchema[] = "plans";

// Keys as key.cc makes them; what records hold does not matter to plans.
constexpr char kRows[] = R"(
CREATE FUNCTION k(VARIADIC parts text[]) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce(string_agg(convert_to(part, 'UTF8') || '\x0000', ''::bytea ORDER BY number), '')
  FROM unnest(parts) WITH ORDINALITY AS p(part, number) $$;
INSERT INTO destination (key, record, last_ping, name, protocol)
  SELECT k('acme', 'sensor', 's' || i), 'record', i, convert_to('s' || i, 'UTF8'), 'http' FROM generate_series(1, 100000) i;
INSERT INTO object (key, record, updated_type, is_received, updated_order, expires, activates, consumed, is_own)
  SELECT k('acme', 'model', 'o' || i), 'record', CASE WHEN i % 2 = 0 THEN k('acme', 'model') END, i % 4 = 0, int8send(i), i, i, i, true
  FROM generate_series(1, 100000) i;
INSERT INTO address SELECT k('acme', 'sensor', CASE WHEN i <= 20 THEN '' ELSE 's' || i END), k('acme', 'model', 'o' || i)
  FROM generate_series(1, 100000) i;
INSERT INTO delivery (key, node_key, record, status)
  SELECT k('acme', 'model', 'o1', 'acme', 'sensor', 's' || i), k('acme', 'sensor', 's' || i), 'record', i % 6 FROM generate_series(1, 100000) i;
INSERT INTO delivery (key, node_key, record, status)
  SELECT k('acme', 'model', 'o' || i, 'acme', 'sensor', 's1'), k('acme', 'sensor', 's1'), 'record', 1 FROM generate_series(2, 50) i;
INSERT INTO delivery (key, node_key, record, status)
  SELECT k('acme', 'model', 'gone', 'acme', 'sensor', 's' || i), k('acme', 'sensor', 's' || i), 'record', 1 FROM generate_series(1, 10) i;
INSERT INTO notification (key, peer_key, record, status, resend_at, seq)
  SELECT key, node_key, 'record', (row_number() OVER ()) % 20, row_number() OVER (), nextval('notification_seq') FROM delivery;
INSERT INTO blob (id, record, created, is_staged, small) SELECT int8send(i), 'record', i, i % 2 = 0, 'octets' FROM generate_series(1, 20000) i;
INSERT INTO octets (id, owner, doomed) SELECT int8send(i), 1, CASE WHEN i % 2 = 0 THEN now() END FROM generate_series(1, 20000) i;
INSERT INTO chunk (blob, no, octets) SELECT int8send(i), n, 'octets' FROM generate_series(1, 20000) i, generate_series(0, 1) n;
INSERT INTO entry (key, record) SELECT '\x00' || k('name' || i), 'value' FROM generate_series(1, 20000) i;
INSERT INTO erased SELECT k('acme', 'model', 'e' || i), i FROM generate_series(1, 20000) i;
INSERT INTO work (id, kind, payload, not_before, attempts) SELECT i, 'kind', 'payload', i, 0 FROM generate_series(1, 20000) i;
INSERT INTO feed (xid, origin, message) SELECT (3 + i % 100)::text::xid8, 1, 'message' FROM generate_series(1, 20000) i;
INSERT INTO leader VALUES (true, 'holder', now(), 10, 1);
ANALYZE;
)";

/// What a statement is tried with.
struct Try {
    const char* arguments;
    double pages = 60;                        ///< Most that may be looked at: a few levels of a few indexes, and the rows themselves.
    std::set<std::string> scans = {};         ///< Tables that may be read from end to end.
    std::set<std::string> ordered = {};       ///< Indexes that are read from their beginning, as far as the limit goes.
    const char* all_organizations = nullptr;  ///< Why it may meet records of all of them.
};

// Why it may. No caller of the API and no node can ask for these.
constexpr char kLeader[] = "the leader does periodically what is due in every organization";
constexpr char kSender[] = "what waits for an answer is repeated, whoever's it is";

#define ONE_OBJECT "k('acme', 'model', 'o777')"
#define ONE_NODE "k('acme', 'sensor', 's777')"
#define ONE_PAIR "k('acme', 'model', 'o1', 'acme', 'sensor', 's777')"
#define OBJECT_1 "k('acme', 'model', 'o1')"
#define END_OF_OBJECT_1 "k('acme', 'model') || '\\x6f310001'"
// An object that is gone, of which ten records of each kind are left, and one that is there, with those of all nodes.
#define GONE_AND_OBJECT_1 "ARRAY[k('acme', 'model', 'gone'), " OBJECT_1 "]"
#define THEIR_ENDS "ARRAY[k('acme', 'model') || '\\x676f6e650001', " END_OF_OBJECT_1 "]"
#define FAN_OUT                                                                                                    \
    ", 20, 'a', 'b', 1::smallint, true, 'a', 'b', 1::smallint, 'c', 0::smallint, 60, true, ARRAY['http'::bytea], " \
    "1000"

/// One row for every prepared statement. Who adds a statement says here what it costs.
const std::map<std::string, Try>& tries() {
    static const std::map<std::string, Try> table = {
        {"get_object", {ONE_OBJECT, 8}},
        {"lock_object", {ONE_OBJECT, 12}},
        {"get_delivery", {ONE_PAIR, 8}},
        {"lock_delivery", {ONE_PAIR, 12}},
        {"get_notification", {ONE_PAIR, 8}},
        {"lock_notification", {ONE_PAIR, 12}},
        {"get_destination", {ONE_NODE, 8}},
        {"lock_destination", {ONE_NODE, 12}},
        {"get_blob", {"int8send(777)", 8}},
        {"lock_blob", {"int8send(777)", 12}},
        {"get_entry", {"'\\x00' || k('name777')", 8}},
        {"lock_entry", {"'\\x00' || k('name777')", 12}},
        {"objects", {"k('acme', 'model'), '\\x61636d65006d6f64656c0001', 10"}},
        {"updated", {"k('acme', 'model'), true, '', 10"}},
        {"addressed", {"k('acme', '', ''), k('acme', 'sensor', ''), " ONE_NODE ", '', 10", 120}},
        {"expired", {.arguments = "100, 10", .all_organizations = kLeader}},
        {"activating", {.arguments = "100, 10", .all_organizations = kLeader}},
        {"consumed", {.arguments = "100, 10", .all_organizations = kLeader}},
        {"counter", {"1::smallint", 60, {"counter"}}},
        {"deliveries", {OBJECT_1 ", " END_OF_OBJECT_1 ", 10"}},
        // Counts what it answers about.
        {"delivery_counts", {"k('acme', 'model', 'o7'), k('acme', 'model') || '\\x6f370001'"}},
        {"objects_of_node", {"k('acme', 'sensor', 's1'), '', 10"}},
        {"notifications", {OBJECT_1 ", " END_OF_OBJECT_1 ", 10"}},
        {"of_peer", {"k('acme', 'sensor', 's1'), '', 10"}},
        {"pending", {"k('acme', 'sensor', 's778'), 0, 10", 8}},
        {"due", {.arguments = "100, 10", .all_organizations = kSender}},
        {"transfers", {.arguments = "'', 10", .all_organizations = kSender}},
        {"deliveries_outside",
         {OBJECT_1
          ", k('acme', 'model', 'o1', 'acme', 'sensor'), k('acme', 'model', 'o1', 'acme') || '\\x73656e736f720001', " END_OF_OBJECT_1
          ", 10"}},
        {"prefetch",
         {"ARRAY[" ONE_OBJECT "], ARRAY[" ONE_PAIR "], ARRAY[" ONE_PAIR "], ARRAY[" ONE_NODE "], ARRAY[" OBJECT_1
          "], ARRAY[" END_OF_OBJECT_1 "]"
          ", ARRAY[k('acme', 'sensor')], ARRAY[k('acme', 'sensor', 't')], 10"}},
        {"destinations", {"k('acme', 'sensor'), '\\x61636d65000073656e736f720001', 10"}},
        {"inactive", {.arguments = "100, 10", .all_organizations = kLeader}},
        {"open_blob", {"int8send(777)", 8}},
        {"staged", {"100, 10"}},
        {"entries", {"'\\x00', '\\x01', 10"}},
        // Says how long the queue is; asked by people.
        {"count_work", {"", 1e9, {"work"}, {"work_pkey", "work_time"}}},
        {"next_work", {"", 8, {}, {"work_time"}}},
        {"chunk", {"int8send(777), 1", 8}},
        {"known_octets", {"ARRAY[int8send(777)]", 8}},
        {"extent", {"int8send(777)", 8}},
        {"clear_addresses", {"ARRAY[" ONE_OBJECT "], ARRAY[" ONE_OBJECT "], ARRAY['a'::bytea]"}},
        {"put_addresses", {"ARRAY[" ONE_OBJECT "], ARRAY['a'::bytea]"}},
        {"erase_objects", {"ARRAY[" ONE_OBJECT "]", 60, {"issued"}}},
        {"erase_deliveries", {"ARRAY[" ONE_PAIR "]"}},
        {"erase_deliveries_of", {"k('acme', 'model', 'o7'), k('acme', 'model') || '\\x6f370001'"}},
        {"erase_notifications", {"ARRAY[" ONE_PAIR "]"}},
        {"erase_notifications_of", {"k('acme', 'model', 'o7'), k('acme', 'model') || '\\x6f370001'"}},
        {"erase_notifications_of_peer", {ONE_NODE}},
        {"erase_leftovers", {GONE_AND_OBJECT_1 ", " THEIR_ENDS ", " GONE_AND_OBJECT_1 ", " THEIR_ENDS, 120}},
        {"erase_destinations", {"ARRAY[" ONE_NODE "]"}},
        {"erase_blobs", {"ARRAY[int8send(777)]"}},
        {"erase_entries", {"ARRAY['\\x00' || k('name777')]"}},
        {"add_work", {"ARRAY[100000], ARRAY['kind'::bytea], ARRAY['payload'::bytea], ARRAY[5]"}},
        {"claim_work", {"100, 10"}},
        {"claim_due", {.arguments = "100, 10", .pages = 90, .all_organizations = kSender}},
        {"claimed_work", {"ARRAY[777], 5"}},
        {"tell", {"1, ARRAY['message'::bytea]"}},
        {"hear", {"pg_current_snapshot(), 1"}},
        {"feed_end", {"", 60, {}, {"feed_pkey"}}},
        {"forget_feed", {"100, pg_current_snapshot()", 300}},  // Forgets a hundred.
        {"heartbeat", {"'holder'", 60, {"leader"}}},           // One row, as the next three.
        {"take_over", {"'holder', 5", 60, {"leader"}}},
        {"resign", {"'holder'", 60, {"leader"}}},
        {"keep_term", {"1", 60, {"leader"}}},
        {"complete_work", {"777"}},
        {"move_work", {"777, 5, 'payload'"}},
        {"hold_object", {"ARRAY[" ONE_OBJECT "]", 12}},
        {"hold_notification", {"ARRAY[" ONE_PAIR "]", 12}},
        {"hold_delivery", {"ARRAY[" ONE_PAIR "]", 12}},
        {"hold_destination", {"ARRAY[" ONE_NODE "]", 12}},
        {"hold_entry", {"ARRAY['\\x00' || k('name777')]", 12}},
        {"touch_objects", {"ARRAY[" ONE_OBJECT "]"}},
        {"keep_objects", {"ARRAY[" ONE_OBJECT "]"}},
        {"keep_destinations", {"ARRAY[" ONE_NODE "]"}},
        {"highest_erased", {"", 8}},
        {"forget_erased", {"", 60, {"issued"}}},
        {"reserve_ids", {"5", 60, {"issued"}}},  // One row.
        {"work_ids", {""}},
        {"fold_counters", {"", 60, {"counter"}, {"counter_name"}}},  // A few dozen rows, folded every ten seconds.
        {"new_octets", {"int8send(100001), 1, true"}},
        {"open_octets", {"int8send(777), 7"}},
        {"seal_octets", {"int8send(777), 7"}},
        {"own_octets", {"ARRAY[int8send(777), int8send(778)]"}},
        {"discard_octets", {"int8send(777)"}},
        {"put_chunk", {"int8send(777), 0, 3, 'octets'"}},
        // At start and twice a minute, on a table of large uploads alone.
        {"orphan_owners", {"7", 1e9, {"octets", "blob"}, {"octets_pkey", "blob_pkey"}}},
        {"doom_orphans", {"7", 1e9, {"octets", "blob"}, {"octets_pkey", "blob_pkey"}}},
        {"sweep", {"600, ARRAY[int8send(777)]"}},
        {"doomed_files", {"600, ARRAY[int8send(777)]"}},
        {"forget_files", {"ARRAY[int8send(777)]"}},
        {"put_delivery", {"ARRAY[" ONE_PAIR "], ARRAY[" ONE_NODE "], ARRAY['r'::bytea], ARRAY[1]"}},
        {"add_delivery", {"ARRAY['a'::bytea], ARRAY['a'::bytea], ARRAY['r'::bytea], ARRAY[1]"}},
        {"put_destination", {"ARRAY[" ONE_NODE "], ARRAY['r'::bytea], ARRAY[1], ARRAY['n'::bytea], ARRAY['p'::bytea]"}},
        {"add_destination", {"ARRAY['a'::bytea], ARRAY['r'::bytea], ARRAY[1], ARRAY['n'::bytea], ARRAY['p'::bytea]"}},
        {"put_blob", {"ARRAY[int8send(777)], ARRAY['r'::bytea], ARRAY[1], ARRAY[true], ARRAY['o'::bytea]"}},
        {"add_blob", {"ARRAY['a'::bytea], ARRAY['r'::bytea], ARRAY[1], ARRAY[true], ARRAY['o'::bytea]"}},
        {"put_entry", {"ARRAY['\\x00' || k('name777')], ARRAY['r'::bytea]"}},
        {"add_entry", {"ARRAY['a'::bytea], ARRAY['r'::bytea]"}},
        {"put_object",
         {"ARRAY[" ONE_OBJECT "], ARRAY['r'::bytea], ARRAY['t'::bytea], ARRAY[true], ARRAY['o'::bytea], ARRAY[1], ARRAY[1], ARRAY[1], "
          "ARRAY[true], ARRAY[1]",
          90}},
        {"add_object",
         {"ARRAY['a'::bytea], ARRAY['r'::bytea], ARRAY['t'::bytea], ARRAY[true], ARRAY['o'::bytea], ARRAY[1], ARRAY[1], ARRAY[1], "
          "ARRAY[true], ARRAY[1], ARRAY['a'::bytea], ARRAY['b'::bytea]",
          90}},
        {"put_notification", {"ARRAY[" ONE_PAIR "], ARRAY[" ONE_NODE "], ARRAY['r'::bytea], ARRAY[1], ARRAY[1]"}},
        {"add_notification", {"ARRAY['a'::bytea], ARRAY['a'::bytea], ARRAY['r'::bytea], ARRAY[1], ARRAY[1]"}},
        // Twenty nodes with two records in some indexes each.
        {"fan_out_nodes", {ONE_OBJECT ", k('acme', 'sensor'), '\\x61636d65000073656e736f720001'" FAN_OUT, 1500}},
        {"fan_out_new", {ONE_OBJECT ", k('acme', 'sensor'), '\\x61636d65000073656e736f720001'" FAN_OUT, 1500}},
        {"has_records", {ONE_OBJECT ", k('acme', 'model', 'o777', 'z')", 12}},
        {"fan_out_destinations", {OBJECT_1 ", " OBJECT_1 ", " END_OF_OBJECT_1 FAN_OUT, 1500}},
    };
    return table;
}

class Plans : public testing::Test {
protected:
    static void SetUpTestSuite() {
        if (!std::getenv("EDGESYNC_TEST_POSTGRES")) return;
        connection_ = std::make_unique<Connection>(server_of_tests());
        migrate(*connection_, kSchema);
        connection_->run(std::string("SET search_path TO ") + kSchema);
        connection_->run(kRows);
        connection_->run(session_text(kSchema));
    }
    static void TearDownTestSuite() { connection_.reset(); }
    void SetUp() override {
        if (!connection_) GTEST_SKIP() << "not inside tests/with-postgres";
    }

    static nlohmann::json plan_of(const std::string& name, const Try& one, Connection& connection = *connection_,
                                  const std::string& options = "ANALYZE, BUFFERS, ") {
        const std::string arguments = *one.arguments ? std::string("(") + one.arguments + ")" : "";
        connection.run("BEGIN");
        const Rows rows = connection.run("EXPLAIN (" + options + "FORMAT JSON) EXECUTE " + name + arguments);
        connection.run("ROLLBACK");
        return nlohmann::json::parse(rows[0][0].c_str())[0]["Plan"];
    }
    static std::vector<std::string> statements() {
        std::vector<std::string> names;
        for (const auto& row : connection_->run("SELECT name FROM pg_prepared_statements")) names.emplace_back(row[0].c_str());
        return names;
    }

    static std::unique_ptr<Connection> connection_;
};

std::unique_ptr<Connection> Plans::connection_;

/// Says what is wrong with the node and those below it.
void judge(const nlohmann::json& node, const Try& one, std::string& problems) {
    const std::string type = node["Node Type"];
    const std::string table = node.value("Relation Name", "");
    const std::string index = node.value("Index Name", "");
    if (type == "Seq Scan" && !one.scans.contains(table)) problems += " reads the whole table " + table + ";";
    const bool is_index = type == "Index Scan" || type == "Index Only Scan" || type == "Bitmap Index Scan";
    if (is_index && !node.contains("Index Cond") && !one.ordered.contains(index)) problems += " reads the whole index " + index + ";";
    if (is_index && !one.ordered.contains(index) && node.value("Rows Removed by Filter", 0.0) > 100)
        problems += " throws away most of what " + index + " finds;";
    for (const auto& child : node.value("Plans", nlohmann::json::array())) judge(child, one, problems);
}

/// Whether what an index is asked for is confined to one organization: by the columns whose values begin with one (of entries after the
/// number of their list), either a value or both ends of a range.
bool is_confined(const std::string& condition) {
    static const std::regex kPart(R"([(.](key|node_key|peer_key|address|object_key|updated_type) (=|>=|>|<=|<) )");
    std::map<std::string, std::set<char>> found;
    for (std::sregex_iterator part(condition.begin(), condition.end(), kPart), end; part != end; ++part)
        found[(*part)[1]].insert((*part)[2].str().front());
    return std::any_of(found.begin(), found.end(),
                       [](const auto& column) { return column.second.contains('=') || column.second.size() == 2; });
}

/// Says where the node and those below it may meet records of several organizations. Data is found by the id that a record names.
void judge_confinement(const nlohmann::json& node, std::string& problems) {
    static const std::set<std::string> kTables = {"object", "delivery", "notification", "destination", "entry", "address"};
    const std::string type = node["Node Type"];
    const std::string table = node.value("Relation Name", "");
    const std::string condition = node.value("Index Cond", "");
    if (type.find("Scan") != std::string::npos && kTables.contains(table) && !is_confined(condition))
        problems += " meets all of " + table + " by " + condition + ";";
    if (type == "Bitmap Index Scan") problems += " cannot be judged;";
    for (const auto& child : node.value("Plans", nlohmann::json::array())) judge_confinement(child, problems);
}

TEST_F(Plans, EveryStatementReachesItsRowsThroughAnIndex) {
    std::size_t count = 0;
    for (const std::string& name : statements()) {
        const auto found = tries().find(name);
        ++count;
        if (found == tries().end()) {
            ADD_FAILURE() << name << " has no row in the table of this test";
            continue;
        }
        const nlohmann::json plan = plan_of(name, found->second);
        std::string problems;
        judge(plan, found->second, problems);
        const double pages = plan.value("Shared Hit Blocks", 0.0) + plan.value("Shared Read Blocks", 0.0);
        EXPECT_EQ(problems, "") << name << plan.dump(1);
        EXPECT_LE(pages, found->second.pages) << name << " looks at too many pages" << plan.dump(1);
    }
    EXPECT_EQ(count, tries().size()) << "a row of the table names no statement";
}

// A connection may keep the plans that it makes now until there are many rows.
TEST_F(Plans, EveryStatementOfANewSchemaUsesIndexesFromTheFirstRowOn) {
    Connection young(server_of_tests());
    migrate(young, "young");
    young.run(session_text("young"));
    young.run(std::string("SET search_path TO young, ") + kSchema);  // Where the function k is.
    for (const std::string& name : statements()) {
        const auto found = tries().find(name);
        if (found == tries().end()) continue;
        const nlohmann::json plan = plan_of(name, found->second, young, "");
        std::string problems;
        judge(plan, found->second, problems);
        EXPECT_EQ(problems, "") << name << plan.dump(1);
    }
}

TEST_F(Plans, EveryStatementMeetsOneOrganizationOrSaysWhyNot) {
    for (const std::string& name : statements()) {
        const auto found = tries().find(name);
        if (found == tries().end()) continue;
        const nlohmann::json plan = plan_of(name, found->second);
        std::string problems;
        judge_confinement(plan, problems);
        if (found->second.all_organizations) {
            EXPECT_NE(problems, "") << name << " needs no reason";
        } else {
            EXPECT_EQ(problems, "") << name << plan.dump(1);
        }
    }
}

TEST_F(Plans, AStatementThatMeetsAllOrganizationsIsSeen) {
    for (const char* sql :
         {"SELECT record FROM object WHERE expires <= 5", "SELECT record FROM destination WHERE key > 'a' ORDER BY key LIMIT 5",
          "SELECT record FROM delivery WHERE key < 'a'", "SELECT count(*) FROM address"}) {
        connection_->run(std::string("PREPARE meeting AS ") + sql);
        std::string problems;
        judge_confinement(plan_of("meeting", {""}), problems);
        EXPECT_NE(problems, "") << sql;
        connection_->run("DEALLOCATE meeting");
    }
}

TEST_F(Plans, AScanIsSeen) {
    connection_->run("PREPARE scanning AS SELECT count(*) FROM delivery WHERE record = 'x'");
    connection_->run(
        "PREPARE filtering AS SELECT key FROM notification WHERE resend_at <= 1000000 AND status IN (0, 6, 9, 12, 15, 18)"
        " AND record = 'x' ORDER BY resend_at, seq LIMIT 1");
    for (const char* name : {"scanning", "filtering"}) {
        std::string problems;
        judge(plan_of(name, {""}), {""}, problems);
        EXPECT_NE(problems, "") << name;
        connection_->run(std::string("DEALLOCATE ") + name);
    }
}

}  // namespace
}  // namespace edgesync::postgres
