// What a write transaction does to many records at once, by its functions for single ones: right for every store that is in the process.
#include <algorithm>

#include "edgesync/sdk/store.h"

namespace edgesync {
namespace {

constexpr std::size_t kPage = 1000;
/// An embedded store has one writer, so others wait for the whole step.
constexpr std::size_t kStep = 250;

void give(WriteTransaction& txn, const FanOut& order, const NodeKey& node, const std::string& protocol, FanOutStep& step) {
    if (order.delivery) txn.put_delivery({order.object, node, *order.delivery, ""});
    if (!order.polled || !order.others) return;
    const auto& polled = order.polled_protocols;
    const bool is_polled = std::find(polled.begin(), polled.end(), protocol) != polled.end();
    NotificationRecord record;
    record.object = order.object;
    record.peer = node;
    record.status = is_polled ? *order.polled : *order.others;
    record.instance_id = order.instance_id;
    record.data_id = order.data_id;
    record.resend_at = order.resend_at;
    txn.put_notification(record);
    (is_polled ? step.polled : step.others).push_back(node);
}

/// One page; returns how many nodes were looked at.
std::size_t give_page(WriteTransaction& txn, const FanOut& order, std::size_t limit, FanOutStep& step) {
    if (order.to == FanOut::To::Nodes) {
        const auto page = txn.destinations(order.object.org, order.node_type, step.next, limit);
        for (const auto& node : page.items) give(txn, order, node.node, node.protocol, step);
        step.next = page.next;
        return page.items.size();
    }
    const auto page = txn.deliveries(order.object, step.next, limit);
    for (const auto& delivery : page.items) {
        if (const auto node = txn.destination(delivery.node)) give(txn, order, node->node, node->protocol, step);
    }
    step.next = page.next;
    return page.items.size();
}

}  // namespace

void WriteTransaction::prefetch(const Prefetch& /*names*/) {}

std::size_t WriteTransaction::fan_out_step() const { return kStep; }

FanOutStep WriteTransaction::fan_out(const FanOut& order, const std::string& cursor, std::size_t limit) {
    FanOutStep step;
    step.next = cursor;
    do {
        step.count += give_page(*this, order, std::min(limit - step.count, kPage), step);
    } while (!step.next.empty() && step.count < limit);
    return step;
}

Page<DeliveryRecord> WriteTransaction::deliveries_outside(const ObjectKey& object, const std::string& node_type, const std::string& cursor,
                                                          std::size_t limit) {
    auto page = deliveries(object, cursor, limit);
    std::erase_if(page.items, [&](const DeliveryRecord& delivery) { return delivery.node.type == node_type; });
    return page;
}

}  // namespace edgesync
