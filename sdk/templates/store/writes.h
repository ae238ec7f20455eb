// What the kernel changes in a transaction.
#pragma once

#include "reads.h"

namespace plugin_name_store {

/// Works on a copy of the state, which the store puts in the place of the original when the kernel's function has ended well.
class Writes final : public Reads<edgesync::WriteTransaction> {
public:
    Writes(State& copy, Blobs& blobs) : Reads(copy, blobs), copy_(copy) {}

    void put_object(const edgesync::ObjectRecord& record) override;
    void erase_object(const edgesync::ObjectKey& key) override;

    void put_delivery(const edgesync::DeliveryRecord& record) override;
    void erase_delivery(const edgesync::ObjectKey& object, const edgesync::NodeKey& node) override;
    void erase_deliveries(const edgesync::ObjectKey& object) override;

    void put_notification(const edgesync::NotificationRecord& record) override;
    void erase_notification(const edgesync::ObjectKey& object, const edgesync::NodeKey& peer) override;
    void erase_notifications_of_object(const edgesync::ObjectKey& object) override;
    void erase_notifications_of_peer(const edgesync::NodeKey& peer) override;

    void put_destination(const edgesync::DestinationRecord& record) override;
    void erase_destination(const edgesync::NodeKey& node) override;

    void put_blob(const edgesync::BlobRecord& record) override;
    void put_small_data(const edgesync::BlobRecord& record, std::span<const std::byte> octets) override;
    void erase_blob(const edgesync::BlobId& id) override;

    void put_entry(edgesync::EntryTable table, const std::vector<std::string>& key, const std::string& value) override;
    void erase_entry(edgesync::EntryTable table, const std::vector<std::string>& key) override;

    edgesync::InstanceId next_instance_id(edgesync::TimePoint now, edgesync::InstanceId floor) override;

    std::uint64_t enqueue_work(const std::string& kind, const std::string& payload, edgesync::TimePoint not_before) override;
    std::vector<edgesync::WorkItem> claim_work(edgesync::TimePoint now, std::chrono::seconds lease, std::size_t limit) override;
    void complete_work(std::uint64_t id) override;
    void reschedule_work(std::uint64_t id, edgesync::TimePoint not_before, const std::string& payload) override;

    /// Blobs whose staged octets the store drops after the commit: the record has them now, or is gone.
    const std::vector<edgesync::BlobId>& no_longer_staged() const { return no_longer_staged_; }

private:
    State& copy_;
    std::vector<edgesync::BlobId> no_longer_staged_;
};

}  // namespace plugin_name_store
