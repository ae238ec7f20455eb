#include "kernel/node/packet_host.h"

#include <memory>

#include "kernel/delivery/inbound.h"
#include "kernel/delivery/registration.h"
#include "kernel/node/packet_receiver.h"
#include "kernel/packet_line/pieces.h"

namespace edgesync::node {
namespace {

constexpr std::int32_t kUnknownObject = 5;

bool is_registration(Command command) { return command == Command::Register || command == Command::RegisterNew; }

bool is_registration_answer(Command command) {
    return command == Command::RegAck || command == Command::RegisterAsNew || command == Command::AckResend;
}

/// Ends a turn (packet_line::TurnsByLine) when the answer is given, or when nobody is left who could give it.
class TurnEnd {
public:
    explicit TurnEnd(std::function<void()> end) : end_(std::move(end)) {}
    ~TurnEnd() {
        try {
            end_();
        } catch (const std::exception&) {
            // What waits has its turn with the next one that ends.
        }
    }
    TurnEnd(const TurnEnd&) = delete;
    TurnEnd& operator=(const TurnEnd&) = delete;

    void now() const { end_(); }

private:
    const std::function<void()> end_;  ///< Does nothing from the second call on.
};

}  // namespace

void PacketHost::handle(const NodeKey& peer, Message message, std::function<void(HandleResult)> done) {
    if (!parts().context->is_css()) return handle_at_edge(peer, std::move(message), std::move(done));
    const auto told = [&dispatcher = *packets_.dispatcher, key = rules::ExchangeKey{message.key(), peer},
                       done = std::move(done)](HandleResult result) {
        // Not before the record says so: whoever looks through the store meanwhile would find it unanswered and send it again.
        dispatcher.answered(key);
        // A traditional CSS keeps silent, and the node notices at its next ping, a day later.
        if (result.verdict == Verdict::UnknownPeer && result.replies.empty()) result.replies.push_back(delivery::must_register());
        done(std::move(result));
    };
    if (message.command == Command::GetData) return serve_chunk(peer, std::move(message), told);
    if (message.command == Command::Update) return handle_update(peer, std::move(message), told);
    if (!is_registration(message.command)) return NodeTransportHost::handle(peer, std::move(message), told);
    NodeTransportHost::handle(peer, std::move(message), [this, peer, told](HandleResult result) {
        const bool is_known = result.verdict == Verdict::Accepted;
        for (Message& reply : result.replies) {
            if (reply.command == Command::RegAck) reply.capabilities = {packet_line::kDigest, packet_line::kPieces};
        }
        told(std::move(result));
        if (is_known) parts().scheduler->work([this, peer] { packets_.repeater->repeat(peer); });
    });
}

void PacketHost::serve_chunk(const NodeKey& peer, Message question, std::function<void(HandleResult)> done) {
    packets_.chunk_turns->run(peer.org, [this, peer, question = std::move(question), done = std::move(done)](const auto& end) {
        packets_.chunks->serve(*packets_.transport, peer, question, [done, turn = std::make_shared<TurnEnd>(end)](HandleResult result) {
            done(std::move(result));
            turn->now();
        });
    });
}

void PacketHost::handle_update(const NodeKey& peer, Message message, std::function<void(HandleResult)> done) {
    const auto remember = [this, key = AnnouncedDigests::Key{peer, message.key()}, instance = message.meta.instance_id,
                           sha256 = message.sha256] { digests_.remember(key, instance, sha256); };
    NodeTransportHost::handle(peer, std::move(message), [remember, done = std::move(done)](HandleResult result) {
        // Before its replies make the data come.
        if (result.verdict == Verdict::Accepted) remember();
        done(std::move(result));
    });
}

void PacketHost::handle_at_edge(const NodeKey& peer, Message message, std::function<void(HandleResult)> done) {
    const bool is_failure = message.command == Command::Feedback && message.feedback.code < delivery::kFirstInformational;
    if (is_failure && message.feedback.from_origin) {
        const bool is_gone = message.feedback.code == kUnknownObject;
        packets_.transport->chunks().refused(message.key(), message.meta.instance_id, is_gone, message.feedback.reason);
    }
    if (message.command == Command::GetData) return serve_chunk(peer, std::move(message), std::move(done));
    if (message.command == Command::Update) {
        // Its end may have to wait for data, which is a message that comes after it.
        NodeTransportHost::handle(peer, std::move(message), [](const HandleResult&) {});
        return done({});
    }
    if (!is_registration_answer(message.command)) return NodeTransportHost::handle(peer, std::move(message), std::move(done));
    // It may block on the store, and send the next message of the registration.
    const bool is_queued = parts().scheduler->work([this, message = std::move(message), done] {
        try {
            parts().registration_answer(message);
        } catch (...) {
            done({Verdict::Failed, {}, "the answer could not be stored"});
            throw;
        }
        done({});
    });
    if (!is_queued) done({Verdict::Busy, {}, "Too much is in progress"});
}

std::unique_ptr<DataReceiver> PacketHost::receive_data(const NodeKey& peer, const DataRequest& range, std::int64_t body_length,
                                                       const std::string& repr_sha256, const std::string& content_sha256) {
    if (!parts().context->is_css()) return packets_.transport->chunks().receiver(range);
    (void)content_sha256;
    (void)body_length;
    const std::string announced = repr_sha256.empty() ? digests_.of({peer, range.key}, range.instance_id) : repr_sha256;
    return make_packet_receiver(reception_parts(), peer, range, announced);
}

void PacketHost::line_changed(bool is_connected) {
    if (!is_connected) packets_.transport->chunks().line_lost();
    if (is_connected && packets_.dispatcher != nullptr) packets_.dispatcher->line_restored();
    packets_.line_changed(is_connected);
}

}  // namespace edgesync::node
