// Plays nodes that speak MQTT to a CSS: registers them, takes each object whose data is one chunk, and says what a node says.
//
//   bench-mqtt-nodes PORT ORG TYPE NODES DELIVERIES
//
// The nodes have the ids n0, n1, .. Prints "registered" when all are; "delivered SECONDS", a reading of the monotonic clock, when
// DELIVERIES objects have arrived and the CSS has acknowledged that it knows (0: never); then stays until its input ends.
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "edgesync/sdk/codec.h"
#include "tests/bench/mqtt_line.h"

namespace edgesync::bench {
namespace {

constexpr char kProtocol[] = "mqtt";

struct Tally {
    std::size_t registered = 0;
    std::size_t delivered = 0;
};

class PlayedNode {
public:
    PlayedNode(std::uint16_t port, NodeKey self, Tally& tally)
        : self_(std::move(self)), tally_(tally), topic_(path() + "/evt/sync-cmd/fmt/bin"),
          line_(port, "node-" + self_.type + "-" + self_.id, path() + "/cmd/sync-cmd/fmt/bin") {
        Message hello;
        hello.command = Command::RegisterNew;
        hello.is_persistent = true;
        hello.protocol = kProtocol;
        hello.code_version = "1.0";
        send(hello);
    }

    MqttLine& line() { return line_; }

    void take(std::string_view payload) {
        if (codec::is_data_message(payload)) return take_data(payload);
        const auto command = codec::command_from_json(payload);
        if (!command) return;
        const Message& message = command->message;
        if (message.command == Command::RegAck && !is_registered_) {
            is_registered_ = true;
            ++tally_.registered;
        }
        if (message.command == Command::Update) take_update(message);
        if (message.command == Command::AckReceived && under_way_.erase(message.meta.object_id) > 0) {
            done_.insert(message.meta.object_id);
            ++tally_.delivered;
        }
    }

private:
    std::string path() const { return "iot-2/type/" + self_.type + "/id/" + self_.id; }

    void send(const Message& message) { line_.publish(topic_, {}, codec::command_to_json(message, self_, kProtocol)); }

    void take_update(const Message& update) {
        Message reply;
        reply.meta.org = update.meta.org;
        reply.meta.object_type = update.meta.object_type;
        reply.meta.object_id = update.meta.object_id;
        reply.meta.destination_type = self_.type;
        reply.meta.destination_id = self_.id;
        reply.meta.origin_type = update.meta.origin_type;
        reply.meta.origin_id = update.meta.origin_id;
        reply.meta.instance_id = update.meta.instance_id;
        reply.meta.data_id = update.meta.data_id;
        reply.meta.object_size = update.meta.object_size;
        reply.meta.chunk_size = update.meta.chunk_size;
        if (done_.contains(update.meta.object_id)) {
            reply.command = Command::Received;
            return send(reply);
        }
        reply.command = Command::Updated;
        send(reply);
        reply.command = Command::GetData;
        send(reply);
        under_way_[update.meta.object_id] = std::move(reply);
    }

    void take_data(std::string_view payload) {
        const auto data = codec::decode_data(payload);
        const auto found = under_way_.find(data.key.id);
        if (found == under_way_.end()) return;
        found->second.command = Command::Received;
        send(found->second);
    }

    const NodeKey self_;
    Tally& tally_;
    const std::string topic_;
    MqttLine line_;
    bool is_registered_ = false;
    std::unordered_map<std::string, Message> under_way_;  ///< What is to be answered next, by object.
    std::unordered_set<std::string> done_;
};

class Load {
public:
    Load(std::uint16_t port, const std::string& org, const std::string& type, std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            nodes_.push_back(std::make_unique<PlayedNode>(port, NodeKey{org, type, "n" + std::to_string(i)}, tally_));
            lines_.add(nodes_.back()->line(), static_cast<std::uint32_t>(i));
            write(static_cast<std::uint32_t>(i));
            step(0);
        }
    }

    /// Until the input ends.
    void run(std::size_t deliveries) {
        bool is_told = false;
        while (tally_.registered < nodes_.size()) step(1000);
        std::puts("registered");
        std::fflush(stdout);
        pollfd input{STDIN_FILENO, POLLIN, 0};
        while (is_told || ::poll(&input, 1, 0) == 0) {
            if (is_told && ::poll(&input, 1, 0) != 0) return;
            step(100);
            if (is_told || deliveries == 0 || tally_.delivered < deliveries) continue;
            is_told = true;
            std::printf("delivered %.6f\n", now());
            std::fflush(stdout);
        }
    }

private:
    void write(std::uint32_t index) {
        const bool waits = !nodes_[index]->line().write();
        if (waits || waits_[index]) lines_.set_waits_to_write(nodes_[index]->line(), index, waits);
        waits_[index] = waits;
    }

    void step(int milliseconds) {
        lines_.wait(milliseconds, [this](std::uint32_t index, bool can_read, bool) {
            PlayedNode& node = *nodes_[index];
            if (can_read) node.line().read([&](std::string_view payload) { node.take(payload); });
            write(index);
        });
    }

    Tally tally_;
    MqttLines lines_;
    std::vector<std::unique_ptr<PlayedNode>> nodes_;
    std::map<std::uint32_t, bool> waits_;
};

}  // namespace
}  // namespace edgesync::bench

int main(int argc, char** argv) {
    if (argc != 6) return std::fputs("usage: bench-mqtt-nodes PORT ORG TYPE NODES DELIVERIES\n", stderr), 2;
    const auto number = [&](int at) { return static_cast<std::size_t>(std::strtoul(argv[at], nullptr, 10)); };
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
    try {
        edgesync::bench::Load load(static_cast<std::uint16_t>(number(1)), argv[2], argv[3], number(4));
        load.run(number(5));
    } catch (const std::exception& error) {
        return std::fprintf(stderr, "%s\n", error.what()), 1;
    }
    return 0;
}
