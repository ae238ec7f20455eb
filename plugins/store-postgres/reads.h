// The reading calls of the contract on one transaction.
#pragma once

#include "blobs.h"
#include "edgesync/sdk/store.h"
#include "transaction.h"

namespace edgesync::postgres {

/// Implements the reading calls of `Base` (ReadTransaction or WriteTransaction). Every call is one round trip.
template <typename Base>
class Reads : public Base {
public:
    Reads(Transaction& transaction, Blobs& blobs) : transaction_(transaction), blobs_(blobs) {}

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
    /// Called before every query: hands the changes that the query must see to the transaction.
    virtual void settle() {}
    Rows query(const std::string& statement);
    std::vector<NotificationRecord> due(const char* statement, TimePoint now, std::size_t limit);
    /// The row of a single record, as `get_` or `lock_` by the isolation.
    Rows single(const char* table, const std::string& key);

    Transaction& transaction_;
    Blobs& blobs_;
};

extern template class Reads<ReadTransaction>;
extern template class Reads<WriteTransaction>;

/// @throws Error{InvalidRequest}
void check_limit(std::size_t limit);

/// A small entity's key, and its key's parts with its value.
std::string entry_key(EntryTable table, const std::vector<std::string>& key);
std::string entry_value(const std::vector<std::string>& key, const std::string& value);

}  // namespace edgesync::postgres
