#include "line.h"

#include <edgesync/sdk/error.h>
#include <edgesync/sdk/http.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iterator>
#include <vector>

namespace plugin_name_transport {
namespace {

using edgesync::Error;
using edgesync::ErrorKind;
using edgesync::NodeKey;
namespace fs = std::filesystem;

/// Names may have any letters: each part is encoded as in a URL, and a comma stands between them.
std::string name_of(const NodeKey& node) {
    return edgesync::encode_segment(node.org) + "," + edgesync::encode_segment(node.type) + "," + edgesync::encode_segment(node.id);
}

std::optional<NodeKey> node_of(std::string name) {
    std::replace(name.begin(), name.end(), ',', '/');
    try {
        const auto parts = edgesync::split_path(name);
        if (parts.size() == 3) return NodeKey{parts[0], parts[1], parts[2]};
    } catch (const Error&) {
        // Somebody else's folder.
    }
    return std::nullopt;
}

/// The packets of a folder, or the folders of the nodes, sorted; unfinished files have a dot in front.
std::vector<fs::path> sorted(const fs::path& folder) {
    std::vector<fs::path> paths;
    std::error_code error;
    for (fs::directory_iterator entry(folder, error); !error && entry != fs::directory_iterator(); entry.increment(error)) {
        if (!entry->path().filename().string().starts_with('.')) paths.push_back(entry->path());
    }
    std::sort(paths.begin(), paths.end());
    return paths;
}

}  // namespace

Line::Line(fs::path folder, std::optional<NodeKey> self) : folder_(std::move(folder)), self_(std::move(self)) {}

Line::~Line() { close(); }

void Line::open(Take take) {
    is_open_ = true;
    thread_ = std::thread([this, take = std::move(take)] { run(take); });
}

void Line::close() noexcept {
    is_open_ = false;
    if (thread_.joinable()) thread_.join();
}

void Line::send(const NodeKey& node, std::string_view packet) {
    if (!is_open_) throw Error(ErrorKind::NotConnected, "the line is closed");
    const std::lock_guard lock(sending_);
    // Numbers that grow, also over restarts: the order of the names is the order of the packets.
    last_number_ = std::max<long long>(last_number_ + 1, std::chrono::system_clock::now().time_since_epoch() / std::chrono::nanoseconds(1));
    const fs::path outbox = folder_ / (self_ ? "to-cloud" : "to-node") / name_of(node);
    const std::string name = std::to_string(last_number_);
    std::error_code error;
    fs::create_directories(outbox, error);
    std::ofstream file(outbox / ("." + name), std::ios::binary);
    file.write(packet.data(), static_cast<std::streamsize>(packet.size()));
    file.close();
    if (file) fs::rename(outbox / ("." + name), outbox / name, error);  // A reader sees whole packets only.
    if (!file || error) throw Error(ErrorKind::NotConnected, "cannot write into " + outbox.string());
}

void Line::run(const Take& take) {
    while (is_open_) {
        if (self_) {
            take_all(folder_ / "to-node" / name_of(*self_), *self_, take);
        } else {
            for (const auto& inbox : sorted(folder_ / "to-cloud")) {
                if (const auto node = node_of(inbox.filename().string())) take_all(inbox, *node, take);
            }
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
}

void Line::take_all(const fs::path& inbox, const NodeKey& node, const Take& take) {
    for (const auto& path : sorted(inbox)) {
        if (!is_open_) return;
        std::ifstream file(path, std::ios::binary);
        const std::string packet{std::istreambuf_iterator<char>(file), {}};
        // Gone before it is handled: whoever sent it repeats what is not acknowledged, so a packet may get lost, but is not taken twice.
        std::error_code error;
        fs::remove(path, error);
        if (!error) take(node, packet);
    }
}

}  // namespace plugin_name_transport
