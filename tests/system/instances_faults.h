// What the tests share in which something of a cluster fails: two CSS instances on one schema of the database that the tests run beside
// (tests/with-postgres), two cameras, a sensor for which nothing is, and the load.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/system/cluster.h"
#include "tests/system/instances_load.h"

namespace edgesync::system_test {

class InstancesFaults : public ::testing::Test {
protected:
    void SetUp() override;
    void TearDown() override { load_.reset(); }

    std::unique_ptr<Node> instance(const std::string& name) const;
    void make_instances();
    void start_instances();
    /// A camera at each instance, and the sensor; they are registered afterwards.
    void start_edges();
    void start_all() {
        make_instances();
        start_instances();
        start_edges();
    }
    /// Something was acknowledged at either instance and arrived at either camera after this was called.
    void expect_that_both_work(const std::string& id) const;

    std::string schema_;
    TemporaryFolder folder_;
    std::vector<std::unique_ptr<Node>> css_;
    std::vector<std::unique_ptr<Node>> edges_;
    std::unique_ptr<InstancesLoad> load_;
};

}  // namespace edgesync::system_test
