// Reads of a snapshot, shared by read-only and writing transactions.
#pragma once

#include <functional>
#include <string_view>

#include "blob_files.h"
#include "edgesync/sdk/store.h"
#include "environment.h"
#include "overlay.h"

namespace edgesync::lmdb {

/// Implements the reading calls of `Base` (ReadTransaction or WriteTransaction) on one LMDB transaction.
template <typename Base>
class Reads : public Base {
public:
    /// `pending`: what is read above the transaction's state; null: nothing.
    Reads(const Environment& environment, const BlobFiles& files, MDB_txn* txn, const PendingChanges* pending = nullptr)
        : environment_(environment), files_(files), txn_(txn), pending_(pending) {}

    std::optional<ObjectRecord> object(const ObjectKey& key) override;
    Page<ObjectRecord> objects(const std::string& org, const std::string& type, const std::string& cursor, std::size_t limit) override;
    Page<ObjectRecord> updated_objects(const std::string& org, const std::string& type, bool include_received, const std::string& cursor,
                                       std::size_t limit) override;
    Page<ObjectRecord> objects_addressed_to(const NodeKey& node, const std::string& cursor, std::size_t limit) override;
    std::vector<ObjectKey> expired_objects(TimePoint now, std::size_t limit) override;
    std::vector<ObjectKey> objects_to_activate(TimePoint now, std::size_t limit) override;
    std::vector<ObjectKey> consumed_objects(std::size_t limit) override;
    std::uint64_t count_consumed_objects() override;
    std::uint64_t count_own_objects() override;

    std::optional<DeliveryRecord> delivery(const ObjectKey& object, const NodeKey& node) override;
    Page<DeliveryRecord> deliveries(const ObjectKey& object, const std::string& cursor, std::size_t limit) override;
    DeliveryCounts delivery_counts(const ObjectKey& object) override;
    Page<ObjectKey> objects_of_node(const NodeKey& node, const std::string& cursor, std::size_t limit) override;

    std::optional<NotificationRecord> notification(const ObjectKey& object, const NodeKey& peer) override;
    Page<NotificationRecord> notifications_of_object(const ObjectKey& object, const std::string& cursor, std::size_t limit) override;
    Page<NotificationRecord> notifications_of_peer(const NodeKey& peer, const std::string& cursor, std::size_t limit) override;
    std::vector<NotificationRecord> pending_notifications(const NodeKey& peer, std::uint64_t after, std::size_t limit) override;
    std::vector<NotificationRecord> due_notifications(TimePoint now, std::size_t limit) override;
    Page<NotificationRecord> transfers(const std::string& cursor, std::size_t limit) override;

    std::optional<DestinationRecord> destination(const NodeKey& node) override;
    Page<DestinationRecord> destinations(const std::string& org, const std::string& type, const std::string& cursor,
                                         std::size_t limit) override;
    std::vector<NodeKey> inactive_destinations(TimePoint before, std::size_t limit) override;
    std::uint64_t count_destinations() override;

    std::optional<BlobRecord> blob(const BlobId& id) override;
    std::unique_ptr<BlobReader> open_blob(const BlobId& id) override;
    std::vector<BlobId> staged_blobs(TimePoint before, std::size_t limit) override;

    std::optional<std::string> entry(EntryTable table, const std::vector<std::string>& key) override;
    Page<Entry> entries(EntryTable table, const std::vector<std::string>& prefix, const std::string& cursor, std::size_t limit) override;

    std::uint64_t count_work() override;
    std::optional<TimePoint> next_work() override;

protected:
    /// Gets the part of the key behind the prefix, and the value; false ends the scan.
    using Visit = std::function<bool(std::string_view suffix, std::string_view value)>;

    std::optional<std::string_view> get(Table table, std::string_view key) const;
    /// Visits the entries of all prefixes merged by what follows the prefix, from behind `after`.
    void scan(Table table, const std::vector<std::string>& prefixes, std::string_view after, const Visit& visit) const;
    /// At most `limit` entries; returns the cursor of the following page.
    std::string scan_page(Table table, const std::vector<std::string>& prefixes, const std::string& cursor, std::size_t limit,
                          const std::function<void(std::string_view value)>& take) const;
    /// Entries of a table by time whose time is before or at `until`.
    void scan_times(Table table, TimePoint until, std::size_t limit, const std::function<void(std::string_view value)>& take) const;
    std::uint64_t counter(const char* name) const;

    const Environment& environment_;
    const BlobFiles& files_;
    MDB_txn* txn_;
    const PendingChanges* const pending_;
};

extern template class Reads<ReadTransaction>;
extern template class Reads<WriteTransaction>;

/// @throws Error{InvalidRequest}
void check_limit(std::size_t limit);

/// Text keys of a small entity, readable again.
std::string entry_value(const std::vector<std::string>& key, const std::string& value);
std::string entry_key(EntryTable table, const std::vector<std::string>& key);

}  // namespace edgesync::lmdb
