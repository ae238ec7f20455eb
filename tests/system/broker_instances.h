// Several CSS instances on one PostgreSQL database and one broker that gives each message of a node to one of them. Runs inside
// tests/with-postgres.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/system/cluster.h"
#include "tests/system/proxy.h"

namespace edgesync::system_test {

/// Three instances and two edge nodes. The objects that go down are for both nodes, those that go up come from the first.
class BrokerInstances : public ::testing::Test {
protected:
    /// How a node reaches the broker at that port, which may be one of ours.
    using LineTo = std::function<std::vector<std::string>(int port)>;

    /// Skips outside of tests/with-postgres. The broker runs.
    void start(const LineTo& line_to, int broker_port);

    /// Of an instance that no test kills.
    const Node& css() const { return *css_.back(); }
    void publish_down(const Node& css, const std::string& id, const std::string& data) const;
    void publish_up(const std::string& id, const std::string& data) const;
    void expect_at_css(const std::string& id, const std::string& data) const;
    void expect_at_edges(const std::string& id, const std::string& data) const;

    /// 30 small objects and a large one each way. The large report is of 46 chunks.
    void send_objects_both_ways();
    /// The first instance, which leads, is killed once `chunks_are_under_way` is true, and takes part again in the end.
    void kill_one_amid_transfers(const std::function<bool()>& chunks_are_under_way);
    /// Objects whose versions and deletions follow each other so fast that two instances have messages about one object at once.
    void change_objects_fast();

    TemporaryFolder folder_;
    std::unique_ptr<Proxy> line_;  ///< Of the first node.
    std::vector<std::unique_ptr<Node>> css_;
    std::vector<std::unique_ptr<Node>> edges_;
};

}  // namespace edgesync::system_test
