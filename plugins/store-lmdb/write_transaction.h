// The changes of one submitted function, inside the LMDB transaction of its group.
#pragma once

#include <string>
#include <vector>

#include "change_list.h"
#include "read_transaction.h"

namespace edgesync::lmdb {

/// Numbers that only grow; kept by the writer and stored with every group.
struct Sequences {
    std::uint64_t notification = 0;
    std::uint64_t work = 0;
    InstanceId instance = 0;
    bool has_changed = false;
};

class Writes : public Reads<WriteTransaction> {
public:
    /// `changes`: what is put and erased is added to it.
    Writes(const Environment& environment, const BlobFiles& files, MDB_txn* txn, Sequences& sequences, ChangeList& changes)
        : Reads(environment, files, txn), sequences_(sequences), changes_(changes) {}

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

    bool has_changed() const { return has_changed_; }
    /// Files whose blobs were erased; to be removed after the commit.
    std::vector<BlobId> take_erased_files() { return std::move(erased_files_); }
    /// Stores the sequences; once per group.
    void put_sequences();

private:
    void put(Table table, std::string_view key, std::string_view value);
    bool del(Table table, std::string_view key);
    template <typename Record>
    void reindex(const Record* before, const Record* after, const std::string& primary);
    void add(const char* counter_name, std::int64_t difference);
    void count_delivery(const ObjectKey& object, std::optional<DeliveryStatus> before, std::optional<DeliveryStatus> after);
    void erase_notification(const NotificationRecord& record);
    void put_work(const WorkItem* before, const WorkItem& after);

    Sequences& sequences_;
    ChangeList& changes_;
    bool has_changed_ = false;
    std::vector<BlobId> erased_files_;
};

}  // namespace edgesync::lmdb
