// The contract of a store plugin: transactions over typed records, plus blobs. A store holds no rule of the object life
// cycle; those are kernel code that runs inside its transactions (docs/writing-a-store.md).
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
#include <vector>

#include "edgesync/sdk/object.h"
#include "edgesync/sdk/plugin.h"

namespace edgesync {

/// Names a blob for its whole life; unique, never reused, never derived from user input. Made by the store.
struct BlobId {
    std::array<std::uint8_t, 16> bytes{};
    auto operator<=>(const BlobId&) const = default;
};

/// Octets [begin, end).
struct ByteRange {
    std::int64_t begin = 0;
    std::int64_t end = 0;
    auto operator<=>(const ByteRange&) const = default;
};

enum class BlobState : std::uint8_t {
    Staged = 0,     ///< Being received; not visible to readers of the object.
    Published = 1,  ///< An object points at it; immutable.
};

/// What is known of a blob. Its octets are written through `BlobStore`, or with the record by `put_small_data`.
struct BlobRecord {
    BlobId id;
    ObjectKey owner;  ///< The object whose data this is.
    BlobState state = BlobState::Staged;
    std::int64_t total = -1;             ///< Final size; -1 while unknown.
    InstanceId instance_id = 0;          ///< The version whose data this is; 0 for an upload that has none yet.
    std::vector<ByteRange> received;     ///< Durable octets: sorted, disjoint, not adjacent. Empty when Published.
    std::string sha256;                  ///< 32 octets; empty while unknown.
    std::int64_t upload_chunk_size = 0;  ///< Of a chunked upload by an application; else 0.
    TimePoint created{};                 ///< While Staged: the caller may set it again as octets arrive; indexed.
    bool operator==(const BlobRecord&) const = default;
};

/// One object on this node.
struct ObjectRecord {
    Metadata meta;  ///< Holds the key: meta.org, meta.object_type, meta.object_id.
    ObjectStatus status = ObjectStatus::NotReady;
    Side side = Side::Sender;
    bool policy_received = false;
    std::int32_t remaining_consumers = 0;
    std::int32_t remaining_receivers = 0;
    std::optional<TimePoint> expires;      ///< Parsed meta.expiration; indexed.
    std::optional<TimePoint> activates;    ///< Parsed meta.activation_time while meta.inactive; indexed.
    std::optional<TimePoint> consumed_at;  ///< Set with ConsumedByDest; indexed.
    std::optional<BlobId> data;            ///< Published data.
    std::optional<BlobId> staged;          ///< Data being received for this or the next version.
    std::vector<PolicyService> removed_services;
    bool operator==(const ObjectRecord&) const = default;

    ObjectKey key() const { return {meta.org, meta.object_type, meta.object_id}; }
};

/// How far one object is on its way to one destination.
struct DeliveryRecord {
    ObjectKey object;
    NodeKey node;
    DeliveryStatus status = DeliveryStatus::Pending;
    std::string message;
    bool operator==(const DeliveryRecord&) const = default;
};

/// Number of destinations of one object per DeliveryStatus (index: its number).
using DeliveryCounts = std::array<std::uint64_t, 6>;

/// State of the exchange about one object with one peer.
struct NotificationRecord {
    ObjectKey object;
    NodeKey peer;
    NotificationStatus status = NotificationStatus::Update;
    InstanceId instance_id = 0;
    DataId data_id = 0;
    TimePoint resend_at{};
    std::uint64_t sequence = 0;  ///< Assigned by the store at every put, strictly increasing; ignored on input.
    bool operator==(const NotificationRecord&) const = default;
};

/// A registered node (CSS only).
struct DestinationRecord {
    NodeKey node;
    std::string protocol;  ///< "http", "mqtt", "wiotp" or another transport's name.
    std::string code_version;
    TimePoint last_ping{};  ///< Indexed.
    bool is_persistent = true;
    bool operator==(const DestinationRecord&) const = default;
};

/// Durable work that the kernel does after a transaction; at least once.
struct WorkItem {
    std::uint64_t id = 0;  ///< Assigned by `enqueue_work`.
    std::string kind;
    std::string payload;        ///< Opaque to the store.
    TimePoint not_before{};     ///< Indexed; a claim moves it.
    std::int32_t attempts = 0;  ///< Number of claims so far.
    bool operator==(const WorkItem&) const = default;
};

/// Tables of small entities with text keys of one to six parts; the value is opaque to the store.
enum class EntryTable : std::uint8_t { Setting = 0, Webhook = 1, Organization = 2, MessagingGroup = 3, Acl = 4, AclByUser = 5 };

struct Entry {
    std::vector<std::string> key;
    std::string value;
    bool operator==(const Entry&) const = default;
};

/// A part of a list. `next` is empty at the end, else it is passed as `cursor` to get the following part. Cursors are opaque
/// and stay valid when records before, at or after them come and go.
template <typename T>
struct Page {
    std::vector<T> items;
    std::string next;
};

/// Reads one blob; keeps working when the blob is erased meanwhile. Thread-safe.
class BlobReader {
public:
    virtual ~BlobReader() = default;
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
    virtual BlobId new_id() = 0;
    /// Starts a staged blob. Until a transaction puts its BlobRecord it is an orphan that a later start of the store removes.
    virtual std::unique_ptr<BlobWriter> create(const BlobId& id) = 0;
    /// Continues a staged blob, also after a restart. Null if the octets are gone.
    virtual std::unique_ptr<BlobWriter> reopen(const BlobId& id) = 0;
    /// Drops a blob that has no record (an upload that failed before its first transaction). Unknown ids are ignored.
    virtual void discard(const BlobId& id) noexcept = 0;
};

/// A consistent snapshot. Valid only inside the function it is given to; not thread-safe.
/// All lists take a limit of 1..10000 and an opaque cursor (empty: from the start). Missing single records are nullopt.
class ReadTransaction {
public:
    virtual ~ReadTransaction() = default;

    // Objects
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
    /// Objects with consumed_at, oldest first; and how many there are (a maintained counter).
    virtual std::vector<ObjectKey> consumed_objects(std::size_t limit) = 0;
    virtual std::uint64_t count_consumed_objects() = 0;
    /// Objects in NotReady, Ready, Verifying, VerificationFailed (a maintained counter).
    virtual std::uint64_t count_own_objects() = 0;

    // Destinations of an object
    virtual std::optional<DeliveryRecord> delivery(const ObjectKey& object, const NodeKey& node) = 0;
    virtual Page<DeliveryRecord> deliveries(const ObjectKey& object, const std::string& cursor, std::size_t limit) = 0;
    virtual DeliveryCounts delivery_counts(const ObjectKey& object) = 0;
    /// Objects that have the node as a destination, in key order.
    virtual Page<ObjectKey> objects_of_node(const NodeKey& node, const std::string& cursor, std::size_t limit) = 0;

    // Notifications
    virtual std::optional<NotificationRecord> notification(const ObjectKey& object, const NodeKey& peer) = 0;
    virtual Page<NotificationRecord> notifications_of_object(const ObjectKey& object, const std::string& cursor, std::size_t limit) = 0;
    virtual Page<NotificationRecord> notifications_of_peer(const NodeKey& peer, const std::string& cursor, std::size_t limit) = 0;
    /// Status UpdatePending, ReceivedPending, ConsumedPending, DeletePending or DeletedPending for the peer with a sequence
    /// above `after`, by sequence. The hottest query: nearly always empty; one index probe.
    virtual std::vector<NotificationRecord> pending_notifications(const NodeKey& peer, std::uint64_t after, std::size_t limit) = 0;
    /// Status Update, Consumed, Delete, Deleted, Received or Error with resend_at <= now, oldest first.
    virtual std::vector<NotificationRecord> due_notifications(TimePoint now, std::size_t limit) = 0;
    /// Status HandleUpdate or GetData: transfers in progress, in key order.
    virtual Page<NotificationRecord> transfers(const std::string& cursor, std::size_t limit) = 0;

    // Nodes
    virtual std::optional<DestinationRecord> destination(const NodeKey& node) = 0;
    /// Nodes of a type (empty type: of the org) in key order.
    virtual Page<DestinationRecord> destinations(const std::string& org, const std::string& type, const std::string& cursor,
                                                 std::size_t limit) = 0;
    /// Nodes with last_ping < before, oldest first.
    virtual std::vector<NodeKey> inactive_destinations(TimePoint before, std::size_t limit) = 0;
    virtual std::uint64_t count_destinations() = 0;

    // Blobs
    virtual std::optional<BlobRecord> blob(const BlobId& id) = 0;
    /// Opens the octets of a blob that has a record; the reader outlives the transaction. Null if there is no such blob.
    virtual std::unique_ptr<BlobReader> open_blob(const BlobId& id) = 0;
    /// Staged blobs created before `before`, oldest first or in any stable order.
    virtual std::vector<BlobId> staged_blobs(TimePoint before, std::size_t limit) = 0;

    // Small entities
    virtual std::optional<std::string> entry(EntryTable table, const std::vector<std::string>& key) = 0;
    /// Entries whose key starts with the parts of `prefix`, in key order.
    virtual Page<Entry> entries(EntryTable table, const std::vector<std::string>& prefix, const std::string& cursor, std::size_t limit) = 0;

    // Work
    virtual std::uint64_t count_work() = 0;
    /// When the next item may be claimed; nullopt if there is none.
    virtual std::optional<TimePoint> next_work() = 0;
};

/// A read snapshot plus changes that become visible and durable together. Reads see the transaction's own changes.
class WriteTransaction : public ReadTransaction {
public:
    virtual void put_object(const ObjectRecord& record) = 0;
    /// The record alone; deliveries, notifications and blobs are erased by their own calls. Absent is fine.
    virtual void erase_object(const ObjectKey& key) = 0;

    virtual void put_delivery(const DeliveryRecord& record) = 0;
    virtual void erase_delivery(const ObjectKey& object, const NodeKey& node) = 0;
    virtual void erase_deliveries(const ObjectKey& object) = 0;

    virtual void put_notification(const NotificationRecord& record) = 0;
    virtual void erase_notification(const ObjectKey& object, const NodeKey& peer) = 0;
    virtual void erase_notifications_of_object(const ObjectKey& object) = 0;
    virtual void erase_notifications_of_peer(const NodeKey& peer) = 0;

    virtual void put_destination(const DestinationRecord& record) = 0;
    virtual void erase_destination(const NodeKey& node) = 0;

    virtual void put_blob(const BlobRecord& record) = 0;
    /// Stores record and octets together; octets.size() <= traits().inline_limit.
    virtual void put_small_data(const BlobRecord& record, std::span<const std::byte> octets) = 0;
    /// Drops record and octets; the octets may go after the commit. Open readers keep working. Absent is fine.
    virtual void erase_blob(const BlobId& id) = 0;

    virtual void put_entry(EntryTable table, const std::vector<std::string>& key, const std::string& value) = 0;
    virtual void erase_entry(EntryTable table, const std::vector<std::string>& key) = 0;

    /// max(now in ns, last issued + 1, floor + 1); never repeats, whatever the clock does and over restarts.
    virtual InstanceId next_instance_id(TimePoint now, InstanceId floor) = 0;

    virtual std::uint64_t enqueue_work(const std::string& kind, const std::string& payload, TimePoint not_before) = 0;
    /// Items with not_before <= now, by (not_before, id); each is moved to now + lease and its attempts raised, so that no other
    /// claim gets it before the lease is over. The returned items carry the time they had before.
    virtual std::vector<WorkItem> claim_work(TimePoint now, std::chrono::seconds lease, std::size_t limit) = 0;
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
};

struct StoreTraits {
    bool is_persistent = false;     ///< Acknowledged transactions survive power loss. Sent to the CSS as `persistent-storage`.
    bool is_shared = false;         ///< Several processes use it at once.
    bool reads_block = false;       ///< `read` may wait for a network; the kernel then keeps it off its I/O threads.
    std::int64_t inline_limit = 0;  ///< Largest `put_small_data`, bytes.
};

struct StoreHealth {
    bool is_connected = true;
    std::uint64_t read_failures = 0;
    std::uint64_t write_failures = 0;
    std::optional<TimePoint> last_failure;
    std::string problem;  ///< One sentence for operators; empty when well.
};

/// Life: configure, open, any number of calls from any thread, close. Thread-safe between open and close.
class Store : public Plugin {
public:
    virtual StoreTraits traits() const noexcept = 0;

    /// Creates or migrates the store, removes orphans of a crash. Blocks.
    /// @throws Error{Corrupt} unreadable or newer than this plugin, Error{Io}, Error{NotConnected}, Error{AlreadyExists} in use by
    /// another process; the message is one line for the operator and names the file or address.
    virtual void open() = 0;
    /// Waits until submitted transactions are done. No call may follow.
    virtual void close() noexcept = 0;

    /// Runs `f` on the calling thread on a consistent snapshot. Never waits for writers. An exception of `f` passes through.
    virtual void read(const std::function<void(ReadTransaction&)>& f) = 0;

    /// Runs `f` atomically on a thread of the store and calls `done` once: with null after the changes are durable, or with
    /// the exception of `f` or of the commit, and then nothing of `f` was kept. `f` may run several times (a conflict, or a
    /// neighbour in the same group that failed), so it must assign its results, not accumulate them, and have no other effect.
    /// `done` runs on a thread of the store, must not block or throw, and may submit. Submissions of one thread run in their
    /// order on a store that is not shared. Not to be called from inside a transaction.
    /// @throws Error{Busy} when too many wait already; then `done` is not called.
    virtual void submit(std::function<void(WriteTransaction&)> f, std::function<void(std::exception_ptr)> done) = 0;

    virtual BlobStore& blobs() = 0;

    /// O(1), no I/O.
    virtual StoreHealth health() const = 0;

    // Between the processes that share a store.
    using Hear = std::function<void(const std::optional<std::string>& message)>;
    /// From now on calls `hear` with each message that another process broadcasts, on one thread of the store, in an order in which
    /// the transactions became visible, usually within milliseconds; with nullopt after messages may have been missed. `hear` must not
    /// block or throw. Called once, after `open`; ends with `close`.
    virtual void listen(Hear hear) { static_cast<void>(hear); }
    /// The time that all processes which share the store agree on, as long as the store can be reached, whatever their own clocks do.
    /// O(1), no I/O; also before `open`. A store that is not shared: this host's clock.
    virtual TimePoint now() const { return std::chrono::time_point_cast<TimePoint::duration>(std::chrono::system_clock::now()); }
    /// Makes `holder` the leader, or confirms that it is: to be repeated several times within `timeout`, after which another
    /// process may take over. Returns the term, a number that grows whenever the leader changes; nullopt while another one leads.
    /// Blocks; not inside a transaction. @throws Error. A store that is not shared: always term 1.
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
