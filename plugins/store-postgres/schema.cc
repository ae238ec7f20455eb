#include "schema.h"

#include <array>

#include "connection.h"
#include "edgesync/sdk/error.h"

namespace edgesync::postgres {
namespace {

// Records are octets in the SDK's format; beside them are the columns that some query finds them by. Keys are composed so that their
// order as octets is the order of the contract, which makes every prefix a range (key.h). Only what is indexed is a column, so a
// change of the record's format needs no migration.
constexpr char kFirst[] = R"(
CREATE TABLE object (
  key bytea PRIMARY KEY, record bytea NOT NULL,
  updated_type bytea, is_received boolean NOT NULL, updated_order bytea,
  expires bigint, activates bigint, consumed bigint, is_own boolean NOT NULL);
CREATE INDEX object_updated ON object (updated_type, is_received, updated_order) WHERE updated_type IS NOT NULL;
CREATE INDEX object_expires ON object (expires, key) WHERE expires IS NOT NULL;
CREATE INDEX object_activates ON object (activates, key) WHERE activates IS NOT NULL;
CREATE INDEX object_consumed ON object (consumed, key) WHERE consumed IS NOT NULL;
CREATE TABLE address (address bytea, object_key bytea, PRIMARY KEY (address, object_key));
CREATE INDEX address_object ON address (object_key);
CREATE TABLE delivery (
  key bytea, node_key bytea NOT NULL, record bytea NOT NULL, status smallint NOT NULL, PRIMARY KEY (key) INCLUDE (status));
CREATE INDEX delivery_node ON delivery (node_key, key);
CREATE SEQUENCE notification_seq;
CREATE TABLE notification (
  key bytea PRIMARY KEY, peer_key bytea NOT NULL, record bytea NOT NULL, status smallint NOT NULL,
  resend_at bigint NOT NULL, seq bigint NOT NULL) WITH (fillfactor = 80);
CREATE INDEX notification_peer ON notification (peer_key, key);
CREATE INDEX notification_pending ON notification (peer_key, seq) WHERE status IN (1, 7, 13, 16, 19);
CREATE INDEX notification_due ON notification (resend_at, seq) WHERE status IN (0, 6, 9, 12, 15, 18);
CREATE INDEX notification_transfer ON notification (key) WHERE status IN (10, 11);
CREATE TABLE destination (key bytea PRIMARY KEY, record bytea NOT NULL, last_ping bigint NOT NULL);
CREATE INDEX destination_ping ON destination (last_ping, key);
CREATE TABLE blob (id bytea PRIMARY KEY, record bytea NOT NULL, created bigint NOT NULL, is_staged boolean NOT NULL, small bytea);
ALTER TABLE blob ALTER small SET STORAGE EXTERNAL;
CREATE INDEX blob_staged ON blob (created, id) WHERE is_staged;
CREATE TABLE octets (id bytea PRIMARY KEY, owner bigint NOT NULL, doomed timestamptz);
CREATE INDEX octets_doomed ON octets (doomed) WHERE doomed IS NOT NULL;
CREATE TABLE chunk (blob bytea, no bigint, octets bytea NOT NULL, PRIMARY KEY (blob, no));
ALTER TABLE chunk ALTER octets SET STORAGE EXTERNAL;
CREATE TABLE entry (key bytea PRIMARY KEY, record bytea NOT NULL);
CREATE SEQUENCE work_ids INCREMENT 1000;
CREATE TABLE work (id bigint PRIMARY KEY, kind bytea NOT NULL, payload bytea NOT NULL, not_before bigint NOT NULL, attempts int NOT NULL);
CREATE INDEX work_time ON work (not_before, id);
CREATE TABLE counter (name smallint NOT NULL, delta bigint NOT NULL);
CREATE INDEX counter_name ON counter (name) INCLUDE (delta);
CREATE TABLE issued (last bigint NOT NULL);
INSERT INTO issued VALUES (0);
)";

// The feed need not survive a crash of the server, since that ends all connections, and who connects again reads everything anew. Its
// ids come from a sequence of its own, because an identity's would be unlogged as well, which PostgreSQL 15 leaves broken on a replica.
// A term is part of a key so that whoever relies on it (FOR KEY SHARE) keeps others from changing it, but not from writing a heartbeat.
constexpr char kSecondInstances[] = R"(
CREATE SEQUENCE feed_ids;
CREATE UNLOGGED TABLE feed (
  id bigint PRIMARY KEY DEFAULT nextval('feed_ids'), xid xid8 NOT NULL DEFAULT pg_current_xact_id(), origin bigint NOT NULL,
  message bytea NOT NULL);
CREATE INDEX feed_xid ON feed (xid);
CREATE TABLE leader (
  one boolean PRIMARY KEY CHECK (one), holder text NOT NULL, heartbeat timestamptz NOT NULL, timeout int NOT NULL, term bigint UNIQUE NOT NULL);
)";

// Who may still write octets, who has written them, and where they are: an upload's chunks may come to several instances.
constexpr char kSealedOctets[] = R"(
ALTER TABLE octets ADD sealed boolean NOT NULL DEFAULT false, ADD writers bigint[] NOT NULL DEFAULT '{}',
  ADD is_file boolean NOT NULL DEFAULT false;
CREATE TABLE blob_folder (id text NOT NULL);
)";

// What makes a fan-out to many nodes one statement, and its indexes small.
// A node's name as it stands inside records, and its protocol: so that one statement can make records for many nodes (record_frame.h).
// Records of version 1: a format octet, then texts with their lengths: org, type, id, protocol.
// The lists of one node's records are sorted when they are read, which is seldom; what a put must do to an index of all nodes is what a
// fan-out spends its time on. So one index has both the few records that polls look for, by their number, and the node's others.
constexpr char kManyNodes[] = R"(
ALTER TABLE destination ADD name bytea, ADD protocol bytea;
CREATE FUNCTION pg_temp.after_text(octets bytea, at int) RETURNS int LANGUAGE sql AS $$
  SELECT CASE WHEN get_byte(octets, at) < 128 THEN at + 1 + get_byte(octets, at)
              ELSE at + 2 + (get_byte(octets, at) & 127) + (get_byte(octets, at + 1) << 7) END $$;
UPDATE destination SET name = substr(record, 2, ends - 1), protocol = substr(record, ends + 2, get_byte(record, ends))
  FROM (SELECT key AS found, pg_temp.after_text(record, pg_temp.after_text(record, pg_temp.after_text(record, 1))) AS ends
        FROM destination) AS names WHERE found = key;
DROP FUNCTION pg_temp.after_text;
ALTER TABLE destination ALTER name SET NOT NULL, ALTER protocol SET NOT NULL;
DROP INDEX delivery_node, notification_peer, notification_pending;
CREATE INDEX delivery_node ON delivery (node_key);
CREATE INDEX notification_peer ON notification (peer_key, (CASE WHEN status IN (1, 7, 13, 16, 19) THEN seq END));
)";

// The ids of objects that are gone, as long as the clock has not passed them. What is published again under the same name must be above.
constexpr char kErasedIds[] = R"(
ALTER TABLE object ADD instance_id bigint NOT NULL DEFAULT 0;
CREATE TABLE erased (key bytea PRIMARY KEY, id bigint NOT NULL);
CREATE INDEX erased_id ON erased (id);
)";

/// Number i brings version i to version i + 1. Never changed once released; new ones are added at the end.
constexpr std::array kMigrations = {kFirst, kSecondInstances, kSealedOctets, kManyNodes, kErasedIds};

}  // namespace

void migrate(Connection& connection, const std::string& schema, int version) {
    const std::string name = connection.quoted_name(schema);
    connection.run("BEGIN");
    connection.run("SELECT pg_advisory_xact_lock(hashtextextended(" + connection.quoted_text("edgesync " + schema) + ", 0))");
    if (connection.run("SELECT 1 FROM pg_namespace WHERE nspname = " + connection.quoted_text(schema)).empty())
        connection.run("CREATE SCHEMA " + name);
    connection.run("SET LOCAL search_path TO " + name + "; SET LOCAL client_min_messages TO warning");
    connection.run("CREATE TABLE IF NOT EXISTS migration (version int PRIMARY KEY, applied timestamptz NOT NULL DEFAULT now())");
    const int found = connection.run("SELECT coalesce(max(version), 0) FROM migration")[0][0].as<int>();
    constexpr int kKnown = static_cast<int>(kMigrations.size());
    if (found > kKnown) {
        connection.run("ROLLBACK");
        throw Error(ErrorKind::Corrupt, "PostgresSchema " + schema + " has version " + std::to_string(found) + ", this program knows " +
                                            std::to_string(kKnown) + "; it was written by a newer version");
    }
    const int end = version == kNewestVersion ? kKnown : version;
    for (int number = found; number < end; ++number) {
        connection.run(kMigrations[static_cast<std::size_t>(number)]);
        connection.run("INSERT INTO migration (version) VALUES (" + std::to_string(number + 1) + ")");
    }
    connection.run("COMMIT");
}

}  // namespace edgesync::postgres
