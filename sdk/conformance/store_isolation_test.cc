// What others do between the reads of a write transaction and its writes.
#include <functional>
#include <utility>

#include "store_test.h"

namespace edgesync::conformance {
namespace {

constexpr EntryTable kTable = EntryTable::Setting;

using Isolation = StoreTest;

/// Transactions that want to come between what another one reads and what it writes. A store lets them, and runs the other one again, or it
/// makes them wait.
class Intruders {
public:
    explicit Intruders(Store& store) : store_(store) {}

    /// Called inside of the other transaction, each time it runs: some times it lets another one in.
    void let_in(const std::function<void(WriteTransaction&)>& f) {
        if (running_.size() == kMost) return;
        running_.push_back(std::async(std::launch::async, [this, f] { return run_write(store_, f); }));
        running_.back().wait_for(std::chrono::milliseconds(300));
    }
    /// How many there were, once all are done.
    int wait() {
        for (auto& one : running_) EXPECT_EQ(one.get(), nullptr);
        return static_cast<int>(running_.size());
    }

private:
    static constexpr std::size_t kMost = 4;

    Store& store_;
    std::vector<std::future<std::exception_ptr>> running_;
};

TEST_F(Isolation, TransactionsActByListsThatAreStillSoWhenTheyEnd) {
    const ObjectKey key = object_key("a");
    const ObjectKey own = object_key("b");
    const NodeKey node = node_key("n");
    const auto put_all = [&](WriteTransaction& t, int number) {
        t.put_object(receiver_object(key, ObjectStatus::CompletelyReceived, number));
        ObjectRecord addressed = sender_object(own);
        addressed.meta.instance_id = number;
        t.put_object(addressed);
        NotificationRecord record = notification(key, node, NotificationStatus::UpdatePending);
        record.instance_id = number;
        t.put_notification(record);
        t.put_entry(kTable, {"number"}, std::to_string(number));
    };
    using List = std::function<int(WriteTransaction&)>;
    const auto listed = [](const auto& items, auto number) { return items.empty() ? 0 : static_cast<int>(number(items.front())); };
    const auto of_object = [](const ObjectRecord& record) { return record.meta.instance_id; };
    const auto of_notification = [](const NotificationRecord& record) { return record.instance_id; };
    const std::vector<std::pair<std::string, List>> lists = {
        {"objects", [&](WriteTransaction& t) { return listed(t.objects("org", "", "", 10).items, of_object); }},
        {"updated_objects", [&](WriteTransaction& t) { return listed(t.updated_objects("org", "type", true, "", 10).items, of_object); }},
        {"objects_addressed_to", [&](WriteTransaction& t) { return listed(t.objects_addressed_to(node, "", 10).items, of_object); }},
        {"notifications_of_peer",
         [&](WriteTransaction& t) { return listed(t.notifications_of_peer(node, "", 10).items, of_notification); }},
        {"entries", [&](WriteTransaction& t) {
             return listed(t.entries(kTable, {}, "", 10).items, [](const Entry& entry) { return std::stoi(entry.value); });
         }}};
    for (const auto& [name, list] : lists) {
        write([&](WriteTransaction& t) { put_all(t, 1); });
        Intruders intruders(store());
        write([&](WriteTransaction& t) {
            const int number = list(t);
            intruders.let_in([&](WriteTransaction& other) { put_all(other, static_cast<int>(of_object(other.object(key).value())) + 1); });
            put_all(t, number + 100);
        });
        const int expected = 101 + intruders.wait();
        const auto rule = broken("write transactions act as if they ran one after the other, also by what " + name + " listed");
        store().read([&](ReadTransaction& t) {
            EXPECT_EQ(of_object(t.object(key).value()), expected) << rule;
            EXPECT_EQ(of_object(t.object(own).value()), expected) << rule;
            EXPECT_EQ(of_notification(t.notification(key, node).value()), expected) << rule;
            EXPECT_EQ(t.entry(kTable, {"number"}), std::to_string(expected)) << rule;
        });
    }
}

TEST_F(Isolation, TransactionsThatEraseAnObjectLeaveNothingThatOthersPutForItMeanwhile) {
    const ObjectKey key = object_key("a");
    const NodeKey node = node_key("n");
    using Look = std::function<bool(WriteTransaction&)>;
    const std::vector<std::pair<std::string, Look>> looks = {
        {"object", [&](WriteTransaction& t) { return t.object(key).has_value(); }},
        {"objects", [&](WriteTransaction& t) { return !t.objects("org", "", "", 10).items.empty(); }},
        {"objects_addressed_to", [&](WriteTransaction& t) { return !t.objects_addressed_to(node, "", 10).items.empty(); }}};
    for (const auto& [erasing, sees] : looks) {
        for (const auto& [putting, finds] : looks) {
            write([&](WriteTransaction& t) { t.put_object(sender_object(key)); });
            Intruders intruders(store());
            write([&](WriteTransaction& t) {
                EXPECT_TRUE(sees(t));
                t.erase_deliveries(object_key("another"));  // So that a store that only gathers has begun.
                intruders.let_in([&](WriteTransaction& other) {
                    if (!finds(other) || other.delivery(key, node) || other.notification(key, node)) return;
                    other.put_delivery(delivery(key, node));
                    other.put_notification(notification(key, node, NotificationStatus::UpdatePending));
                });
                t.erase_deliveries(key);
                t.erase_notifications_of_object(key);
                t.erase_object(key);
            });
            intruders.wait();
            const auto rule = broken("write transactions act as if they ran one after the other: one erased an object that it saw by " +
                                     erasing + ", another one put records for what it saw by " + putting);
            store().read([&](ReadTransaction& t) {
                EXPECT_FALSE(t.object(key)) << rule;
                EXPECT_FALSE(t.delivery(key, node)) << rule;
                EXPECT_FALSE(t.notification(key, node)) << rule;
            });
        }
    }
}

TEST_F(Isolation, AFanOutToDestinationsDoesNotBringBackOneThatOthersErase) {
    const ObjectKey key = object_key("a");
    const NodeKey node = node_key("n");
    const auto erase = [&](WriteTransaction& t) {
        t.erase_delivery(key, node);
        t.erase_notification(key, node);
    };
    write([&](WriteTransaction& t) {
        t.put_destination(destination(node));
        t.put_object(sender_object(key));
        t.put_delivery(delivery(key, node));
    });
    Intruders intruders(store());
    bool is_erased = false;
    write([&](WriteTransaction& t) {
        t.put_object(t.object(key).value());
        // Once: what it sees then must not be so at the end.
        if (!std::exchange(is_erased, true)) intruders.let_in(erase);
        FanOut order;
        order.object = key;
        order.to = FanOut::To::Destinations;
        order.delivery = DeliveryStatus::Delivering;
        order.polled = order.others = NotificationStatus::Update;
        t.fan_out(order, "", 100);
    });
    intruders.wait();
    const auto rule = broken("write transactions act as if they ran one after the other: one erased a destination, another one fanned out");
    store().read([&](ReadTransaction& t) {
        EXPECT_FALSE(t.delivery(key, node)) << rule;
        EXPECT_FALSE(t.notification(key, node)) << rule;
    });
}

}  // namespace
}  // namespace edgesync::conformance
