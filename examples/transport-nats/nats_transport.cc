// The transport `nats`: nodes and CSS on a NATS server. It carries messages and nothing else, so the kernel does the rest: it asks for
// data chunk by chunk, repeats what got lost, and registers when the line is up.
#include <algorithm>
#include <atomic>

#include "edgesync/sdk/codec.h"
#include "edgesync/sdk/packets.h"
#include "nats_line.h"
#include "outbox.h"
#include "subjects.h"

namespace transport_nats {

class NatsTransport : public Transport {
public:
    ~NatsTransport() override { stop(); }

    std::vector<SettingDeclaration> declare_settings() const override { return declared_settings(); }
    void configure(const Settings& settings, Log&) override { server_ = server_from(settings); }
    TransportTraits traits() const noexcept override { return {}; }  // A packet line.

    void start(TransportHost& host) override {
        host_ = &host;
        is_css_ = host.role() == NodeRole::Css;
        const NodeKey self = host.self();
        const auto filter = [&](const char* kind) { return is_css_ ? filter_of(kind, self.org) : subject_of("down", kind, self); };
        std::vector<Subscription> subscriptions = {
            {filter("command"), [this](auto subject, auto payload) { take(subject, payload, &NatsTransport::take_command); }},
            {filter("data"), [this](auto subject, auto payload) { take(subject, payload, &NatsTransport::take_data); }}};
        natsOptions_SetName(server_.options.get(), (self.org + "/" + self.type + "/" + self.id).c_str());  // For the server's log.
        outbox_ = std::make_shared<Outbox>();
        // Of several instances of a CSS each message is for one.
        line_.begin(std::move(server_), std::move(subscriptions), is_css_ ? "css" : "", host);
    }
    void drain() override { is_draining_ = true; }
    void stop() noexcept override {
        is_draining_ = true;
        if (outbox_) outbox_->stop();
        line_.end();
    }

    PeerAnswer send(const NodeKey& peer, const Message& message) override {
        if (message.command == Command::Unregister) throw Error(ErrorKind::Unsupported, "A node cannot leave over NATS; it is forgotten");
        const NodeKey node = is_css_ ? peer : host_->self();
        publish("command", peer, codec::command_to_json(message, node, "nats"));
        return {};
    }
    PeerAnswer fetch(const NodeKey&, const DataRequest&, DataSink&) override {
        throw Error(ErrorKind::Unsupported, "Data are not fetched over NATS, they come in messages");
    }
    PeerAnswer push(const NodeKey& peer, const DataRequest& request, BlobReader& source, const std::string&) override {
        if (const auto most = largest_payload(peer); most > 0 && request.length > most)
            throw Error(ErrorKind::InvalidRequest, "A chunk over NATS has at most " + std::to_string(most) + " octets");
        publish("data", peer, packets::data_packet(request, source));
        return {};
    }
    std::int64_t largest_payload(const NodeKey&) const override {
        return std::min(kLargestChunk, packets::largest_data(line_.largest_message()));
    }
    std::optional<LineHealth> line_health() const override { return line_.health(); }

private:
    void publish(const char* kind, const NodeKey& peer, const std::string& payload) {
        if (is_draining_) throw Error(ErrorKind::NotConnected, "This node stops");
        line_.publish(is_css_ ? subject_of("down", kind, peer) : subject_of("up", kind, host_->self()), payload);
    }

    /// On a thread of the subscription. Waits as long as the kernel has too much to do, which keeps the next message waiting.
    void take(std::string_view subject, std::string_view payload,
              void (NatsTransport::*handle)(const NodeKey&, std::string_view)) noexcept {
        if (is_draining_) return;
        try {
            const auto node = node_in(subject);
            if (!node) throw Error(ErrorKind::InvalidRequest, "unexpected subject");
            (this->*handle)(is_css_ ? *node : NodeKey{host_->self().org, "Cloud", "Cloud"}, payload);
        } catch (const std::exception& error) {
            // Of a hostile or broken peer, without an answer.
            host_->log().trace(LogLevel::Warning, "Dropped a message on " + std::string(subject) + ": " + error.what());
        }
    }
    void take_command(const NodeKey& peer, std::string_view payload) {
        auto command = codec::command_from_json(payload);
        if (!command) throw Error(ErrorKind::InvalidRequest, "unknown command");
        Message& message = command->message;
        if (message.meta.org.empty()) message.meta.org = peer.org;
        if (is_css_) {
            // The subject proves who speaks; what the payload says beyond that is a claim.
            const std::string problem = packets::check_sender(*command, peer);
            if (!problem.empty()) throw Error(ErrorKind::InvalidRequest, problem);
            message.protocol = "nats";
        } else if (message.meta.org != peer.org) {
            throw Error(ErrorKind::InvalidRequest, "it is about an object of another organization");
        }
        host_->handle(peer, std::move(message), replier(peer));
    }
    void take_data(const NodeKey& peer, std::string_view payload) {
        const auto data = codec::decode_data(payload);
        if (data.is_cut_short || (!data.key.org.empty() && data.key.org != peer.org))
            throw Error(ErrorKind::InvalidRequest, "data that are cut short, or of another organization");
        DataRequest range;
        range.key = {peer.org, data.key.type, data.key.id};
        range.instance_id = data.instance_id;
        range.offset = data.offset;
        range.length = static_cast<std::int64_t>(data.data.size());
        const std::shared_ptr<DataReceiver> receiver = host_->receive_data(peer, range, range.length, "", "");
        const auto reply = replier(peer);
        HandleResult begun = receiver->start();
        if (begun.verdict != Verdict::Accepted) return reply(std::move(begun));
        if (!data.data.empty()) receiver->write(std::as_bytes(std::span(data.data)));
        receiver->finish([receiver, reply](HandleResult result) { reply(std::move(result)); });
    }
    /// Sends the replies of a verdict, which may come from any thread that must not wait, and even after `stop`.
    std::function<void(HandleResult)> replier(const NodeKey& peer) {
        return [this, outbox = outbox_, peer](HandleResult result) {
            if (result.replies.empty()) return;
            outbox->push([this, peer, replies = std::move(result.replies)] {
                for (const auto& reply : replies) {
                    try {
                        send(peer, reply);
                    } catch (const Error& error) {
                        host_->log().trace(LogLevel::Warning, std::string("Dropped a reply: ") + error.what());
                    }
                }
            });
        };
    }

    static constexpr std::int64_t kLargestChunk = 256 * 1024;  ///< A line of 50 kB/s takes it within the write deadline.

    Server server_;
    TransportHost* host_ = nullptr;
    bool is_css_ = false;
    std::atomic<bool> is_draining_{false};
    std::shared_ptr<Outbox> outbox_;
    NatsLine line_;
};

}  // namespace transport_nats

EDGESYNC_PLUGIN(Transport, "nats", "1.0.0", transport_nats::NatsTransport);
