#include "kernel/node/transport_host.h"

#include "edgesync/sdk/error.h"
#include "kernel/delivery/inbound.h"

namespace edgesync::node {

HandleResult verdict_of(std::exception_ptr error) {
    try {
        std::rethrow_exception(error);
    } catch (const Error& failure) {
        switch (failure.kind()) {
            case ErrorKind::InvalidRequest: return {Verdict::Invalid, {}, failure.what()};
            case ErrorKind::NotFound: return {Verdict::Invalid, {}, failure.what()};
            case ErrorKind::Conflict: return {Verdict::Ignored, {}, failure.what()};
            case ErrorKind::Busy: return {Verdict::Busy, {}, failure.what()};
            // What a pause may mend is no failure: traditional nodes repeat one a thousand times without a pause.
            case ErrorKind::Timeout:
            case ErrorKind::NotConnected: return {Verdict::Unavailable, {}, failure.what()};
            // A full disk may get space: the sender keeps its object and tries again.
            case ErrorKind::NoSpace: return {Verdict::Unavailable, {}, failure.what()};
            default: return {Verdict::Failed, {}, failure.what()};
        }
    } catch (const std::exception& failure) {
        return {Verdict::Failed, {}, failure.what()};
    }
}

void NodeTransportHost::handle(const NodeKey& peer, Message message, std::function<void(HandleResult)> done) {
    const bool is_css = parts_.context->is_css();
    switch (message.command) {
        case Command::RegAck:
        case Command::RegisterAsNew:
        case Command::AckResend:
            if (!is_css) {
                parts_.registration_answer(message);
                done({});
                return;
            }
            break;
        case Command::Update:
            if (!is_css) return parts_.announced(std::move(message), std::move(done));
            break;
        default: break;
    }
    parts_.operations->run<HandleResult>(
        [this, peer, message = std::move(message)](WriteTransaction& txn, rules::Effects& effects) {
            return delivery::handle_message(*parts_.context, txn, peer, message, effects);
        },
        [this, is_css, done = std::move(done)](rules::Outcome<HandleResult> outcome) {
            HandleResult result = outcome.error ? verdict_of(outcome.error) : std::move(*outcome.value);
            if (!is_css) {
                // Over a line that carries answers, replies are messages of their own.
                for (auto& reply : result.replies) parts_.send_message(std::move(reply));
                result.replies.clear();
            }
            done(std::move(result));
        });
}

std::uint64_t NodeTransportHost::poll(const NodeKey& peer, const PollRequest& request, std::function<void(PollResult)> done) {
    return parts_.pending->poll(peer, request, std::move(done));
}

OpenedData NodeTransportHost::open_data(const NodeKey& peer, const ObjectKey& key, InstanceId instance, DataId data_id) {
    (void)data_id;
    OpenedData opened;
    const auto refuse = [&](Verdict verdict, const char* reason) {
        opened.verdict = verdict;
        opened.reason = reason;
    };
    try {
        parts_.operations->store().read([&](ReadTransaction& txn) {
            if (!txn.destination(peer)) return refuse(Verdict::UnknownPeer, "The node is not registered");
            const auto record = txn.notification(key, peer);
            if (!record) return refuse(Verdict::NotFound, "The node is not a destination of this object");
            if (record->instance_id != instance) return refuse(Verdict::Ignored, "Another version is current");
            const auto object = txn.object(key);
            if (!object) return refuse(Verdict::NotFound, "The object is gone");
            if (object->meta.instance_id != instance) return refuse(Verdict::Ignored, "Another version is current");
            // While an upload waits for its verification, the version before it is the one that counts.
            const bool is_sent = object->status == ObjectStatus::Ready || object->status == ObjectStatus::Verifying;
            if (!object->data || !is_sent) return refuse(Verdict::NotFound, "There is no data");
            if (const auto blob = txn.blob(*object->data)) opened.sha256 = blob->sha256;
            opened.reader = txn.open_blob(*object->data);
            if (!opened.reader) refuse(Verdict::NotFound, "There is no data");
        });
    } catch (...) {
        HandleResult failure = verdict_of(std::current_exception());
        opened.verdict = failure.verdict;
        opened.reason = failure.reason;
    }
    return opened;
}

std::unique_ptr<DataReceiver> NodeTransportHost::receive_data(const NodeKey& peer, const DataRequest& range, std::int64_t body_length,
                                                              const std::string& repr_sha256, const std::string& content_sha256) {
    return make_data_receiver(reception_parts(), peer, range, body_length, repr_sha256, content_sha256);
}

std::optional<std::string> NodeTransportHost::messaging_group(const std::string& org) {
    std::optional<std::string> group;
    parts_.operations->store().read([&](ReadTransaction& txn) { group = txn.entry(EntryTable::MessagingGroup, {org}); });
    return group;
}

void NodeTransportHost::remember_messaging_group(const std::string& org, const std::string& group) {
    parts_.operations->run_and_wait<rules::Done>([org, group](WriteTransaction& txn, rules::Effects&) {
        txn.put_entry(EntryTable::MessagingGroup, {org}, group);
        return rules::Done{};
    });
}

ReceptionParts NodeTransportHost::reception_parts() const {
    return {*parts_.context, *parts_.operations, *parts_.scheduler, *parts_.digests, parts_.largest_object, parts_.files};
}

}  // namespace edgesync::node
