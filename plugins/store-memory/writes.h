// A write transaction: changes a private copy of the State, which the store then publishes or drops.
#pragma once

#include <exception>
#include <vector>

#include "reads.h"

namespace edgesync::memory {

inline constexpr std::int64_t kInlineLimitBytes = 65536;

/// Dropping it undoes everything but issued instance ids, which are never issued again. Not thread-safe.
class Writes : public Reads<WriteTransaction> {
public:
    /// `edit` was never used before; `last_issued` outlives the transaction.
    Writes(const State& before, Edit edit, MemoryBlobs& blobs, MemoryBudget& budget, InstanceId& last_issued);
    ~Writes() override;

    /// The state to publish. Call once, last. @throws Error{NoSpace} if a call of the transaction did, whatever became of that.
    std::shared_ptr<const State> finish();

    /// Blobs whose staged content is not needed after the commit.
    const std::vector<BlobId>& unstaged() const noexcept { return unstaged_; }

    /// True if an instance id was issued, so that the time base must be brought up to date before the commit.
    bool has_issued() const noexcept { return has_issued_; }

    void put_object(const ObjectRecord& record) override;
    void erase_object(const ObjectKey& key) override;
    void put_delivery(const DeliveryRecord& record) override;
    void erase_delivery(const ObjectKey& object, const NodeKey& node) override;
    void erase_deliveries(const ObjectKey& object) override;
    void put_notification(const NotificationRecord& record) override;
    void erase_notification(const ObjectKey& object, const NodeKey& peer) override;
    void erase_notifications_of_object(const ObjectKey& object) override;
    void erase_notifications_of_peer(const NodeKey& peer) override;
    void put_destination(const DestinationRecord& record) override;
    void erase_destination(const NodeKey& node) override;
    void put_blob(const BlobRecord& record) override;
    void put_small_data(const BlobRecord& record, std::span<const std::byte> octets) override;
    void erase_blob(const BlobId& id) override;
    void put_entry(EntryTable table, const std::vector<std::string>& key, const std::string& value) override;
    void erase_entry(EntryTable table, const std::vector<std::string>& key) override;
    InstanceId next_instance_id(TimePoint now, InstanceId floor) override;
    std::uint64_t enqueue_work(const std::string& kind, const std::string& payload, TimePoint not_before) override;
    std::vector<WorkItem> claim_work(TimePoint now, std::chrono::seconds lease, std::size_t limit) override;
    void complete_work(std::uint64_t id) override;
    void reschedule_work(std::uint64_t id, TimePoint not_before, const std::string& payload) override;

private:
    Writes(std::shared_ptr<State> state, Edit edit, MemoryBlobs& blobs, MemoryBudget& budget, InstanceId& last_issued);
    void charge();

    std::shared_ptr<State> state_;
    Edit edit_;
    MemoryBlobs& staging_;
    MemoryBudget& budget_;
    InstanceId& last_issued_;
    std::int64_t charged_;  ///< What the budget holds for records: at least state_->record_bytes unless out_of_space_.
    std::int64_t kept_;     ///< What it shall hold when this goes away.
    std::exception_ptr out_of_space_;
    std::vector<BlobId> unstaged_;
    bool has_issued_ = false;
};

}  // namespace edgesync::memory
