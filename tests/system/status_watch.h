// A witness of what a cluster says of its objects while something fails.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/system/cluster.h"

namespace edgesync::system_test {

/// Asks the instances in turn about objects of the type "model": none is gone, no version and no status of a version at a node goes back,
/// and nobody is named who is not addressed. Of what is replaced it also asks the nodes which version they have.
class StatusWatch {
public:
    /// The status that each addressed destination comes to in the end.
    using Ends = std::map<std::string, std::string>;

    /// Both must outlive this, and stay as they are; each node may stop and start.
    StatusWatch(const std::vector<std::unique_ptr<Node>>& css, const std::vector<std::unique_ptr<Node>>& edges)
        : css_(css), edges_(edges) {}
    ~StatusWatch() { stop(); }
    StatusWatch(const StatusWatch&) = delete;
    StatusWatch& operator=(const StatusWatch&) = delete;

    void start();
    void stop();
    /// From now on the object is there. It is looked at until it has come to `ends`, and for ever if it `is_replaced`. Once added, adding
    /// it again does nothing. Any thread.
    void add(const std::string& id, const Ends& ends, bool is_replaced);

    /// Once stopped: a sentence for each thing that was wrong.
    const std::string& problems() const { return problems_; }
    /// How often the status of one version at one node was there to be compared with an earlier one,
    std::size_t comparisons() const { return comparisons_; }
    /// how often it had gone on,
    std::size_t steps() const { return steps_; }
    /// and how often a version had.
    std::size_t replacements() const { return replacements_; }

private:
    struct Seen {
        std::int64_t version = 0;
        int rank = 0;
    };

    void run();
    /// What passes from status to status does so in milliseconds, so it is in every round, and one of those that are replaced.
    std::vector<std::pair<std::string, Ends>> round(std::size_t number);
    void look_at(const std::string& id, const Ends& ends, const Node& css);
    void look_at_edges(const std::string& id, const Ends& ends);
    void saw_version(const std::string& what, std::int64_t version);
    void saw_status(const std::string& what, std::int64_t version, const std::string& status);

    const std::vector<std::unique_ptr<Node>>& css_;
    const std::vector<std::unique_ptr<Node>>& edges_;
    std::atomic<bool> is_running_{false};
    std::thread thread_;
    std::mutex mutex_;
    std::map<std::string, Ends> passing_;
    std::vector<std::pair<std::string, Ends>> replaced_;
    // Of the thread alone while it runs.
    std::map<std::string, std::int64_t> versions_;
    std::map<std::string, Seen> statuses_;
    std::string problems_;
    std::atomic<std::size_t> comparisons_{0};
    std::atomic<std::size_t> steps_{0};
    std::atomic<std::size_t> replacements_{0};
};

}  // namespace edgesync::system_test
