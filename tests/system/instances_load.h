// What applications do at two CSS instances and at their nodes while something fails, and what must be there of it afterwards.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/system/cluster.h"
#include "tests/system/status_watch.h"

namespace edgesync::system_test {

/// Clients that publish small objects and replace them, publish others once, upload larger ones in chunks and delete; a camera's
/// application that consumes and another's that sends reports; and a `StatusWatch`. Each client alternates between the instances and
/// remembers what was acknowledged. What was refused or got no answer is tried again or counts for nothing.
class InstancesLoad {
public:
    /// `edges`: the cameras cam1 and cam2, and a node of another type. Both must outlive this; instances may be killed and started.
    InstancesLoad(const std::vector<std::unique_ptr<Node>>& css, const std::vector<std::unique_ptr<Node>>& edges);
    ~InstancesLoad();

    void start();
    /// Once each client has done enough to show something, nothing new is sent; what was consumed or is delivered goes on.
    void stop();
    /// How often something was acknowledged by a CSS instance.
    std::size_t acknowledged() const { return acknowledged_; }
    /// The status codes of what was not; 0: no answer.
    std::set<int> refusals() const;

    /// After `stop`: waits until all is where it belongs, and nowhere else.
    void expect_everything_arrived();

private:
    struct Replaced {
        int acknowledged = 0;
        int sent = 0;
    };
    /// The status code of a request to that instance.
    using Request = std::function<int(const Node& css)>;

    bool has_shown_something() const;
    void join_clients();
    void end(std::atomic<bool>& goes_on);
    /// The pace of a client: what is tested has two cores as well. Until then or the end.
    void pace(const std::atomic<bool>& goes_on, std::chrono::milliseconds time);
    void replace(const std::string& name, const std::string& addressing, const StatusWatch::Ends& ends);
    void add();
    void upload();
    void erase();
    void report();
    void consume();
    const Node& css_at(unsigned turn) const { return *css_[turn % css_.size()]; }
    bool is_acknowledged(int status);
    /// At one instance after the other; false if the load ends first.
    bool until_acknowledged(unsigned turn, const Request& request);
    bool becomes(const std::function<bool()>& condition) const;
    void expect_delivered(const std::string& id, const StatusWatch::Ends& ends) const;
    void expect_replaced() const;
    void expect_published_once() const;
    void expect_erased() const;
    void expect_reported() const;
    void expect_nobody_else_has_any() const;

    const std::vector<std::unique_ptr<Node>>& css_;
    const std::vector<std::unique_ptr<Node>>& edges_;
    StatusWatch watch_;
    std::atomic<bool> is_running_{false};
    std::atomic<bool> is_consuming_{false};
    std::atomic<std::size_t> acknowledged_{0};
    std::vector<std::thread> clients_;
    std::thread consumer_;
    std::chrono::steady_clock::time_point deadline_;
    mutable std::mutex mutex_;
    std::condition_variable ended_;
    std::set<int> refusals_;
    std::map<std::string, Replaced> replaced_;  ///< The number in an object's data.
    std::vector<std::string> added_;            ///< Its data is its id.
    std::map<std::string, unsigned> uploaded_;  ///< The seed of its data.
    std::vector<std::string> erased_;
    std::map<std::string, unsigned> reported_;  ///< The seed of its data.
};

}  // namespace edgesync::system_test
