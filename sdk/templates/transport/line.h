// The way between a CSS and its nodes: the part to replace. As generated, every packet is a file in a folder that all of them see:
//   <folder>/to-cloud/<node>/<number>   what the node says
//   <folder>/to-node/<node>/<number>    what the node is told
#pragma once

#include <edgesync/sdk/object.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

namespace plugin_name_transport {

/// Thread-safe.
class Line {
public:
    /// Gets one packet after another, of one node in the order in which they were sent, on the line's thread. `node`: on a CSS who sent it,
    /// which the line must know for certain; on an ESS the node itself.
    using Take = std::function<void(const edgesync::NodeKey& node, const std::string& packet)>;

    /// `self`: the node that this end is; nullopt: a CSS, which is there for all nodes.
    Line(std::filesystem::path folder, std::optional<edgesync::NodeKey> self);
    ~Line();

    /// Must not wait for the other end: it may come later.
    void open(Take take);
    /// When it returns, `take` is not called any more.
    void close() noexcept;
    /// On an ESS `node` is the node itself. @throws edgesync::Error{NotConnected} or {Timeout}: it is tried again later.
    void send(const edgesync::NodeKey& node, std::string_view packet);

private:
    void run(const Take& take);
    void take_all(const std::filesystem::path& inbox, const edgesync::NodeKey& node, const Take& take);

    const std::filesystem::path folder_;
    const std::optional<edgesync::NodeKey> self_;
    std::atomic<bool> is_open_ = false;
    std::thread thread_;
    std::mutex sending_;
    long long last_number_ = 0;  ///< Guarded by `sending_`.
};

}  // namespace plugin_name_transport
