#include "tests/system/instances_faults.h"

#include "tests/system/database.h"

namespace edgesync::system_test {

void InstancesFaults::SetUp() {
    if (!database::is_there()) GTEST_SKIP() << "not inside tests/with-postgres";
    schema_ = "s" + std::to_string(std::hash<std::string>()(folder_.path().string()));
    load_ = std::make_unique<InstancesLoad>(css_, edges_);
}

std::unique_ptr<Node> InstancesFaults::instance(const std::string& name) const {
    return std::make_unique<Node>(
        folder_.path(), name,
        database_lines(schema_, {"ResendInterval 1", "LeadershipTimeout 6", "StorageMaintenanceInterval 1", "ObjectActivationInterval 1"}));
}

void InstancesFaults::make_instances() {
    for (const char* name : {"one", "two"}) css_.push_back(instance(name));
}

void InstancesFaults::start_instances() {
    for (const auto& css : css_) css->start();
}

void InstancesFaults::start_edges() {
    edges_.push_back(make_ess(folder_.path(), "cam1", css_[0]->port()));
    edges_.push_back(make_ess(folder_.path(), "cam2", css_[1]->port()));
    edges_.push_back(make_ess(folder_.path(), "other", css_[1]->port(), {"DestinationType sensor"}));
    for (const auto& edge : edges_) edge->start();
    ASSERT_TRUE(eventually([&] { return registered(*css_[0], 3); }))
        << edges_[0]->output() << edges_[1]->output() << edges_[2]->output() << css_[0]->output() << css_[1]->output();
}

void InstancesFaults::expect_that_both_work(const std::string& id) const {
    for (const auto& css : css_) {
        EXPECT_TRUE(eventually([&] { return publish(*css, "model", id, R"({"destinationType":"camera"})", id) == 204; })) << css->output();
    }
    EXPECT_TRUE(eventually([&] { return deliveries(*css_[0], "model", id) == "cam1=delivered,cam2=delivered"; }));
}

}  // namespace edgesync::system_test
