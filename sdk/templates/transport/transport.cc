// The transport as the kernel sees it (edgesync/sdk/transport.h): turns messages and data into packets for the line, and packets into calls
// of the host. No rule of the object life cycle is here; the host answers every message with a verdict.
#include <edgesync/sdk/codec.h>
#include <edgesync/sdk/transport.h>

#include <atomic>
#include <span>

#include "line.h"

namespace plugin_name_transport {
namespace {

using namespace edgesync;

/// FILL IN: what one packet takes of data, in octets. The kernel makes larger data into chunks.
constexpr std::int64_t kLargestPayload = 1024 * 1024;
constexpr char kName[] = "plugin-name";
constexpr char kFolder[] = "PluginNameFolder";

/// One end of the line with what packets need. Outlives the transport's `stop` as long as the host owes an answer.
struct End {
    Line line;
    bool is_css;
    NodeKey self;
    Log& log;

    NodeKey node_of(const NodeKey& peer) const { return is_css ? peer : self; }

    void send(const NodeKey& peer, const Message& message) {
        line.send(node_of(peer), codec::command_to_json(message, node_of(peer), kName));
    }

    /// The host calls this from any thread, also after `stop`.
    void reply(const NodeKey& peer, const HandleResult& result) noexcept {
        try {
            for (const auto& message : result.replies) send(peer, message);
        } catch (const std::exception& error) {
            log.trace(LogLevel::Info, std::string("an answer got lost, the peer asks again: ") + error.what());
        }
    }
};

class PluginNameTransport final : public Transport {
public:
    /// FILL IN: the keys of sync.conf that the line needs. The kernel checks type and range, and masks what `is_secret`.
    std::vector<SettingDeclaration> declare_settings() const override {
        return {{.key = kFolder,
                 .environment = "PLUGIN_NAME_FOLDER",
                 .type = SettingDeclaration::Type::Text,
                 .default_value = "",
                 .help = "Folder that the CSS and its nodes see, for the packets between them."}};
    }

    /// FILL IN: what no type says. Every problem that `start` would meet should be told here.
    void configure(const Settings& settings, Log& log) override {
        log_ = &log;
        folder_ = settings.text(kFolder);
        if (folder_.empty()) throw Error(ErrorKind::InvalidRequest, std::string(kFolder) + " is empty, but must name a folder");
    }

    /// A line that carries packets and nothing else: no answers to a `send`, no `fetch`, data in chunks.
    TransportTraits traits() const noexcept override { return {.largest_payload = kLargestPayload}; }

    void start(TransportHost& host) override {
        host_ = &host;
        const bool is_css = host.role() == NodeRole::Css;
        const NodeKey self = host.self();
        end_.reset(new End{{folder_, is_css ? std::nullopt : std::optional(self)}, is_css, self, *log_});
        end_->line.open([this](const NodeKey& node, const std::string& packet) { take(node, packet); });
        // FILL IN: call this whenever the line comes up and, with false, when it is lost. The kernel then repeats what was under way.
        host.line_changed(true);
    }

    void drain() override { is_draining_ = true; }
    void stop() noexcept override {
        is_draining_ = true;
        if (end_) end_->line.close();
    }

    PeerAnswer send(const NodeKey& peer, const Message& message) override {
        end().send(peer, message);
        return {};
    }

    PeerAnswer fetch(const NodeKey&, const DataRequest&, DataSink&) override {
        throw Error(ErrorKind::Unsupported, "data comes in packets, it is not fetched");
    }

    /// One chunk: the header of a data message, and then the octets.
    PeerAnswer push(const NodeKey& peer, const DataRequest& request, BlobReader& source, const std::string&) override {
        if (request.length > kLargestPayload) {
            throw Error(ErrorKind::InvalidRequest, "a chunk of " + std::to_string(request.length) +
                                                       " octets is too large, a packet takes " + std::to_string(kLargestPayload));
        }
        const auto length = static_cast<std::size_t>(request.length);
        std::string packet = codec::encode_data_header(request.key, request.instance_id, request.offset, length);
        const std::size_t head = packet.size();
        packet.resize(head + length);
        const auto octets = std::as_writable_bytes(std::span(packet)).subspan(head);
        for (std::size_t filled = 0; filled < length;) {
            const std::size_t count = source.read(request.offset + static_cast<std::int64_t>(filled), octets.subspan(filled));
            if (count == 0) throw Error(ErrorKind::Io, "the stored data ends before its size");
            filled += count;
        }
        end().line.send(end_->node_of(peer), packet);
        return {};
    }

    // FILL IN: `line_health`, when operators should see how the line does; `communication`, when nodes of other software speak to it.

private:
    End& end() const {
        if (is_draining_ || !end_) throw Error(ErrorKind::NotConnected, "this node stops, or has not started");
        return *end_;
    }

    void take(const NodeKey& node, const std::string& packet) {
        if (is_draining_) return;
        const NodeKey peer = end_->is_css ? node : NodeKey{node.org, "Cloud", "Cloud"};
        try {
            codec::is_data_message(packet) ? take_data(peer, packet) : take_command(peer, packet);
        } catch (const Error& error) {
            log_->trace(LogLevel::Warning, "dropped a packet of " + peer.type + "/" + peer.id + ": " + error.what());
        }
    }

    void take_command(const NodeKey& peer, const std::string& packet) {
        auto command = codec::command_from_json(packet);
        if (!command) return;  // Of a later version.
        Message& message = command->message;
        if (message.meta.org.empty()) message.meta.org = peer.org;
        // FILL IN: a node may lie. On a CSS drop what speaks for another node: `command->destination`, and the origin or destination in
        // `message.meta`, must be `peer` where they say who sends. The tests TransportHostile show it.
        if (message.meta.org != peer.org) throw Error(ErrorKind::InvalidRequest, "it is about another organization");
        if (end_->is_css) message.protocol = kName;
        host_->handle(peer, std::move(message), [end = end_, peer](const HandleResult& result) { end->reply(peer, result); });
    }

    void take_data(const NodeKey& peer, const std::string& packet) {
        const auto data = codec::decode_data(packet);
        if (data.is_cut_short) throw Error(ErrorKind::InvalidRequest, "data that is cut short");
        if (!data.key.org.empty() && data.key.org != peer.org) throw Error(ErrorKind::InvalidRequest, "data of another organization");
        DataRequest range;
        range.key = {peer.org, data.key.type, data.key.id};
        range.instance_id = data.instance_id;
        range.offset = data.offset;
        range.length = static_cast<std::int64_t>(data.data.size());
        const std::shared_ptr<DataReceiver> receiver = host_->receive_data(peer, range, range.length, "", "");
        const HandleResult begun = receiver->start();
        if (begun.verdict != Verdict::Accepted) return end_->reply(peer, begun);
        if (!data.data.empty()) receiver->write(std::as_bytes(std::span(data.data)));
        receiver->finish([end = end_, peer, receiver](const HandleResult& result) { end->reply(peer, result); });
    }

    Log* log_ = nullptr;
    std::string folder_;
    TransportHost* host_ = nullptr;
    std::shared_ptr<End> end_;
    std::atomic<bool> is_draining_ = false;
};

}  // namespace
}  // namespace plugin_name_transport

EDGESYNC_PLUGIN(Transport, "plugin-name", "0.1.0", plugin_name_transport::PluginNameTransport);
