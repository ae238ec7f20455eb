// The transactions of a store plugin as the kernel's functions see them: what the plugin throws there is told from what the kernel throws.
#pragma once

#include <exception>
#include <memory>

#include "edgesync/sdk/store.h"
#include "kernel/plugins/call_watch.h"

namespace edgesync::plugins {

/// Null stays null. `watch` outlives the reader.
std::unique_ptr<BlobReader> watched_reader(std::unique_ptr<BlobReader> reader, CallWatch& watch);

/// Tells whose an exception is that ends a transaction. What comes out of a function of the transaction and is no Error passes through as
/// it is, because a store may tell itself that way to run the kernel's function again. For one thread at a time.
class ThrownByStore {
public:
    explicit ThrownByStore(CallWatch& watch) : watch_(watch) {}

    CallWatch& watch() const { return watch_; }

    /// Runs `f`, the function of the transaction that is named `call`, a literal.
    template <typename F>
    auto noting(const char* call, const F& f) {
        try {
            return f();
        } catch (const Error&) {
            throw;
        } catch (...) {
            call_ = call;
            last_ = std::current_exception();
            throw;
        }
    }

    /// Runs the kernel's function, perhaps once more.
    template <typename F>
    void running(const F& f) {
        of_kernel_ = nullptr;
        try {
            f();
        } catch (const std::exception&) {
            // What the kernel throws derives from that.
            if (std::current_exception() != last_) of_kernel_ = std::current_exception();
            throw;
        }
    }

    /// What the kernel is to see of how the transaction ended: an Error, or what it threw itself. `call` is to blame for what came from no
    /// function of the transaction.
    std::exception_ptr seen_by_kernel(const char* call, const std::exception_ptr& failure) const;

private:
    CallWatch& watch_;
    const char* call_ = nullptr;
    std::exception_ptr last_;
    std::exception_ptr of_kernel_;
};

/// `Base` is ReadTransaction or WriteTransaction. Has no answer of its own to anything: what the interface gets must be added here, too.
template <typename Base>
class WatchedReads : public Base {
    static_assert(kAbiMajor == 1 && kAbiMinor == 1, "What did the new version add to the transactions? It must be passed on.");

public:
    WatchedReads(Base& inner, ThrownByStore& thrown) : inner_(inner), thrown_(thrown) {}

    std::optional<ObjectRecord> object(const ObjectKey& key) override {
        return noting("object", [&] { return inner_.object(key); });
    }
    Page<ObjectRecord> objects(const std::string& org, const std::string& type, const std::string& cursor, std::size_t limit) override {
        return noting("objects", [&] { return inner_.objects(org, type, cursor, limit); });
    }
    Page<ObjectRecord> updated_objects(const std::string& org, const std::string& type, bool include_received, const std::string& cursor,
                                       std::size_t limit) override {
        return noting("updated_objects", [&] { return inner_.updated_objects(org, type, include_received, cursor, limit); });
    }
    Page<ObjectRecord> objects_addressed_to(const NodeKey& node, const std::string& cursor, std::size_t limit) override {
        return noting("objects_addressed_to", [&] { return inner_.objects_addressed_to(node, cursor, limit); });
    }
    std::vector<ObjectKey> expired_objects(TimePoint now, std::size_t limit) override {
        return noting("expired_objects", [&] { return inner_.expired_objects(now, limit); });
    }
    std::vector<ObjectKey> objects_to_activate(TimePoint now, std::size_t limit) override {
        return noting("objects_to_activate", [&] { return inner_.objects_to_activate(now, limit); });
    }
    std::vector<ObjectKey> consumed_objects(std::size_t limit) override {
        return noting("consumed_objects", [&] { return inner_.consumed_objects(limit); });
    }
    std::uint64_t count_consumed_objects() override {
        return noting("count_consumed_objects", [&] { return inner_.count_consumed_objects(); });
    }
    std::uint64_t count_own_objects() override {
        return noting("count_own_objects", [&] { return inner_.count_own_objects(); });
    }
    std::optional<DeliveryRecord> delivery(const ObjectKey& object, const NodeKey& node) override {
        return noting("delivery", [&] { return inner_.delivery(object, node); });
    }
    Page<DeliveryRecord> deliveries(const ObjectKey& object, const std::string& cursor, std::size_t limit) override {
        return noting("deliveries", [&] { return inner_.deliveries(object, cursor, limit); });
    }
    DeliveryCounts delivery_counts(const ObjectKey& object) override {
        return noting("delivery_counts", [&] { return inner_.delivery_counts(object); });
    }
    Page<ObjectKey> objects_of_node(const NodeKey& node, const std::string& cursor, std::size_t limit) override {
        return noting("objects_of_node", [&] { return inner_.objects_of_node(node, cursor, limit); });
    }
    std::optional<NotificationRecord> notification(const ObjectKey& object, const NodeKey& peer) override {
        return noting("notification", [&] { return inner_.notification(object, peer); });
    }
    Page<NotificationRecord> notifications_of_object(const ObjectKey& object, const std::string& cursor, std::size_t limit) override {
        return noting("notifications_of_object", [&] { return inner_.notifications_of_object(object, cursor, limit); });
    }
    Page<NotificationRecord> notifications_of_peer(const NodeKey& peer, const std::string& cursor, std::size_t limit) override {
        return noting("notifications_of_peer", [&] { return inner_.notifications_of_peer(peer, cursor, limit); });
    }
    std::vector<NotificationRecord> pending_notifications(const NodeKey& peer, std::uint64_t after, std::size_t limit) override {
        return noting("pending_notifications", [&] { return inner_.pending_notifications(peer, after, limit); });
    }
    std::vector<NotificationRecord> due_notifications(TimePoint now, std::size_t limit) override {
        return noting("due_notifications", [&] { return inner_.due_notifications(now, limit); });
    }
    Page<NotificationRecord> transfers(const std::string& cursor, std::size_t limit) override {
        return noting("transfers", [&] { return inner_.transfers(cursor, limit); });
    }
    std::optional<DestinationRecord> destination(const NodeKey& node) override {
        return noting("destination", [&] { return inner_.destination(node); });
    }
    Page<DestinationRecord> destinations(const std::string& org, const std::string& type, const std::string& cursor,
                                         std::size_t limit) override {
        return noting("destinations", [&] { return inner_.destinations(org, type, cursor, limit); });
    }
    std::vector<NodeKey> inactive_destinations(TimePoint before, std::size_t limit) override {
        return noting("inactive_destinations", [&] { return inner_.inactive_destinations(before, limit); });
    }
    std::uint64_t count_destinations() override {
        return noting("count_destinations", [&] { return inner_.count_destinations(); });
    }
    std::optional<BlobRecord> blob(const BlobId& id) override {
        return noting("blob", [&] { return inner_.blob(id); });
    }
    std::unique_ptr<BlobReader> open_blob(const BlobId& id) override {
        return watched_reader(noting("open_blob", [&] { return inner_.open_blob(id); }), thrown_.watch());
    }
    std::vector<BlobId> staged_blobs(TimePoint before, std::size_t limit) override {
        return noting("staged_blobs", [&] { return inner_.staged_blobs(before, limit); });
    }
    std::optional<std::string> entry(EntryTable table, const std::vector<std::string>& key) override {
        return noting("entry", [&] { return inner_.entry(table, key); });
    }
    Page<Entry> entries(EntryTable table, const std::vector<std::string>& prefix, const std::string& cursor, std::size_t limit) override {
        return noting("entries", [&] { return inner_.entries(table, prefix, cursor, limit); });
    }
    std::uint64_t count_work() override {
        return noting("count_work", [&] { return inner_.count_work(); });
    }
    std::optional<TimePoint> next_work() override {
        return noting("next_work", [&] { return inner_.next_work(); });
    }

protected:
    template <typename F>
    auto noting(const char* call, const F& f) const {
        return thrown_.noting(call, f);
    }

    Base& inner_;

private:
    ThrownByStore& thrown_;
};

using WatchedReadTransaction = WatchedReads<ReadTransaction>;

class WatchedWriteTransaction final : public WatchedReads<WriteTransaction> {
public:
    using WatchedReads::WatchedReads;

    void put_object(const ObjectRecord& record) override {
        noting("put_object", [&] { inner_.put_object(record); });
    }
    void erase_object(const ObjectKey& key) override {
        noting("erase_object", [&] { inner_.erase_object(key); });
    }
    void put_delivery(const DeliveryRecord& record) override {
        noting("put_delivery", [&] { inner_.put_delivery(record); });
    }
    void erase_delivery(const ObjectKey& object, const NodeKey& node) override {
        noting("erase_delivery", [&] { inner_.erase_delivery(object, node); });
    }
    void erase_deliveries(const ObjectKey& object) override {
        noting("erase_deliveries", [&] { inner_.erase_deliveries(object); });
    }
    void put_notification(const NotificationRecord& record) override {
        noting("put_notification", [&] { inner_.put_notification(record); });
    }
    void erase_notification(const ObjectKey& object, const NodeKey& peer) override {
        noting("erase_notification", [&] { inner_.erase_notification(object, peer); });
    }
    void erase_notifications_of_object(const ObjectKey& object) override {
        noting("erase_notifications_of_object", [&] { inner_.erase_notifications_of_object(object); });
    }
    void erase_notifications_of_peer(const NodeKey& peer) override {
        noting("erase_notifications_of_peer", [&] { inner_.erase_notifications_of_peer(peer); });
    }
    void put_destination(const DestinationRecord& record) override {
        noting("put_destination", [&] { inner_.put_destination(record); });
    }
    void erase_destination(const NodeKey& node) override {
        noting("erase_destination", [&] { inner_.erase_destination(node); });
    }
    void put_blob(const BlobRecord& record) override {
        noting("put_blob", [&] { inner_.put_blob(record); });
    }
    void put_small_data(const BlobRecord& record, std::span<const std::byte> octets) override {
        noting("put_small_data", [&] { inner_.put_small_data(record, octets); });
    }
    void erase_blob(const BlobId& id) override {
        noting("erase_blob", [&] { inner_.erase_blob(id); });
    }
    void put_entry(EntryTable table, const std::vector<std::string>& key, const std::string& value) override {
        noting("put_entry", [&] { inner_.put_entry(table, key, value); });
    }
    void erase_entry(EntryTable table, const std::vector<std::string>& key) override {
        noting("erase_entry", [&] { inner_.erase_entry(table, key); });
    }
    InstanceId next_instance_id(TimePoint now, InstanceId floor) override {
        return noting("next_instance_id", [&] { return inner_.next_instance_id(now, floor); });
    }
    std::uint64_t enqueue_work(const std::string& kind, const std::string& payload, TimePoint not_before) override {
        return noting("enqueue_work", [&] { return inner_.enqueue_work(kind, payload, not_before); });
    }
    std::vector<WorkItem> claim_work(TimePoint now, std::chrono::seconds lease, std::size_t limit) override {
        return noting("claim_work", [&] { return inner_.claim_work(now, lease, limit); });
    }
    void complete_work(std::uint64_t id) override {
        noting("complete_work", [&] { inner_.complete_work(id); });
    }
    void reschedule_work(std::uint64_t id, TimePoint not_before, const std::string& payload) override {
        noting("reschedule_work", [&] { inner_.reschedule_work(id, not_before, payload); });
    }
    void broadcast(const std::string& message) override {
        noting("broadcast", [&] { inner_.broadcast(message); });
    }
    void require_leadership(std::int64_t term) override {
        noting("require_leadership", [&] { inner_.require_leadership(term); });
    }
    void prefetch(const Prefetch& names) override {
        noting("prefetch", [&] { inner_.prefetch(names); });
    }
    FanOutStep fan_out(const FanOut& order, const std::string& cursor, std::size_t limit) override {
        return noting("fan_out", [&] { return inner_.fan_out(order, cursor, limit); });
    }
    std::size_t fan_out_step() const override {
        return noting("fan_out_step", [&] { return inner_.fan_out_step(); });
    }
    Page<DeliveryRecord> deliveries_outside(const ObjectKey& object, const std::string& node_type, const std::string& cursor,
                                            std::size_t limit) override {
        return noting("deliveries_outside", [&] { return inner_.deliveries_outside(object, node_type, cursor, limit); });
    }
};

}  // namespace edgesync::plugins
