#include "kernel/delivery/registration.h"

#include "kernel/addressing/distribution.h"

namespace edgesync::delivery {
namespace {

using addressing::ResendMode;

HandleResult unknown_peer(const NodeKey& peer) {
    return {Verdict::UnknownPeer, {}, "Node " + peer.org + "/" + peer.type + "/" + peer.id + " is not registered"};
}

void put_node(const rules::NodeContext& context, WriteTransaction& txn, const NodeKey& peer, const Message& message) {
    DestinationRecord record;
    record.node = peer;
    record.protocol = message.protocol;
    record.code_version = message.code_version;
    record.last_ping = context.now();
    record.is_persistent = message.is_persistent;
    txn.put_destination(record);
}

Message reply(Command command) {
    Message message;
    message.command = command;
    return message;
}

void remove_node(const rules::NodeContext& context, WriteTransaction& txn, const NodeKey& peer, rules::Effects& effects) {
    txn.erase_destination(peer);
    effects.wake.push_back(peer);  // A parked poll must learn that the node is unknown now.
    addressing::enqueue_detach(context, txn, peer, effects);
}

}  // namespace

HandleResult handle_registration(const rules::NodeContext& context, WriteTransaction& txn, const NodeKey& peer, const Message& message,
                                 rules::Effects& effects) {
    auto known = txn.destination(peer);
    switch (message.command) {
        case Command::Register:
            if (!known) return unknown_peer(peer);
            put_node(context, txn, peer, message);
            addressing::enqueue_requeue(context, txn, peer, effects);
            return {Verdict::Accepted, {reply(Command::RegAck)}, ""};
        case Command::RegisterNew:
            put_node(context, txn, peer, message);
            addressing::enqueue_welcome(context, txn, peer, message.is_persistent ? ResendMode::Undelivered : ResendMode::NotConsumed,
                                        effects);
            return {Verdict::Accepted, {reply(Command::RegAck)}, ""};
        case Command::Ping:
            if (!known) return unknown_peer(peer);
            known->last_ping = context.now();
            txn.put_destination(*known);
            return {};
        case Command::Unregister:
            if (known) remove_node(context, txn, peer, effects);
            return {};
        case Command::Resend:
            if (!known) return unknown_peer(peer);
            addressing::enqueue_welcome(context, txn, peer, ResendMode::All, effects);
            return {Verdict::Accepted, {reply(Command::AckResend)}, ""};
        default: return {Verdict::Invalid, {}, "Not a registration message"};
    }
}

std::size_t remove_inactive(const rules::NodeContext& context, WriteTransaction& txn, TimePoint before, std::size_t limit,
                            rules::Effects& effects) {
    const auto nodes = txn.inactive_destinations(before, limit);
    for (const auto& node : nodes) remove_node(context, txn, node, effects);
    return nodes.size();
}

}  // namespace edgesync::delivery
