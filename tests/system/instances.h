// Two CSS instances on one PostgreSQL database. Runs inside tests/with-postgres.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/system/cluster.h"

namespace edgesync::system_test {

class Instances : public ::testing::Test {
protected:
    /// Skips outside of tests/with-postgres.
    void SetUp() override;
    /// On the database of this test; `lines` of its configuration replace what an instance has here by default.
    std::unique_ptr<Node> instance(const std::string& name, std::vector<std::string> lines = {}) const;
    /// The first one leads.
    void start_two();

    TemporaryFolder folder_;
    std::string schema_;
    std::unique_ptr<Node> one_;
    std::unique_ptr<Node> two_;
};

/// Publishes a small object for cameras; `meta` is more metadata, beginning with a comma. The status code.
int put(const Node& css, const std::string& id, const std::string& meta = "");
/// Of an object's present version; 0 if there is none.
std::int64_t instance_id(const Node& css, const std::string& id);
/// Metadata for `put`: the object expires that far from now.
std::string expiring_in(std::chrono::seconds time);
/// By what it said last.
bool leads(const Node& css);
/// Registers "org/type/id" as a node that polls.
void register_node(const Node& css, const std::string& name);

}  // namespace edgesync::system_test
