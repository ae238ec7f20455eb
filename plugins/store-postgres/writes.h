// The writing calls of the contract on one transaction.
#pragma once

#include "change_buffer.h"
#include "instance_ids.h"
#include "prefetched.h"
#include "reads.h"
#include "sql_text.h"

namespace edgesync::postgres {

inline constexpr std::int64_t kInlineLimit = 64 * 1024;

/// Where transactions get numbers from.
struct Sources {
    InstanceIds& instances;
    WorkIds& work_ids;
    std::int64_t origin = 0;  ///< Of this instance in the feed.
};

/// Gathers changes and answers reads of single records from them; lists first send them, in the same round trip. Not thread-safe.
class Writes : public Reads<WriteTransaction> {
public:
    Writes(Transaction& transaction, Blobs& blobs, const Sources& sources)
        : Reads<WriteTransaction>(transaction, blobs), sources_(sources) {}

    /// Sends what is left and commits, in one round trip. @throws as Transaction::commit
    void commit();

    std::optional<ObjectRecord> object(const ObjectKey& key) override;
    // Lists of records are as they will be at the commit, but for records that others add meanwhile.
    Page<ObjectRecord> objects(const std::string& org, const std::string& type, const std::string& cursor, std::size_t limit) override;
    Page<ObjectRecord> updated_objects(const std::string& org, const std::string& type, bool include_received, const std::string& cursor,
                                       std::size_t limit) override;
    Page<ObjectRecord> objects_addressed_to(const NodeKey& node, const std::string& cursor, std::size_t limit) override;
    Page<NotificationRecord> notifications_of_peer(const NodeKey& peer, const std::string& cursor, std::size_t limit) override;
    Page<Entry> entries(EntryTable table, const std::vector<std::string>& prefix, const std::string& cursor, std::size_t limit) override;
    std::optional<DeliveryRecord> delivery(const ObjectKey& object, const NodeKey& node) override;
    Page<DeliveryRecord> deliveries(const ObjectKey& object, const std::string& cursor, std::size_t limit) override;
    DeliveryCounts delivery_counts(const ObjectKey& object) override;
    std::optional<NotificationRecord> notification(const ObjectKey& object, const NodeKey& peer) override;
    /// Each is given to one transaction at a time, so that several instances can share the work.
    std::vector<NotificationRecord> due_notifications(TimePoint now, std::size_t limit) override;
    Page<NotificationRecord> notifications_of_object(const ObjectKey& object, const std::string& cursor, std::size_t limit) override;
    std::optional<DestinationRecord> destination(const NodeKey& node) override;
    Page<DestinationRecord> destinations(const std::string& org, const std::string& type, const std::string& cursor,
                                         std::size_t limit) override;
    std::optional<BlobRecord> blob(const BlobId& id) override;
    std::optional<std::string> entry(EntryTable table, const std::vector<std::string>& key) override;

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
    void broadcast(const std::string& message) override;
    void require_leadership(std::int64_t term) override;
    /// Whether other instances must be notified of what `commit` has stored.
    bool has_told() const { return has_told_; }

    /// Raised by every change.
    std::uint64_t changes() const { return count_of_changes_; }

    // set_operations.cc
    void prefetch(const Prefetch& names) override { prefetch_all({&names, 1}); }
    void prefetch_all(std::span<const Prefetch> questions);
    FanOutStep fan_out(const FanOut& order, const std::string& cursor, std::size_t limit) override;
    std::size_t fan_out_step() const override;
    Page<DeliveryRecord> deliveries_outside(const ObjectKey& object, const std::string& node_type, const std::string& cursor,
                                            std::size_t limit) override;

private:
    const char* fan_out_statement(const FanOut& order, const std::string& cursor, std::size_t limit);
    void settle() override { changes_.move_to(transaction_, seen_); }
    /// To be changed.
    ChangeBuffer& changed() {
        ++count_of_changes_;
        return changes_;
    }
    /// What `list` returns. With locks: once all of it was held, by the statement `hold`, before it was read.
    template <typename List, typename NameOf>
    auto held(const char* hold, List list, NameOf name_of);
    template <typename List>
    Page<ObjectRecord> held_objects(List list);
    /// Erases what others, who saw an object here before it was erased, have put for it since this transaction's snapshot.
    void erase_leftovers() noexcept;
    /// Called before all deliveries or notifications of the object are looked at.
    void decide_by(const ObjectKey& object);
    /// A change that is not of one record: what was gathered before must be sent before it.
    void add(const std::string& statement);
    template <typename Record>
    void note(const std::optional<Record>& found, const char* table, const std::string& key, std::set<std::string>* kept);

    const Sources sources_;
    ChangeBuffer changes_;
    Observations seen_;
    Prefetched prefetched_;  ///< Of what `changes_` does not have.
    ArrayText messages_;
    std::set<std::string> erased_objects_;
    std::set<std::string> without_deliveries_;     ///< Objects all of whose deliveries were erased.
    std::set<std::string> without_notifications_;  ///< The same of notifications.
    std::uint64_t count_of_changes_ = 0;
    bool has_told_ = false;
};

}  // namespace edgesync::postgres
