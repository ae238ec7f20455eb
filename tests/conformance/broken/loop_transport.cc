// A correct transport between nodes of one process: a packet line without packets. Broken ones are made of it.
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "edgesync/sdk/transport.h"

namespace edgesync::loop {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kLargest = 1 << 20;
constexpr std::size_t kMostWaiting = 1000;
constexpr auto kLongestSend = 10s;

struct Item {
    NodeKey from;
    Message message;
    bool is_data = false;
    DataRequest range;
    std::vector<std::byte> octets;
};

/// What others see of a node, and what its verdicts need after it has stopped.
class Node {
public:
    explicit Node(NodeKey name) : self(std::move(name)) {}

    /// Waits for room if `is_patient`. False: the node takes nothing any more, or not soon.
    bool put(Item item, bool is_patient) {
        std::unique_lock lock(mutex_);
        const auto has_room = [this] { return is_closed_ || waiting_.size() < kMostWaiting; };
        if (is_patient && !changed_.wait_for(lock, kLongestSend, has_room)) return false;
        if (is_closed_) return false;
        waiting_.push_back(std::move(item));
        changed_.notify_all();
        return true;
    }
    /// The next one; nullopt when the node is closed.
    std::optional<Item> take() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return is_closed_ || !waiting_.empty(); });
        if (is_closed_) return std::nullopt;
        Item item = std::move(waiting_.front());
        waiting_.pop_front();
        changed_.notify_all();
        return item;
    }
    void close() {
        const std::lock_guard lock(mutex_);
        is_closed_ = true;
        waiting_.clear();
        changed_.notify_all();
    }
    bool is_closed() {
        const std::lock_guard lock(mutex_);
        return is_closed_;
    }

    const NodeKey self;

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Item> waiting_;
    bool is_closed_ = false;
};

/// Who is reachable under which name on which loop.
class Loops {
public:
    static Loops& all() {
        static Loops instance;
        return instance;
    }
    void attach(const std::string& loop, const NodeKey& name, std::shared_ptr<Node> node) {
        const std::lock_guard lock(mutex_);
        nodes_[{loop, name}] = std::move(node);
    }
    std::shared_ptr<Node> find(const std::string& loop, const NodeKey& name) {
        const std::lock_guard lock(mutex_);
        const auto found = nodes_.find({loop, name});
        return found == nodes_.end() || found->second->is_closed() ? nullptr : found->second;
    }

private:
    std::mutex mutex_;
    std::map<std::pair<std::string, NodeKey>, std::shared_ptr<Node>> nodes_;
};

/// There is one cloud on a loop, whatever its organization.
NodeKey name_of(const NodeKey& node) { return node.type == "Cloud" ? NodeKey{"", "Cloud", "Cloud"} : node; }

class LoopTransport : public Transport {
public:
    std::vector<SettingDeclaration> declare_settings() const override {
        return {{"LoopName", "", SettingDeclaration::Type::Text, "", "Nodes with the same name reach each other"}};
    }
    void configure(const Settings& settings, Log&) override {
        loop_ = settings.text("LoopName");
        if (loop_.empty()) throw Error(ErrorKind::InvalidRequest, "LoopName is empty, but must name the loop that the nodes share");
    }
    TransportTraits traits() const noexcept override { return {.largest_payload = kLargest}; }
    void start(TransportHost& host) override {
        host_ = &host;
        node_ = std::make_shared<Node>(host.self());
        Loops::all().attach(loop_, name_of(host.self()), node_);
        worker_ = std::thread([this] {
            while (auto item = node_->take()) pass(std::move(*item));
        });
        host.line_changed(true);
    }
    void drain() override { node_->close(); }
    void stop() noexcept override {
        node_->close();
        worker_.join();
    }
    PeerAnswer send(const NodeKey& peer, const Message& message) override {
        Item item;
        item.from = node_->self;
        item.message = message;
        item.message.protocol = communication_of(message);
        item.message.code_version = item.message.protocol.empty() ? "" : "1.0";
        deliver(peer, std::move(item));
        return {};
    }
    PeerAnswer fetch(const NodeKey&, const DataRequest&, DataSink&) override {
        throw Error(ErrorKind::Unsupported, "A loop does not fetch");
    }
    PeerAnswer push(const NodeKey& peer, const DataRequest& request, BlobReader& source, const std::string&) override {
        Item item;
        item.from = node_->self;
        item.is_data = true;
        item.range = {request.key, request.instance_id, 0, request.offset, request.length > 0 ? request.length : source.size(), 0};
        if (item.range.length > kLargest) {
            throw Error(ErrorKind::InvalidRequest, "A message takes " + std::to_string(kLargest) + " octets of data, not more");
        }
        item.octets.resize(static_cast<std::size_t>(item.range.length));
        for (std::size_t done = 0; done < item.octets.size();) {
            const std::size_t count = source.read(request.offset + static_cast<std::int64_t>(done), std::span(item.octets).subspan(done));
            if (count == 0) throw Error(ErrorKind::Io, "The data is shorter than it should be");
            done += count;
        }
        deliver(peer, std::move(item));
        return {};
    }

private:
    static std::string communication_of(const Message& message) {
        return message.command == Command::Register || message.command == Command::RegisterNew ? "loop" : "";
    }
    void deliver(const NodeKey& peer, Item item) {
        const auto node = node_->is_closed() ? nullptr : Loops::all().find(loop_, name_of(peer));
        if (!node) throw Error(ErrorKind::NotConnected, "The peer is not on the loop");
        if (!node->put(std::move(item), true)) throw Error(ErrorKind::Timeout, "The peer takes no more");
    }
    /// To the host; its replies go back, which needs nothing of this object.
    void pass(Item item) {
        // An ESS hears of the cloud as one of its own organization.
        const NodeKey peer = item.from.type == "Cloud" ? NodeKey{node_->self.org, "Cloud", "Cloud"} : item.from;
        auto answer = [loop = loop_, to = item.from, from = node_->self](const HandleResult& result) {
            for (const Message& reply : result.replies) {
                Item back;
                back.from = from;
                back.message = reply;
                if (const auto node = Loops::all().find(loop, name_of(to))) node->put(std::move(back), false);
            }
        };
        if (!item.is_data) return host_->handle(peer, std::move(item.message), std::move(answer));
        const std::shared_ptr<DataReceiver> receiver = host_->receive_data(peer, item.range, item.range.length, "", "");
        const HandleResult begin = receiver->start();
        if (begin.verdict != Verdict::Accepted) return answer(begin);
        receiver->write(item.octets);
        // The receiver lives until it has given its verdict.
        receiver->finish([answer, receiver](const HandleResult& result) { answer(result); });
    }

    std::string loop_;
    TransportHost* host_ = nullptr;
    std::shared_ptr<Node> node_;
    std::thread worker_;
};

}  // namespace
}  // namespace edgesync::loop

EDGESYNC_PLUGIN(Transport, "loop", "1.0.0", edgesync::loop::LoopTransport);
