#include "kernel/delivery/registration.h"

#include "kernel/addressing/node_work.h"
#include "kernel/objects/names.h"

namespace edgesync::delivery {
namespace {

using addressing::ResendMode;

void put_node(const rules::NodeContext& context, WriteTransaction& txn, const NodeKey& peer, const Message& message) {
    DestinationRecord record;
    record.node = peer;
    record.protocol = message.protocol;
    record.code_version = message.code_version;
    record.last_ping = context.now();
    record.is_persistent = message.is_persistent;
    txn.put_destination(record);
}

/// With the number that the question had, so that a node knows which of its registrations is answered (docs/protocol.md).
Message reply(Command command, const Message& question) {
    Message message;
    message.command = command;
    message.meta.instance_id = question.meta.instance_id;
    return message;
}

HandleResult unknown_peer(const NodeKey& peer, std::vector<Message> replies = {}) {
    return {Verdict::UnknownPeer, std::move(replies), "Node " + peer.org + "/" + peer.type + "/" + peer.id + " is not registered"};
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
            if (!known) return unknown_peer(peer, {reply(Command::RegisterAsNew, message)});
            put_node(context, txn, peer, message);
            addressing::enqueue_requeue(context, txn, peer, effects);
            if (known->protocol != message.protocol) addressing::enqueue_second_look(context, txn, peer, false, true, effects);
            return {Verdict::Accepted, {reply(Command::RegAck, message)}, ""};
        case Command::RegisterNew:
            if (!objects::is_valid_name(peer.type) || !objects::is_valid_name(peer.id)) {
                return {Verdict::Invalid, {}, "Type and id of a node must be valid names"};
            }
            put_node(context, txn, peer, message);
            addressing::enqueue_welcome(context, txn, peer, message.is_persistent ? ResendMode::Undelivered : ResendMode::NotConsumed,
                                        effects);
            addressing::enqueue_second_look(context, txn, peer, true, known && known->protocol != message.protocol, effects);
            return {Verdict::Accepted, {reply(Command::RegAck, message)}, ""};
        case Command::Ping:
            if (!known) return unknown_peer(peer, {reply(Command::RegisterAsNew, message)});
            known->last_ping = context.now();
            txn.put_destination(*known);
            return {};
        case Command::Unregister:
            if (known) remove_node(context, txn, peer, effects);
            return {};
        case Command::Resend:
            if (!known) return unknown_peer(peer);
            addressing::enqueue_welcome(context, txn, peer, ResendMode::All, effects);
            return {Verdict::Accepted, {reply(Command::AckResend, message)}, ""};
        default: return {Verdict::Invalid, {}, "Not a registration message"};
    }
}

Message must_register() {
    Message message;
    message.command = Command::RegisterAsNew;
    return message;
}

std::size_t remove_inactive(const rules::NodeContext& context, WriteTransaction& txn, TimePoint before, std::size_t limit,
                            rules::Effects& effects) {
    const auto nodes = txn.inactive_destinations(before, limit);
    for (const auto& node : nodes) {
        const auto known = txn.destination(node);  // It may have come back since.
        if (known && known->last_ping < before) remove_node(context, txn, node, effects);
    }
    return nodes.size();
}

}  // namespace edgesync::delivery
