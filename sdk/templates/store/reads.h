// What the kernel asks a transaction for.
#pragma once

#include <edgesync/sdk/store.h>

#include "blobs.h"
#include "state.h"

namespace plugin_name_store {

/// The reading half, for read and for write transactions: `Base` is one of edgesync::ReadTransaction and edgesync::WriteTransaction.
template <typename Base>
class Reads : public Base {
protected:
    template <typename Record>
    using Page = edgesync::Page<Record>;
    using TimePoint = edgesync::TimePoint;
    using ObjectKey = edgesync::ObjectKey;
    using NodeKey = edgesync::NodeKey;
    using Cursor = const std::string&;

public:
    Reads(const State& state, Blobs& blobs) : state_(state), blobs_(blobs) {}

    std::optional<edgesync::ObjectRecord> object(const ObjectKey& key) override;
    Page<edgesync::ObjectRecord> objects(const std::string& org, const std::string& type, Cursor cursor, std::size_t limit) override;
    Page<edgesync::ObjectRecord> updated_objects(const std::string& org, const std::string& type, bool include_received, Cursor cursor,
                                                 std::size_t limit) override;
    Page<edgesync::ObjectRecord> objects_addressed_to(const NodeKey& node, Cursor cursor, std::size_t limit) override;
    std::vector<ObjectKey> expired_objects(TimePoint now, std::size_t limit) override;
    std::vector<ObjectKey> objects_to_activate(TimePoint now, std::size_t limit) override;
    std::vector<ObjectKey> consumed_objects(std::size_t limit) override;
    std::uint64_t count_consumed_objects() override;
    std::uint64_t count_own_objects() override;

    std::optional<edgesync::DeliveryRecord> delivery(const ObjectKey& object, const NodeKey& node) override;
    Page<edgesync::DeliveryRecord> deliveries(const ObjectKey& object, Cursor cursor, std::size_t limit) override;
    edgesync::DeliveryCounts delivery_counts(const ObjectKey& object) override;
    Page<ObjectKey> objects_of_node(const NodeKey& node, Cursor cursor, std::size_t limit) override;

    std::optional<edgesync::NotificationRecord> notification(const ObjectKey& object, const NodeKey& peer) override;
    Page<edgesync::NotificationRecord> notifications_of_object(const ObjectKey& object, Cursor cursor, std::size_t limit) override;
    Page<edgesync::NotificationRecord> notifications_of_peer(const NodeKey& peer, Cursor cursor, std::size_t limit) override;
    std::vector<edgesync::NotificationRecord> pending_notifications(const NodeKey& peer, std::uint64_t after, std::size_t limit) override;
    std::vector<edgesync::NotificationRecord> due_notifications(TimePoint now, std::size_t limit) override;
    Page<edgesync::NotificationRecord> transfers(Cursor cursor, std::size_t limit) override;

    std::optional<edgesync::DestinationRecord> destination(const NodeKey& node) override;
    Page<edgesync::DestinationRecord> destinations(const std::string& org, const std::string& type, Cursor cursor,
                                                   std::size_t limit) override;
    std::vector<NodeKey> inactive_destinations(TimePoint before, std::size_t limit) override;
    std::uint64_t count_destinations() override;

    std::optional<edgesync::BlobRecord> blob(const edgesync::BlobId& id) override;
    std::unique_ptr<edgesync::BlobReader> open_blob(const edgesync::BlobId& id) override;
    std::vector<edgesync::BlobId> staged_blobs(TimePoint before, std::size_t limit) override;

    std::optional<std::string> entry(edgesync::EntryTable table, const std::vector<std::string>& key) override;
    Page<edgesync::Entry> entries(edgesync::EntryTable table, const std::vector<std::string>& prefix, Cursor cursor,
                                  std::size_t limit) override;

    std::uint64_t count_work() override;
    std::optional<TimePoint> next_work() override;

protected:
    const State& state_;
    Blobs& blobs_;
};

}  // namespace plugin_name_store
