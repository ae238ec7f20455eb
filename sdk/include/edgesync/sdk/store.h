/// @file
/// The contract of a store plugin: transactions over typed records, plus blobs. A store holds no rule of the object life
/// cycle; those are kernel code that runs inside its transactions (docs/writing-a-store.md).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "edgesync/sdk/object.h"
#include "edgesync/sdk/plugin.h"

namespace edgesync {

/// Names a blob for its whole life; unique, never reused, never derived from user input. Made by the store.
struct BlobId {
    std::array<std::uint8_t, 16> bytes{};  ///< Opaque to the kernel.
    auto operator<=>(const BlobId&) const = default;
};

/// Octets [begin, end).
struct ByteRange {
    std::int64_t begin = 0;  ///< First octet.
    std::int64_t end = 0;    ///< One after the last octet.
    auto operator<=>(const ByteRange&) const = default;
};

/// Whether octets are complete. Numbers are stored; never renumber.
enum class BlobState : std::uint8_t {
    Staged = 0,     ///< Being received; not visible to readers of the object.
    Published = 1,  ///< An object points at it; immutable.
};

/// What is known of a blob. Its octets are written through `BlobStore`, or with the record by `put_small_data`.
struct BlobRecord {
    BlobId id;                            ///< Its key.
    ObjectKey owner;                      ///< The object whose data this is.
    BlobState state = BlobState::Staged;  ///< Goes from Staged to Published, never back.
    std::int64_t total = -1;              ///< Final size; -1 while unknown.
    InstanceId instance_id = 0;           ///< The version whose data this is; 0 for an upload that has none yet.
    std::vector<ByteRange> received;      ///< Durable octets: sorted, disjoint, not adjacent. Empty when Published.
    std::string sha256;                   ///< 32 octets; empty while unknown.
    std::int64_t upload_chunk_size = 0;   ///< Of a chunked upload by an application; else 0.
    TimePoint created{};                  ///< While Staged: the caller may set it again as octets arrive; indexed.
    bool operator==(const BlobRecord&) const = default;
};

/// One object on this node. Only what is marked "indexed" below, and what the lists of ReadTransaction look for, is looked for by the
/// store.
struct ObjectRecord {
    Metadata meta;                                 ///< Holds the key: meta.org, meta.object_type, meta.object_id.
    ObjectStatus status = ObjectStatus::NotReady;  ///< Of the life cycle; indexed.
    Side side = Side::Sender;                      ///< Who made it; indexed.
    bool policy_received = false;                  ///< An agent took the policy.
    std::int32_t remaining_consumers = 0;          ///< Applications that have not consumed it yet.
    std::int32_t remaining_receivers = 0;          ///< Applications that have not received it yet.
    std::optional<TimePoint> expires;              ///< Parsed meta.expiration; indexed.
    std::optional<TimePoint> activates;            ///< Parsed meta.activation_time while meta.inactive; indexed.
    std::optional<TimePoint> consumed_at;          ///< Set with ConsumedByDest; indexed.
    std::optional<BlobId> data;                    ///< Published data.
    std::optional<BlobId> staged;                  ///< Data being received for this or the next version.
    std::vector<PolicyService> removed_services;   ///< That the last change of the policy took away.
    bool operator==(const ObjectRecord&) const = default;

    /// Its key.
    ObjectKey key() const { return {meta.org, meta.object_type, meta.object_id}; }
};

/// How far one object is on its way to one destination.
struct DeliveryRecord {
    ObjectKey object;                                 ///< With `node`: its key.
    NodeKey node;                                     ///< The destination.
    DeliveryStatus status = DeliveryStatus::Pending;  ///< Counted by `delivery_counts`.
    std::string message;                              ///< Why, for Error.
    bool operator==(const DeliveryRecord&) const = default;
};

/// Number of destinations of one object per DeliveryStatus (index: its number).
using DeliveryCounts = std::array<std::uint64_t, 6>;

/// State of the exchange about one object with one peer.
struct NotificationRecord {
    ObjectKey object;                                        ///< With `peer`: its key.
    NodeKey peer;                                            ///< The other side; on an ESS for its own objects: itself.
    NotificationStatus status = NotificationStatus::Update;  ///< Indexed: pending, due and transfers.
    InstanceId instance_id = 0;                              ///< The version that the exchange is about.
    DataId data_id = 0;                                      ///< Of its data.
    TimePoint resend_at{};                                   ///< Indexed.
    std::uint64_t sequence = 0;                              ///< Assigned by the store at every put, strictly increasing; ignored on input.
    bool operator==(const NotificationRecord&) const = default;
};

/// A registered node (CSS only).
struct DestinationRecord {
    NodeKey node;               ///< Its key.
    std::string protocol;       ///< "http", "mqtt", "wiotp" or another transport's name.
    std::string code_version;   ///< As it said.
    TimePoint last_ping{};      ///< Indexed.
    bool is_persistent = true;  ///< Its store survives power loss.
    bool operator==(const DestinationRecord&) const = default;
};

/// Durable work that the kernel does after a transaction; at least once.
struct WorkItem {
    std::uint64_t id = 0;       ///< Assigned by `enqueue_work`.
    std::string kind;           ///< What is to be done; opaque to the store.
    std::string payload;        ///< Opaque to the store.
    TimePoint not_before{};     ///< Indexed; a claim moves it.
    std::int32_t attempts = 0;  ///< Number of claims so far.
    bool operator==(const WorkItem&) const = default;
};

/// Tables of small entities with text keys of one to six parts; the value is opaque to the store.
enum class EntryTable : std::uint8_t {
    Setting = 0,         ///< What the kernel remembers about this node.
    Webhook = 1,         ///< URLs that are called when objects arrive.
    Organization = 2,    ///< Organizations with their broker.
    MessagingGroup = 3,  ///< Messaging groups of organizations.
    Acl = 4,             ///< Access rights by what they protect.
    AclByUser = 5,       ///< Access rights by who has them.
};

/// One of them.
struct Entry {
    std::vector<std::string> key;  ///< One to six parts; a part may be empty.
    std::string value;             ///< Any octets.
    bool operator==(const Entry&) const = default;
};

/// A part of a list. `next` is empty at the end, else it is passed as `cursor` to get the following part. Cursors are opaque
/// and stay valid when records before, at or after them come and go.
template <typename T>
struct Page {
    std::vector<T> items;  ///< At most `limit`.
    std::string next;      ///< Where the following part begins; empty: there is none.
};

/// Reads one blob; keeps working when the blob is erased meanwhile. Thread-safe.
class BlobReader {
public:
    virtual ~BlobReader() = default;
    /// Octets of the blob; constant.
    virtual std::int64_t size() const = 0;
    /// Copies up to out.size() octets from `offset`; returns how many, 0 at or beyond the end. May block on disk. @throws Error{Io}
    virtual std::size_t read(std::int64_t offset, std::span<std::byte> out) = 0;
    /// A descriptor of a regular file whose octets [0, size) are the blob, for sendfile; -1 if there is none. Owned by the reader.
    virtual int file_descriptor() const { return -1; }
};

/// Writes one staged blob. Positional; several threads may write disjoint ranges at once. Identical overlaps are harmless.
class BlobWriter {
public:
    virtual ~BlobWriter() = default;
    /// May block on disk. Pieces of some 100 KiB whose offset and address are multiples of 4096 may be written faster.
    /// @throws Error{NoSpace}, Error{Io}
    virtual void write(std::int64_t offset, std::span<const std::byte> octets) = 0;
    /// When it returns, all octets written before survive power loss, and so does the blob's name. @throws Error{Io}, Error{NoSpace}
    virtual void sync() = 0;
    /// Reads back what was written, for hashing; same contract as BlobReader::read.
    virtual std::size_t read(std::int64_t offset, std::span<std::byte> out) = 0;
};

/// Octets outside transactions. Thread-safe; calls may block on disk.
class BlobStore {
public:
    virtual ~BlobStore() = default;
    /// Never blocks and does no I/O, in contrast to the others: the kernel calls it on its I/O threads.
    virtual BlobId new_id() = 0;
    /// Starts a staged blob under an id from `new_id`. Until a transaction puts its BlobRecord it is an orphan that a later start of the
    /// store removes.
    virtual std::unique_ptr<BlobWriter> create(const BlobId& id) = 0;
    /// Continues a staged blob, also after a restart. Null if the octets are gone.
    virtual std::unique_ptr<BlobWriter> reopen(const BlobId& id) = 0;
    /// Drops a blob that has no record (an upload that failed before its first transaction). Unknown ids are ignored.
    virtual void discard(const BlobId& id) noexcept = 0;

    /// As `create`, for a blob that will have `size` octets (-1: unknown), for a store that keeps large ones elsewhere.
    virtual std::unique_ptr<BlobWriter> create_sized(const BlobId& id, std::int64_t size) {
        (void)size;
        return create(id);
    }
    /// Ends the writing of a staged blob for ever, in every process that shares the store, and waits for who is writing at the moment.
    /// From then on a `write`, or a `sync` of what had been written but was not stored yet, throws Error{Conflict} and changes nothing;
    /// what is there can be read, and `reopen` still gives a writer to read with. The seal is durable; repeating it changes nothing.
    /// Returns whether only this process, since it opened the store, has had a writer of the blob; if not, a digest that was
    /// computed while writing here says nothing. For a store that is not shared its only process sees to all this, so it need do nothing.
    /// @throws Error{Conflict} the blob is gone; Error{Timeout} a writer does not end
    virtual bool seal(const BlobId& id) {
        (void)id;
        return true;
    }
};

/// Names of records that a transaction is about to read one by one.
struct Prefetch {
    std::vector<ObjectKey> objects;                            ///< As `object` will be asked.
    std::vector<std::pair<ObjectKey, NodeKey>> deliveries;     ///< As `delivery` will be asked.
    std::vector<std::pair<ObjectKey, NodeKey>> notifications;  ///< As `notification` will be asked.
    std::vector<NodeKey> destinations;                         ///< As `destination` will be asked.
    std::optional<ObjectKey> few_deliveries_of;  ///< The first ones of `deliveries(object)`, as many as an object usually has.
    std::optional<std::pair<std::string, std::string>> few_nodes_of;  ///< The first ones of `destinations(org, type)`.
};

/// The records that `fan_out` puts for every node that it reaches.
struct FanOut {
    /// Whom it reaches.
    enum class To : std::uint8_t {
        Nodes = 0,         ///< Registered nodes of `node_type`, empty: of the object's org.
        Destinations = 1,  ///< Nodes that are destinations of the object already, and registered.
    };
    ObjectKey object;                           ///< Of the records.
    To to = To::Nodes;                          ///< Whom it reaches.
    std::string node_type;                      ///< See To::Nodes.
    std::optional<DeliveryStatus> delivery;     ///< Without a message; nullopt: deliveries stay as they are.
    std::optional<NotificationStatus> polled;   ///< For nodes with one of `polled_protocols`; nullopt, as for `others`: no notification.
    std::optional<NotificationStatus> others;   ///< For the other nodes. Both or neither.
    std::vector<std::string> polled_protocols;  ///< Compared with DestinationRecord::protocol.
    InstanceId instance_id = 0;                 ///< Of the notifications.
    DataId data_id = 0;                         ///< Of the notifications.
    TimePoint resend_at{};                      ///< Of the notifications.
};

/// What one call of `fan_out` did.
struct FanOutStep {
    std::string next;             ///< Cursor to go on from; empty at the end.
    std::size_t count = 0;        ///< Nodes that were looked at; 0 only at the end.
    std::vector<NodeKey> others;  ///< Got the notification `others`.
    std::vector<NodeKey> polled;  ///< Got the notification `polled`, if the store says whom.
    bool says_polled = true;      ///< False: nodes got it that are not listed.
};

/// A consistent snapshot. Valid only inside the function it is given to; not thread-safe.
/// All lists take a limit of 1..10000 and an opaque cursor (empty: from the start). Missing single records are nullopt.
class ReadTransaction {
public:
    virtual ~ReadTransaction() = default;

    // Objects
    /// The object of that key.
    virtual std::optional<ObjectRecord> object(const ObjectKey& key) = 0;
    /// All objects of a type (empty type: of the org; empty org: of the store) in key order.
    virtual Page<ObjectRecord> objects(const std::string& org, const std::string& type, const std::string& cursor, std::size_t limit) = 0;
    /// Receiver-side objects of a type in CompletelyReceived or ObjDeleted, and ObjReceived if asked for, by ascending
    /// (instance id, id). Cost is proportional to the result, not to the objects of the type (hot: applications poll it).
    virtual Page<ObjectRecord> updated_objects(const std::string& org, const std::string& type, bool include_received,
                                               const std::string& cursor, std::size_t limit) = 0;
    /// Sender-side objects without policy that address the node: by id, by type, by list, or the whole org. Each once, in
    /// key order; through an index, not by scanning the org's other objects.
    virtual Page<ObjectRecord> objects_addressed_to(const NodeKey& node, const std::string& cursor, std::size_t limit) = 0;
    /// Sender-side objects with expires <= now, oldest first.
    virtual std::vector<ObjectKey> expired_objects(TimePoint now, std::size_t limit) = 0;
    /// Objects with activates <= now, oldest first.
    virtual std::vector<ObjectKey> objects_to_activate(TimePoint now, std::size_t limit) = 0;
    /// Objects with consumed_at, oldest first.
    virtual std::vector<ObjectKey> consumed_objects(std::size_t limit) = 0;
    /// How many have consumed_at (a maintained counter).
    virtual std::uint64_t count_consumed_objects() = 0;
    /// Objects in NotReady, Ready, Verifying, VerificationFailed (a maintained counter).
    virtual std::uint64_t count_own_objects() = 0;

    // Destinations of an object
    /// How far the object is on its way to the node.
    virtual std::optional<DeliveryRecord> delivery(const ObjectKey& object, const NodeKey& node) = 0;
    /// The destinations of the object, in key order of the nodes.
    virtual Page<DeliveryRecord> deliveries(const ObjectKey& object, const std::string& cursor, std::size_t limit) = 0;
    /// How many there are of each status (maintained counters).
    virtual DeliveryCounts delivery_counts(const ObjectKey& object) = 0;
    /// Objects that have the node as a destination, in key order.
    virtual Page<ObjectKey> objects_of_node(const NodeKey& node, const std::string& cursor, std::size_t limit) = 0;

    // Notifications
    /// The exchange about the object with the peer.
    virtual std::optional<NotificationRecord> notification(const ObjectKey& object, const NodeKey& peer) = 0;
    /// In key order of the peers.
    virtual Page<NotificationRecord> notifications_of_object(const ObjectKey& object, const std::string& cursor, std::size_t limit) = 0;
    /// In key order of the objects.
    virtual Page<NotificationRecord> notifications_of_peer(const NodeKey& peer, const std::string& cursor, std::size_t limit) = 0;
    /// Status UpdatePending, ReceivedPending, ConsumedPending, DeletePending or DeletedPending for the peer with a sequence
    /// above `after`, by sequence. The hottest query: nearly always empty; one index probe.
    virtual std::vector<NotificationRecord> pending_notifications(const NodeKey& peer, std::uint64_t after, std::size_t limit) = 0;
    /// Status Update, Consumed, Delete, Deleted, Received or Error with resend_at <= now, oldest first.
    virtual std::vector<NotificationRecord> due_notifications(TimePoint now, std::size_t limit) = 0;
    /// Status HandleUpdate or GetData: transfers in progress, in key order.
    virtual Page<NotificationRecord> transfers(const std::string& cursor, std::size_t limit) = 0;

    // Nodes
    /// The registered node of that key.
    virtual std::optional<DestinationRecord> destination(const NodeKey& node) = 0;
    /// Nodes of a type (empty type: of the org) in key order.
    virtual Page<DestinationRecord> destinations(const std::string& org, const std::string& type, const std::string& cursor,
                                                 std::size_t limit) = 0;
    /// Nodes with last_ping < before, oldest first.
    virtual std::vector<NodeKey> inactive_destinations(TimePoint before, std::size_t limit) = 0;
    /// How many are registered (a maintained counter).
    virtual std::uint64_t count_destinations() = 0;

    // Blobs
    /// What is known of the blob.
    virtual std::optional<BlobRecord> blob(const BlobId& id) = 0;
    /// Opens the octets of a blob that has a record; the reader outlives the transaction. Null if there is no such blob.
    virtual std::unique_ptr<BlobReader> open_blob(const BlobId& id) = 0;
    /// Staged blobs created before `before`, oldest first or in any stable order.
    virtual std::vector<BlobId> staged_blobs(TimePoint before, std::size_t limit) = 0;

    // Small entities
    /// The value of that key.
    virtual std::optional<std::string> entry(EntryTable table, const std::vector<std::string>& key) = 0;
    /// Entries whose key starts with the parts of `prefix`, in key order.
    virtual Page<Entry> entries(EntryTable table, const std::vector<std::string>& prefix, const std::string& cursor, std::size_t limit) = 0;

    // Work
    /// How many items wait, claimed ones included.
    virtual std::uint64_t count_work() = 0;
    /// When the next item may be claimed; nullopt if there is none.
    virtual std::optional<TimePoint> next_work() = 0;
};

/// A read snapshot plus changes that become visible and durable together. Reads see the transaction's own changes.
class WriteTransaction : public ReadTransaction {
public:
    /// Inserts or replaces the record of its key, as all that begin with "put".
    virtual void put_object(const ObjectRecord& record) = 0;
    /// The record alone; deliveries, notifications and blobs are erased by their own calls. Absent is fine.
    virtual void erase_object(const ObjectKey& key) = 0;

    /// Inserts or replaces it and keeps the counts.
    virtual void put_delivery(const DeliveryRecord& record) = 0;
    /// Absent is fine.
    virtual void erase_delivery(const ObjectKey& object, const NodeKey& node) = 0;
    /// All of the object.
    virtual void erase_deliveries(const ObjectKey& object) = 0;

    /// Inserts or replaces it under a new sequence, which a read in this transaction sees already.
    virtual void put_notification(const NotificationRecord& record) = 0;
    /// Absent is fine.
    virtual void erase_notification(const ObjectKey& object, const NodeKey& peer) = 0;
    /// Those with all peers.
    virtual void erase_notifications_of_object(const ObjectKey& object) = 0;
    /// Those about all objects.
    virtual void erase_notifications_of_peer(const NodeKey& peer) = 0;

    /// Inserts or replaces it.
    virtual void put_destination(const DestinationRecord& record) = 0;
    /// The record alone. Absent is fine.
    virtual void erase_destination(const NodeKey& node) = 0;

    /// Inserts or replaces the record; from its commit on the octets are no orphan. Those of a Published one have been synced.
    virtual void put_blob(const BlobRecord& record) = 0;
    /// Stores record and octets together; octets.size() <= traits().inline_limit.
    virtual void put_small_data(const BlobRecord& record, std::span<const std::byte> octets) = 0;
    /// Drops record and octets; the octets go after the commit and after older snapshots. Open readers keep working. Absent is fine.
    virtual void erase_blob(const BlobId& id) = 0;

    /// Inserts or replaces it.
    virtual void put_entry(EntryTable table, const std::vector<std::string>& key, const std::string& value) = 0;
    /// Absent is fine.
    virtual void erase_entry(EntryTable table, const std::vector<std::string>& key) = 0;

    /// max(now in ns, last issued + 1, floor + 1); never repeats, whatever the clock does and over restarts.
    virtual InstanceId next_instance_id(TimePoint now, InstanceId floor) = 0;

    /// Adds an item that may be claimed from `not_before` on; returns its id, which is never used again.
    virtual std::uint64_t enqueue_work(const std::string& kind, const std::string& payload, TimePoint not_before) = 0;
    /// Items with not_before <= now, by (not_before, id); each is moved to now + lease and its attempts raised, so that no other
    /// claim gets it before the lease is over. The returned items carry the time they had before.
    virtual std::vector<WorkItem> claim_work(TimePoint now, std::chrono::seconds lease, std::size_t limit) = 0;
    /// Removes a claimed item: it is done. Absent is fine.
    virtual void complete_work(std::uint64_t id) = 0;
    /// Moves a claimed item and replaces its payload (progress). Absent is fine.
    virtual void reschedule_work(std::uint64_t id, TimePoint not_before, const std::string& payload) = 0;

    // Between the processes that share a store; a store that is not shared keeps these empty.
    /// Handed to the `listen` of every other process once the transaction can be seen there. Several in one transaction keep their
    /// order. At most 1 MiB. A message may be lost with a connection; the listener is told that.
    virtual void broadcast(const std::string& message) { static_cast<void>(message); }
    /// Fails the transaction, at the latest when it commits, unless `term` is the present one of `Store::lead`; nobody can take
    /// over between this call and the commit. @throws Error{Conflict}
    virtual void require_leadership(std::int64_t term) { static_cast<void>(term); }

    // For stores that a network is in front of, where it matters how often they are asked. The SDK has a default of each that does the
    // same by the functions above, one record after another.

    /// Has no effect but that reading these records may be faster. Default: nothing.
    virtual void prefetch(const Prefetch& names);
    /// Gives up to `limit` nodes, in key order from `cursor`, the records of `order`, whatever they had.
    virtual FanOutStep fan_out(const FanOut& order, const std::string& cursor, std::size_t limit);
    /// Nodes per `fan_out` that the store takes about a tenth of a second for, or less where others would have to wait: 1..100000.
    virtual std::size_t fan_out_step() const;
    /// Deliveries of the object to nodes of another type. Looks at `limit` deliveries or more, so a page may be short before the end.
    virtual Page<DeliveryRecord> deliveries_outside(const ObjectKey& object, const std::string& node_type, const std::string& cursor,
                                                    std::size_t limit);
};

/// What the store can do. Constant after `configure`.
struct StoreTraits {
    bool is_persistent = false;     ///< Acknowledged transactions survive power loss. Sent to the CSS as `persistent-storage`.
    bool is_shared = false;         ///< Several processes use it at once.
    bool reads_block = false;       ///< `read` may wait for a network; the kernel then keeps it off its I/O threads.
    std::int64_t inline_limit = 0;  ///< Largest `put_small_data`, bytes.
};

/// How the store does; for the health report, and for a line in the log when `problem` comes or goes.
struct StoreHealth {
    bool is_connected = true;               ///< False: nothing can be read or written now; health is red.
    std::uint64_t read_failures = 0;        ///< Since the start; of the store, not of what `f` throws.
    std::uint64_t write_failures = 0;       ///< The same.
    std::optional<TimePoint> last_failure;  ///< Of either; health is red and later yellow for a while after it.
    std::string problem;                    ///< One sentence for operators; empty when well.
};

/// Life: configure, open, any number of calls from any thread, close. Thread-safe between open and close. `close` is called if `open`
/// returned, not if it threw; then comes the destructor.
class Store : public Plugin {
public:
    /// Asked again and again, from any thread, after `configure`.
    virtual StoreTraits traits() const noexcept = 0;

    /// Creates or migrates the store, removes orphans of a crash. Blocks.
    /// @throws Error{Corrupt} unreadable or newer than this plugin, Error{Io}, Error{NotConnected}, Error{AlreadyExists} in use by
    /// another process; the message is one line for the operator and names the file or address.
    virtual void open() = 0;
    /// Waits until submitted transactions are done and their `done` has returned. No call may follow.
    virtual void close() noexcept = 0;

    /// Runs `f` once on the calling thread on a consistent snapshot. Never waits for writers. An exception of `f` passes through. Unless
    /// traits().reads_block this is called on the kernel's I/O threads, so it must not wait for anything. `f` may call `read` no more.
    /// @throws Error{NotConnected} and others, when the store cannot be read
    virtual void read(const std::function<void(ReadTransaction&)>& f) = 0;

    /// Runs `f` atomically on a thread of the store and calls `done` once: with null after the changes are durable, or with
    /// the exception of `f` or of the commit, and then nothing of `f` was kept. `f` may run several times (a conflict, or a
    /// neighbour in the same group that failed), so it must assign its results, not accumulate them, and have no other effect.
    /// `done` runs on a thread of the store, must not block or throw, and may submit. Submissions of one thread run in their
    /// order on a store that is not shared. Not to be called from inside a transaction.
    /// @throws Error{Busy} when too many wait already; then `done` is not called.
    virtual void submit(std::function<void(WriteTransaction&)> f, std::function<void(std::exception_ptr)> done) = 0;

    /// Valid from `open` to `close`.
    virtual BlobStore& blobs() = 0;

    /// O(1), no I/O; from any thread, every second and whenever somebody asks for the health.
    virtual StoreHealth health() const = 0;

    // Between the processes that share a store.
    /// What `listen` calls.
    using Hear = std::function<void(const std::optional<std::string>& message)>;
    /// From now on calls `hear` with each message that another process broadcasts, on one thread of the store, in an order in which
    /// the transactions became visible, usually within milliseconds; with nullopt after messages may have been missed. `hear` must not
    /// block or throw. Called once, after `open`, for every store; ends with `close`.
    virtual void listen(Hear hear) { static_cast<void>(hear); }
    /// The time that all processes which share the store agree on, as long as the store can be reached, whatever their own clocks do.
    /// O(1), no I/O; also before `open`. A store that is not shared: this host's clock.
    virtual TimePoint now() const { return std::chrono::time_point_cast<TimePoint::duration>(std::chrono::system_clock::now()); }
    /// Makes `holder` the leader, or confirms that it is: to be repeated several times within `timeout`, after which another
    /// process may take over. Returns the term, a number that grows whenever the leader changes; nullopt while another one leads.
    /// Blocks; not inside a transaction. Called for shared stores alone. @throws Error. A store that is not shared: always term 1.
    virtual std::optional<std::int64_t> lead(const std::string& holder, std::chrono::seconds timeout) {
        static_cast<void>(holder), static_cast<void>(timeout);
        return 1;
    }
    /// Lets others take over at once, if `holder` leads. Blocks.
    virtual void resign(const std::string& holder) noexcept { static_cast<void>(holder); }

    /// Removes everything, as after `open` on an empty place. Only while no other call is in progress.
    virtual void wipe() = 0;
};

}  // namespace edgesync
