#include "statements.h"

#include <string_view>

namespace edgesync::postgres {
namespace {

struct Statement {
    const char* name;
    const char* types;
    const char* sql;
};

// `get_` reads in a snapshot, `lock_` reads the newest version and keeps others from changing it before the end of the transaction.
constexpr Statement kSingles[] = {
    {"object", "bytea", "SELECT record FROM object WHERE key = $1"},
    {"delivery", "bytea", "SELECT record FROM delivery WHERE key = $1"},
    {"notification", "bytea", "SELECT record, seq FROM notification WHERE key = $1"},
    {"destination", "bytea", "SELECT record FROM destination WHERE key = $1"},
    {"blob", "bytea", "SELECT record FROM blob WHERE id = $1"},
    {"entry", "bytea", "SELECT record FROM entry WHERE key = $1"},
};

// As the index has it.
#define PENDING_SEQ "(CASE WHEN status IN (1, 7, 13, 16, 19) THEN seq END)"

constexpr Statement kQueries[] = {
    {"objects", "bytea, bytea, bigint", "SELECT key, record FROM object WHERE key >= $1 AND key < $2 ORDER BY key LIMIT $3"},
    {"updated", "bytea, boolean, bytea, bigint",
     "SELECT updated_order, record FROM ("
     "(SELECT updated_order, record FROM object WHERE updated_type = $1 AND NOT is_received AND updated_order > $3"
     " ORDER BY updated_order LIMIT $4) UNION ALL "
     "(SELECT updated_order, record FROM object WHERE $2 AND updated_type = $1 AND is_received AND updated_order > $3"
     " ORDER BY updated_order LIMIT $4)) both_kinds ORDER BY updated_order LIMIT $4"},
    // The scalar subquery forces one probe per object; a join might read the whole table of objects.
    {"addressed", "bytea, bytea, bytea, bytea, bigint",
     "SELECT object_key, (SELECT record FROM object WHERE key = object_key) FROM (SELECT DISTINCT object_key FROM ("
     "(SELECT object_key FROM address WHERE address = $1 AND object_key > $4 ORDER BY object_key LIMIT $5) UNION ALL "
     "(SELECT object_key FROM address WHERE address = $2 AND object_key > $4 ORDER BY object_key LIMIT $5) UNION ALL "
     "(SELECT object_key FROM address WHERE address = $3 AND object_key > $4 ORDER BY object_key LIMIT $5)) every_form"
     " ORDER BY object_key LIMIT $5) found ORDER BY object_key"},
    {"expired", "bigint, bigint", "SELECT record FROM object WHERE expires <= $1 ORDER BY expires, key LIMIT $2"},
    {"activating", "bigint, bigint", "SELECT record FROM object WHERE activates <= $1 ORDER BY activates, key LIMIT $2"},
    {"consumed", "bigint, bigint", "SELECT record FROM object WHERE consumed <= $1 ORDER BY consumed, key LIMIT $2"},
    {"counter", "smallint", "SELECT coalesce(sum(delta), 0)::bigint FROM counter WHERE name = $1"},
    {"deliveries", "bytea, bytea, bigint", "SELECT key, record FROM delivery WHERE key >= $1 AND key < $2 ORDER BY key LIMIT $3"},
    {"delivery_counts", "bytea, bytea", "SELECT status, count(*) FROM delivery WHERE key >= $1 AND key < $2 GROUP BY status"},
    // OFFSET 0: all of the node first, or a plan might read the records of all nodes in the order of their keys.
    {"objects_of_node", "bytea, bytea, bigint",
     "SELECT key, record FROM (SELECT key, record FROM delivery WHERE node_key = $1 OFFSET 0) of_node WHERE key > $2 ORDER BY key LIMIT "
     "$3"},
    {"notifications", "bytea, bytea, bigint",
     "SELECT key, record, seq FROM notification WHERE key >= $1 AND key < $2 ORDER BY key LIMIT $3"},
    {"of_peer", "bytea, bytea, bigint",
     "SELECT key, record, seq FROM (SELECT key, record, seq FROM notification WHERE peer_key = $1 OFFSET 0) of_peer"
     " WHERE key > $2 ORDER BY key LIMIT $3"},
    {"pending", "bytea, bigint, bigint",
     "SELECT record, seq FROM notification WHERE peer_key = $1 AND " PENDING_SEQ " > $2 ORDER BY " PENDING_SEQ " LIMIT $3"},
    {"due", "bigint, bigint",
     "SELECT record, seq FROM notification WHERE resend_at <= $1 AND status IN (0, 6, 9, 12, 15, 18) ORDER BY resend_at, seq LIMIT $2"},
    {"transfers", "bytea, bigint", "SELECT key, record, seq FROM notification WHERE key > $1 AND status IN (10, 11) ORDER BY key LIMIT $2"},
    // Before $2 or from $3 on, of what starts with $1 and ends before $4.
    {"deliveries_outside", "bytea, bytea, bytea, bytea, bigint",
     "(SELECT key, record FROM delivery WHERE key >= $1 AND key < $2 ORDER BY key LIMIT $5) UNION ALL "
     "(SELECT key, record FROM delivery WHERE key >= greatest($1, $3) AND key < $4 ORDER BY key LIMIT $5) ORDER BY key LIMIT $5"},
    {"has_records", "bytea, bytea",
     "SELECT EXISTS (SELECT FROM delivery WHERE key >= $1 AND key < $2) OR EXISTS (SELECT FROM notification WHERE key >= $1 AND key < $2)"},
    // Single records of several tables, by the number of the table, and the first ones of ranges, with the range's number.
    {"prefetch", "bytea[], bytea[], bytea[], bytea[], bytea[], bytea[], bytea[], bytea[], bigint",
     "SELECT 1 AS kind, key, record, 0 AS seq FROM object WHERE key = ANY($1)"
     " UNION ALL SELECT 2, key, record, 0 FROM delivery WHERE key = ANY($2)"
     " UNION ALL SELECT 3, key, record, seq FROM notification WHERE key = ANY($3)"
     " UNION ALL SELECT 4, key, record, 0 FROM destination WHERE key = ANY($4)"
     " UNION ALL SELECT 5, key, record, number FROM unnest($5, $6) WITH ORDINALITY AS range(low, high, number),"
     " LATERAL (SELECT key, record FROM delivery WHERE key >= low AND key < high ORDER BY key LIMIT $9) few"
     " UNION ALL SELECT 6, key, record, number FROM unnest($7, $8) WITH ORDINALITY AS range(low, high, number),"
     " LATERAL (SELECT key, record FROM destination WHERE key >= low AND key < high ORDER BY key LIMIT $9) few"},
    {"destinations", "bytea, bytea, bigint", "SELECT key, record FROM destination WHERE key >= $1 AND key < $2 ORDER BY key LIMIT $3"},
    {"inactive", "bigint, bigint", "SELECT record FROM destination WHERE last_ping < $1 ORDER BY last_ping, key LIMIT $2"},
    {"open_blob", "bytea", "SELECT record, small, (SELECT is_file FROM octets WHERE octets.id = blob.id) FROM blob WHERE id = $1"},
    {"staged", "bigint, bigint", "SELECT id FROM blob WHERE is_staged AND created < $1 ORDER BY created, id LIMIT $2"},
    {"entries", "bytea, bytea, bigint", "SELECT key, record FROM entry WHERE key >= $1 AND key < $2 ORDER BY key LIMIT $3"},
    {"count_work", "", "SELECT count(*) FROM work"},
    {"next_work", "", "SELECT not_before FROM work ORDER BY not_before, id LIMIT 1"},
    {"chunk", "bytea, bigint", "SELECT octets FROM chunk WHERE blob = $1 AND no = $2"},
    {"known_octets", "bytea[]", "SELECT id FROM octets WHERE id = ANY($1)"},
    {"extent", "bytea", "SELECT no, length(octets) FROM chunk WHERE blob = $1 ORDER BY no DESC LIMIT 1"},
};

// Several rows of a table at once: each parameter is the array of a column. `put_` replaces what is there, and in a snapshot it fails if
// a row of the snapshot is gone (serialization failure); `add_` fails if there is a row already (unique violation). Either tells a
// transaction that what it saw is not so any more.
struct Upsert {
    const char* table;
    const char* key;
    const char* columns;  ///< Without the key.
    const char* types;    ///< Of the elements, the key's first.
};

constexpr Upsert kUpserts[] = {
    {"delivery", "key", "node_key, record, status", "bytea, bytea, bytea, smallint"},
    {"destination", "key", "record, last_ping, name, protocol", "bytea, bytea, bigint, bytea, bytea"},
    {"blob", "id", "record, created, is_staged, small", "bytea, bytea, bigint, boolean, bytea"},
    {"entry", "key", "record", "bytea, bytea"},
    {"object", "key", "record, updated_type, is_received, updated_order, expires, activates, consumed, is_own, instance_id",
     "bytea, bytea, bytea, boolean, bytea, bigint, bigint, bigint, boolean, bigint"},
    {"notification", "key", "peer_key, record, status, resend_at, seq", "bytea, bytea, bytea, smallint, bigint"},
};

// Whichever is lower: the clock may be behind, and issuing may rest.
#define ISSUED_OR_NOW "(SELECT least(last, (extract(epoch FROM now()) * 1000000000)::bigint) FROM issued)"

constexpr Statement kChanges[] = {
    // Every address that is not listed any more goes, the others stay as they are: most puts change the status alone.
    {"clear_addresses", "bytea[], bytea[], bytea[]",
     "DELETE FROM address WHERE object_key = ANY($1) AND NOT EXISTS (SELECT FROM unnest($2, $3) AS n(object_key, address)"
     " WHERE n.object_key = address.object_key AND n.address = address.address)"},
    {"put_addresses", "bytea[], bytea[]", "INSERT INTO address (object_key, address) SELECT * FROM unnest($1, $2) ON CONFLICT DO NOTHING"},
    // Ids that the clock and what is issued have passed for good need not be kept.
    {"erase_objects", "bytea[]",
     "WITH gone AS (DELETE FROM object WHERE key = ANY($1) RETURNING key, is_own, consumed, instance_id),"
     " addresses AS (DELETE FROM address WHERE object_key = ANY($1)),"
     " ids AS (INSERT INTO erased SELECT key, instance_id FROM gone WHERE instance_id > " ISSUED_OR_NOW " - 10000000000"
     " ON CONFLICT (key) DO UPDATE SET id = greatest(erased.id, excluded.id))"
     " INSERT INTO counter SELECT name, -number FROM (VALUES (1::smallint, (SELECT count(*) FROM gone WHERE is_own)),"
     " (2::smallint, (SELECT count(*) FROM gone WHERE consumed IS NOT NULL))) AS changes(name, number) WHERE number <> 0"},
    {"erase_deliveries", "bytea[]", "DELETE FROM delivery WHERE key = ANY($1)"},
    {"erase_deliveries_of", "bytea, bytea", "DELETE FROM delivery WHERE key >= $1 AND key < $2"},
    {"erase_notifications", "bytea[]", "DELETE FROM notification WHERE key = ANY($1)"},
    {"erase_notifications_of", "bytea, bytea", "DELETE FROM notification WHERE key >= $1 AND key < $2"},
    {"erase_notifications_of_peer", "bytea", "DELETE FROM notification WHERE peer_key = $1"},
    // Of objects that are gone: deliveries from $1 to before $2, notifications from $3 to before $4; each range starts with its object's
    // key. The scalar subqueries force one probe per object; NOT EXISTS might be a join that reads the whole table of objects. Somebody may
    // be publishing an object of that name, and have it commit while this waits for a record: then the record's xmin is none of those seen.
    {"erase_leftovers", "bytea[], bytea[], bytea[], bytea[]",
     "WITH of_deliveries AS MATERIALIZED (SELECT * FROM unnest($1, $2) AS range(low, high)"
     " WHERE (SELECT true FROM object WHERE key = low LIMIT 1) IS NULL),"
     " of_notifications AS MATERIALIZED (SELECT * FROM unnest($3, $4) AS range(low, high)"
     " WHERE (SELECT true FROM object WHERE key = low LIMIT 1) IS NULL),"
     " left_deliveries AS MATERIALIZED (SELECT key AS name, delivery.xmin AS version FROM of_deliveries, delivery"
     " WHERE key >= low AND key < high),"
     " left_notifications AS MATERIALIZED (SELECT key AS name, notification.xmin AS version FROM of_notifications, notification"
     " WHERE key >= low AND key < high),"
     " deliveries AS (DELETE FROM delivery WHERE key = ANY(ARRAY(SELECT name FROM left_deliveries))"
     " AND delivery.xmin = ANY(ARRAY(SELECT version FROM left_deliveries)))"
     " DELETE FROM notification WHERE key = ANY(ARRAY(SELECT name FROM left_notifications))"
     " AND notification.xmin = ANY(ARRAY(SELECT version FROM left_notifications))"},
    {"erase_destinations", "bytea[]",
     "WITH gone AS (DELETE FROM destination WHERE key = ANY($1) RETURNING 1)"
     " INSERT INTO counter SELECT 3, -count(*) FROM gone HAVING count(*) > 0"},
    {"erase_blobs", "bytea[]",
     "WITH gone AS (DELETE FROM blob WHERE id = ANY($1)) UPDATE octets SET doomed = now() WHERE id = ANY($1) AND doomed IS NULL"},
    {"erase_entries", "bytea[]", "DELETE FROM entry WHERE key = ANY($1)"},
    {"add_work", "bigint[], bytea[], bytea[], bigint[]",
     "INSERT INTO work (id, kind, payload, not_before, attempts) SELECT *, 0 FROM unnest($1, $2, $3, $4)"},
    {"claim_work", "bigint, bigint",
     "SELECT id, kind, payload, not_before, attempts FROM work WHERE not_before <= $1 ORDER BY not_before, id LIMIT $2"
     " FOR UPDATE SKIP LOCKED"},
    {"claim_due", "bigint, bigint",
     "SELECT record, seq FROM notification WHERE resend_at <= $1 AND status IN (0, 6, 9, 12, 15, 18) ORDER BY resend_at, seq LIMIT $2"
     " FOR UPDATE SKIP LOCKED"},
    {"claimed_work", "bigint[], bigint", "UPDATE work SET not_before = $2, attempts = attempts + 1 WHERE id = ANY($1)"},
    {"complete_work", "bigint", "DELETE FROM work WHERE id = $1"},
    {"move_work", "bigint, bigint, bytea", "UPDATE work SET not_before = $2, payload = $3 WHERE id = $1"},
    // As `lock_`, of several. Nodes that are only told something are held with FOR KEY SHARE, which these let pass.
    {"hold_object", "bytea[]", "SELECT key FROM object WHERE key = ANY($1) ORDER BY key FOR NO KEY UPDATE"},
    {"hold_delivery", "bytea[]", "SELECT key FROM delivery WHERE key = ANY($1) ORDER BY key FOR NO KEY UPDATE"},
    {"hold_notification", "bytea[]", "SELECT key FROM notification WHERE key = ANY($1) ORDER BY key FOR NO KEY UPDATE"},
    {"hold_destination", "bytea[]", "SELECT key FROM destination WHERE key = ANY($1) ORDER BY key FOR NO KEY UPDATE"},
    {"hold_entry", "bytea[]", "SELECT key FROM entry WHERE key = ANY($1) ORDER BY key FOR NO KEY UPDATE"},
    // What a transaction decided by, without changing it, must still be so when it commits: a row that is gone or, in a snapshot,
    // changed is an error (division by zero, serialization failure) that runs the transaction again.
    {"touch_objects", "bytea[]", "UPDATE object SET key = key WHERE key = ANY($1)"},
    {"keep_objects", "bytea[]",
     "SELECT 1 / (count(*) = cardinality($1))::int FROM (SELECT FROM object WHERE key = ANY($1) FOR SHARE) kept"},
    {"keep_destinations", "bytea[]",
     "SELECT 1 / (count(*) = cardinality($1))::int FROM (SELECT FROM destination WHERE key = ANY($1) FOR KEY SHARE) kept"},
    {"highest_erased", "", "SELECT coalesce(max(id), 0) FROM erased"},
    {"forget_erased", "", "DELETE FROM erased WHERE id < " ISSUED_OR_NOW " - 60000000000"},
    {"reserve_ids", "bigint", "UPDATE issued SET last = greatest(last, $1) RETURNING last"},
    {"work_ids", "", "SELECT nextval('work_ids')"},
    {"fold_counters", "",
     "WITH folded AS (DELETE FROM counter WHERE (SELECT count(*) FROM counter) > 16 RETURNING name, delta)"
     " INSERT INTO counter SELECT name, sum(delta) FROM folded GROUP BY name"},
    {"tell", "bigint, bytea[]", "INSERT INTO feed (origin, message) SELECT $1, * FROM unnest($2)"},
    // What became visible after the snapshot $1, from others than $2, and what is visible now, at which time.
    {"hear", "pg_snapshot, bigint",
     "SELECT pg_current_snapshot(), (extract(epoch FROM clock_timestamp()) * 1000)::bigint, id, message FROM (SELECT) now LEFT JOIN feed"
     " ON xid >= pg_snapshot_xmin($1) AND NOT pg_visible_in_snapshot(xid, $1) AND origin <> $2 ORDER BY id"},
    {"feed_end", "", "SELECT coalesce(max(id), 0), pg_current_snapshot() FROM feed"},
    {"forget_feed", "bigint, pg_snapshot", "DELETE FROM feed WHERE id <= $1 AND pg_visible_in_snapshot(xid, $2)"},
    // Terms are times, so that none comes back after a failover to a replica that had not heard of the last ones. A heartbeat of the
    // future is one of a server whose clock was ahead.
    {"heartbeat", "text", "UPDATE leader SET heartbeat = clock_timestamp() WHERE holder = $1 RETURNING term"},
    {"take_over", "text, int",
     "INSERT INTO leader VALUES (true, $1, clock_timestamp(), $2, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)"
     " ON CONFLICT (one) DO UPDATE SET holder = excluded.holder, heartbeat = excluded.heartbeat, timeout = excluded.timeout,"
     " term = greatest(leader.term + 1, excluded.term)"
     " WHERE abs(extract(epoch FROM clock_timestamp() - leader.heartbeat)) > leader.timeout RETURNING term"},
    {"resign", "text", "UPDATE leader SET heartbeat = 'epoch' WHERE holder = $1"},
    {"keep_term", "bigint", "SELECT term FROM leader WHERE term = $1 FOR KEY SHARE"},
    {"new_octets", "bytea, bigint, boolean", "INSERT INTO octets (id, owner, writers, is_file) VALUES ($1, $2, ARRAY[$2], $3)"},
    {"open_octets", "bytea, bigint",
     "WITH joined AS (UPDATE octets SET writers = writers || $2 WHERE id = $1 AND doomed IS NULL AND NOT sealed AND NOT $2 = ANY (writers))"
     " SELECT sealed, is_file FROM octets WHERE id = $1 AND doomed IS NULL"},
    {"seal_octets", "bytea, bigint",
     "UPDATE octets SET sealed = true WHERE id = $1 AND doomed IS NULL RETURNING writers <@ ARRAY[$2], is_file"},
    // Octets that get a record are nobody's from now on. Whoever dooms those of an owner waits for this and then finds the owner changed.
    // Who came too late has an error of its own here (substring of negative length), because running the transaction again would not
    // help. The octets of small data are in the record.
    {"own_octets", "bytea[]",
     "WITH owned AS MATERIALIZED (UPDATE octets SET owner = 0 WHERE id = ANY($1) AND owner <> 0 AND doomed IS NULL RETURNING id)"
     " SELECT substr('', 1, CASE WHEN EXISTS (SELECT FROM unnest($1) AS given(id) WHERE NOT id = ANY (ARRAY(SELECT id FROM owned))"
     " AND (SELECT true FROM octets WHERE octets.id = given.id AND owner = 0 AND doomed IS NULL LIMIT 1) IS NULL"
     " AND (SELECT true FROM blob WHERE blob.id = given.id AND small IS NOT NULL LIMIT 1) IS NULL) THEN -1 ELSE 0 END)"},
    {"discard_octets", "bytea",
     "UPDATE octets SET doomed = 'epoch' WHERE id = $1 AND owner <> 0 AND NOT EXISTS (SELECT FROM blob WHERE blob.id = $1)"},
    // $3 is the place in the row. A hole before it is filled with zeros. The lock makes whoever seals the octets wait until these are
    // stored; of sealed ones no row is returned.
    {"put_chunk", "bytea, bigint, int, bytea",
     "WITH open AS MATERIALIZED (SELECT id FROM octets WHERE id = $1 AND doomed IS NULL AND NOT sealed FOR SHARE)"
     " INSERT INTO chunk (blob, no, octets) SELECT id, $2, decode(repeat('00', $3), 'hex') || $4 FROM open"
     " ON CONFLICT (blob, no) DO UPDATE SET octets = overlay(chunk.octets || decode(repeat('00', greatest(0, $3 - length(chunk.octets))), "
     "'hex') PLACING $4 FROM $3 + 1)"
     " RETURNING 1"},
    {"orphan_owners", "bigint",
     "SELECT DISTINCT owner FROM octets WHERE doomed IS NULL AND owner <> 0 AND owner <> $1 AND NOT EXISTS (SELECT FROM blob WHERE blob.id "
     "= octets.id)"},
    {"doom_orphans", "bigint",
     "UPDATE octets SET doomed = 'epoch' WHERE doomed IS NULL AND owner = $1 AND NOT EXISTS (SELECT FROM blob WHERE blob.id = octets.id)"},
    {"sweep", "bigint, bytea[]",
     "WITH gone AS (SELECT id FROM octets WHERE doomed < now() - make_interval(secs => $1) AND NOT id = ANY($2) AND NOT is_file LIMIT 16),"
     " chunks AS (DELETE FROM chunk WHERE blob = ANY(ARRAY(SELECT id FROM gone)))"
     " DELETE FROM octets WHERE id = ANY(ARRAY(SELECT id FROM gone)) RETURNING 1"},
    {"doomed_files", "bigint, bytea[]",
     "SELECT id FROM octets WHERE doomed < now() - make_interval(secs => $1) AND NOT id = ANY($2) AND is_file LIMIT 64"},
    {"forget_files", "bytea[]", "DELETE FROM octets WHERE id = ANY($1) AND is_file"},
};

// A fan-out: records for many nodes in one statement. $1 object key; $2 $3 range of keys; $4 limit; $5 $6 delivery before and after the
// node's name, $7 its status, $8 whether; $9 notification before the name, $10 $11 after it and status of polled nodes, $12 $13 of
// others, $14 resend time, $15 whether; $16 protocols that are polled; $17 how many are listed whatever their protocol.
constexpr char kFanOutTypes[] =
    "bytea, bytea, bytea, bigint, bytea, bytea, smallint, boolean, bytea, bytea, smallint, bytea, smallint, bigint, boolean, bytea[], "
    "bigint";

// Nodes that are being removed are waited for, and those that are given something are not removed before the commit.
constexpr char kFanOutNodes[] =
    "WITH nodes AS MATERIALIZED (SELECT key AS place, key, name, protocol = ANY($16) AS polled FROM destination"
    " WHERE key >= $2 AND key < $3 ORDER BY key LIMIT $4 FOR KEY SHARE)";

// An insertion would bring back a delivery that somebody else has erased since the snapshot: locking it is a serialization failure.
constexpr char kFanOutDestinations[] =
    "WITH found AS MATERIALIZED (SELECT key AS place, node_key FROM delivery WHERE key >= $2 AND key < $3 ORDER BY key LIMIT $4"
    " FOR KEY SHARE),"
    " nodes AS MATERIALIZED (SELECT place, node_key AS key, name, protocol = ANY($16) AS polled FROM found LEFT JOIN LATERAL"
    " (SELECT name, protocol FROM destination WHERE destination.key = node_key LIMIT 1 FOR KEY SHARE) registered ON true)";

constexpr char kFanOutDeliveries[] =
    ", given AS (INSERT INTO delivery (key, node_key, record, status)"
    " SELECT $1 || key, key, $5 || name || $6, $7 FROM nodes WHERE $8 AND name IS NOT NULL";
constexpr char kReplaceDeliveries[] = " ON CONFLICT (key) DO UPDATE SET record = excluded.record, status = excluded.status";

constexpr char kFanOutNotifications[] =
    "), told AS (INSERT INTO notification (key, peer_key, record, status, resend_at, seq)"
    " SELECT $1 || key, key, $9 || name || CASE WHEN polled THEN $10 ELSE $12 END, CASE WHEN polled THEN $11 ELSE $13 END, $14,"
    " nextval('notification_seq') FROM nodes WHERE $15 AND name IS NOT NULL";
constexpr char kReplaceNotifications[] =
    " ON CONFLICT (key) DO UPDATE SET record = excluded.record, status = excluded.status, resend_at = excluded.resend_at,"
    " seq = excluded.seq";

constexpr char kFanOutResult[] =
    "), size AS MATERIALIZED (SELECT count(*) AS number FROM nodes)"
    " SELECT number, (SELECT place FROM nodes ORDER BY place DESC LIMIT 1), NULL FROM size"
    " UNION ALL SELECT 0, name, polled FROM nodes, size WHERE $15 AND name IS NOT NULL AND (NOT polled OR number <= $17)";

void prepare(std::string& out, const std::string& name, const std::string& types, const std::string& sql) {
    out += "PREPARE " + name + (types.empty() ? "" : "(" + types + ")") + " AS " + sql + ";\n";
}

/// "a, b" as "apre a post, ...": applies a pattern with '@' in the place of each item.
std::string each(std::string_view items, std::string_view pattern) {
    std::string out;
    while (!items.empty()) {
        const auto comma = items.find(", ");
        const std::string item(items.substr(0, comma));
        items.remove_prefix(comma == std::string_view::npos ? items.size() : comma + 2);
        if (!out.empty()) out += ", ";
        for (const char c : pattern) c == '@' ? out += item : out += c;
    }
    return out;
}

/// The part that raises the counters by what is put minus what was there.
std::string counting(const std::string& table, bool may_replace) {
    if (!may_replace && table == "destination") return " INSERT INTO counter SELECT 3, count(*) FROM given";
    if (!may_replace) {
        return " INSERT INTO counter SELECT name, number FROM (SELECT 1::smallint AS name, count(*) AS number FROM given WHERE is_own"
               " UNION ALL SELECT 2, count(consumed) FROM given) AS changes WHERE number <> 0";
    }
    if (table == "destination") {
        return " INSERT INTO counter SELECT 3, number FROM (SELECT (SELECT count(*) FROM given) - (SELECT count(*) FROM former) AS number)"
               " AS change WHERE number <> 0";
    }
    return " INSERT INTO counter SELECT name, number FROM (VALUES"
           " (1::smallint, (SELECT count(*) FROM given WHERE is_own) - (SELECT count(*) FROM former WHERE is_own)),"
           " (2::smallint, (SELECT count(consumed) FROM given) - (SELECT count(consumed) FROM former)))"
           " AS changes(name, number) WHERE number <> 0";
}

/// The id of a new object, which is an error (division by zero) that runs the transaction again if it is not above the one that an object
/// of this name had which is gone. Somebody else's object has none.
constexpr char kIdAboveErased[] =
    "instance_id / CASE WHEN (SELECT erased.id FROM erased WHERE erased.key = given.key) >= nullif(instance_id, 0) THEN 0 ELSE 1 END";

/// The comparison does not see an object that others have created and erased since the snapshot. Where there was time for two commits of
/// others, or no snapshot, the id is therefore put where that of such an object is: what the snapshot does not have is a serialization
/// failure, and what is not below a division by zero. Usually there was no time, and a publish is not to pay for a row more.
constexpr char kIdsOfSlow[] =
    ", ids AS (INSERT INTO erased SELECT key, instance_id FROM given WHERE instance_id > 0"
    " AND (SELECT clock_timestamp() > now() + interval '5 ms' OR current_setting('transaction_isolation') = 'read committed')"
    " ON CONFLICT (key) DO UPDATE SET id = excluded.id / CASE WHEN erased.id < excluded.id THEN 1 ELSE 0 END)";

std::string rows_above_erased(std::string rows) {
    const std::string column = "instance_id";
    return rows.replace(rows.find(column), column.size(), kIdAboveErased);
}

/// The rows that a put replaces. They are locked before anything is inserted, because an insertion does not notice that somebody else has
/// erased a row which this snapshot still has: locking it is a serialization failure. The replacement needs the same lock anyway.
std::string former_rows(const std::string& table, const std::string& key, bool is_counted) {
    return std::string(", former AS MATERIALIZED (SELECT ") + (is_counted ? "*" : "") + " FROM " + table + " WHERE " + key +
           " = ANY($1) FOR NO KEY UPDATE)";
}
/// All of the former rows are read, and so locked, before the first of the given ones.
constexpr char kAfterFormer[] = " WHERE (SELECT count(*) FROM former) >= 0";

void prepare_upsert(std::string& out, const Upsert& upsert) {
    const std::string table = upsert.table;
    const std::string key = upsert.key;
    std::string parameters;
    int number = 0;
    for (std::string_view left = upsert.types; !left.empty();) {
        const auto comma = left.find(", ");
        parameters += (number == 0 ? "$" : ", $") + std::to_string(number + 1);
        ++number;
        left.remove_prefix(comma == std::string_view::npos ? left.size() : comma + 2);
    }
    const bool is_numbered = table == "notification";
    const std::string all = key + ", " + upsert.columns;
    const std::string given_columns = is_numbered ? all.substr(0, all.rfind(", ")) : all;
    // The sequence follows the order of the arrays, which is the order of the puts.
    const std::string rows = "SELECT " + given_columns + (is_numbered ? ", nextval('notification_seq')" : "") + " FROM given";
    // Octets stay when a record is put without them.
    const std::string columns = table == "blob" ? "record, created, is_staged" : upsert.columns;
    const std::string replace = " ON CONFLICT (" + key + ") DO UPDATE SET " + each(columns, "@ = excluded.@") +
                                (table == "blob" ? ", small = coalesce(excluded.small, blob.small)" : "");
    const std::string given = "WITH given AS (SELECT * FROM unnest(" + parameters + ") AS n(" + given_columns + "))";
    const bool is_counted = table == "object" || table == "destination";
    for (const bool may_replace : {true, false}) {
        // A new object's addresses go with it: one statement less for every publish.
        const bool has_addresses = !may_replace && table == "object";
        std::string sql = given;
        if (may_replace) sql += former_rows(table, key, is_counted);
        const std::string change = "INSERT INTO " + table + " (" + all + ") " + (has_addresses ? rows_above_erased(rows) : rows) +
                                   (may_replace ? std::string(kAfterFormer) + replace : "");
        if (!is_counted) {
            sql.append(" ").append(change);
        } else {
            sql.append(", stored AS (").append(change).append(")");
            if (has_addresses)
                sql.append(kIdsOfSlow).append(", places AS (INSERT INTO address (object_key, address) SELECT * FROM unnest($11, $12))");
            sql.append(counting(table, may_replace));
        }
        prepare(out, (may_replace ? "put_" : "add_") + table, each(upsert.types, "@[]") + (has_addresses ? ", bytea[], bytea[]" : ""), sql);
    }
}

}  // namespace

std::string session_text(const std::string& quoted_schema) {
    // The plans must use the indexes from the first row on: statistics of a young table would recommend scanning it, and a plan is kept.
    std::string out = "SET search_path TO " + quoted_schema +
                      ";\nSET synchronous_commit TO on;\nSET bytea_output TO "
                      "hex;\nSET standard_conforming_strings TO on;\n"
                      "SET client_min_messages TO warning;\nSET jit TO off;\nSET enable_seqscan TO off;\nSET enable_bitmapscan TO off;\n"
                      "SET plan_cache_mode TO force_generic_plan;\nSET statement_timeout TO '60s';\nSET lock_timeout TO '10s';\n"
                      "SET idle_in_transaction_session_timeout TO '15s';\n";
    for (const Statement& one : kSingles) {
        prepare(out, std::string("get_") + one.name, one.types, one.sql);
        prepare(out, std::string("lock_") + one.name, one.types, std::string(one.sql) + " FOR NO KEY UPDATE");
    }
    for (const Statement& one : kQueries) prepare(out, one.name, one.types, one.sql);
    for (const Statement& one : kChanges) prepare(out, one.name, one.types, one.sql);
    for (const Upsert& one : kUpserts) prepare_upsert(out, one);
    const std::string replacing =
        std::string(kFanOutDeliveries) + kReplaceDeliveries + kFanOutNotifications + kReplaceNotifications + kFanOutResult;
    prepare(out, "fan_out_nodes", kFanOutTypes, kFanOutNodes + replacing);
    prepare(out, "fan_out_destinations", kFanOutTypes, kFanOutDestinations + replacing);
    // Replacing costs a sixth more, whether there is something to be replaced or not.
    prepare(out, "fan_out_new", kFanOutTypes, std::string(kFanOutNodes) + kFanOutDeliveries + kFanOutNotifications + kFanOutResult);
    return out;
}

}  // namespace edgesync::postgres
