#include "tests/system/broker_instances.h"

#include "tests/system/database.h"

namespace edgesync::system_test {

using namespace std::chrono_literals;

void BrokerInstances::start(const LineTo& line_to, int broker_port) {
    if (!database::is_there()) GTEST_SKIP() << "not inside tests/with-postgres";
    const auto with_line = [&](int port, std::vector<std::string> lines) {
        const auto line = line_to(port);
        lines.insert(lines.end(), line.begin(), line.end());
        lines.insert(lines.end(), {"MaxDataChunkSize 65536", "MaxInflightChunks 4"});
        return lines;
    };
    const std::string schema = "s" + std::to_string(std::hash<std::string>()(folder_.path().string()));
    for (const char* name : {"one", "two", "three"}) {
        css_.push_back(std::make_unique<Node>(
            folder_.path(), name,
            database_lines(schema, with_line(broker_port, {"OrgID acme", "ResendInterval 1", "LeadershipTimeout 6"}))));
        css_.back()->start();
    }
    line_ = std::make_unique<Proxy>(broker_port);
    for (const auto& [name, port] : {std::pair{"cam1", line_->port()}, {"cam2", broker_port}}) {
        edges_.push_back(make_ess(folder_.path(), name, 1, with_line(port, {})));
        edges_.back()->start();
    }
    ASSERT_TRUE(eventually([this] { return registered(css(), 2); })) << css_[0]->output();
}

void BrokerInstances::publish_down(const Node& css, const std::string& id, const std::string& data) const {
    ASSERT_EQ(publish(css, "model", id, R"({"destinationType":"camera"})", data), 204) << id;
}

void BrokerInstances::publish_up(const std::string& id, const std::string& data) const {
    ASSERT_EQ(publish_on_edge(*edges_[0], "report", id, data), 204) << id;
}

void BrokerInstances::expect_at_css(const std::string& id, const std::string& data) const {
    ASSERT_TRUE(eventually([&] { return status(css(), "report", id) == "completelyReceived"; }))
        << id << " is " << status(css(), "report", id) << " and " << edge_status(*edges_[0], "report", id);
    EXPECT_TRUE(css().request("GET", "objects/acme/report/" + id + "/data").body == data) << id;
}

void BrokerInstances::expect_at_edges(const std::string& id, const std::string& data) const {
    ASSERT_TRUE(eventually([&] { return deliveries(css(), "model", id) == "cam1=delivered,cam2=delivered"; }))
        << id << " is " << deliveries(css(), "model", id);
    for (const auto& edge : edges_) EXPECT_TRUE(edge->request("GET", "objects/model/" + id + "/data").body == data) << id;
}

void BrokerInstances::send_objects_both_ways() {
    for (int i = 0; i < 30; ++i) {
        publish_up("r" + std::to_string(i), "up");
        publish_down(*css_[static_cast<std::size_t>(i) % 3], "m" + std::to_string(i), "down");
    }
    const std::string large = random_octets(3'000'000, 1);
    publish_up("large", large);
    publish_down(*css_[1], "large", large);
    for (int i = 0; i < 30; ++i) {
        ASSERT_NO_FATAL_FAILURE(expect_at_css("r" + std::to_string(i), "up"));
        ASSERT_NO_FATAL_FAILURE(expect_at_edges("m" + std::to_string(i), "down"));
    }
    expect_at_css("large", large);
    expect_at_edges("large", large);
}

void BrokerInstances::kill_one_amid_transfers(const std::function<bool()>& chunks_are_under_way) {
    std::vector<std::string> small;
    const auto publish_small = [&](int from, int to) {
        for (int i = from; i < to; ++i) {
            small.push_back(std::to_string(i));
            publish_up(small.back(), small.back());
            publish_down(css(), small.back(), small.back());
        }
    };
    const std::string large = random_octets(30'000'000, 2);
    const std::string larger = random_octets(60'000'000, 3);
    // More than all that goes down, and less than what goes up.
    const long long middle = line_->forwarded() + 40'000'000;
    line_->freeze_at(middle);
    publish_down(css(), "large", large);
    publish_small(0, 20);
    publish_up("large", larger);
    ASSERT_TRUE(eventually([&] { return line_->forwarded() >= middle && chunks_are_under_way(); })) << "chunks are on their way";
    css_[0]->kill_hard();  // It leads, some of what it was given is lost with it, and nobody tells the nodes.
    EXPECT_NE(status(css(), "report", "large"), "completelyReceived") << "the moment was too late to show anything";
    line_->thaw();
    publish_small(20, 60);
    for (const auto& id : small) {
        ASSERT_NO_FATAL_FAILURE(expect_at_css(id, id));
        ASSERT_NO_FATAL_FAILURE(expect_at_edges(id, id));
    }
    expect_at_css("large", larger);
    expect_at_edges("large", large);
    css_[0]->start();
    publish_down(*css_[0], "after", "after");
    expect_at_edges("after", "after");
}

void BrokerInstances::change_objects_fast() {
    constexpr int kObjects = 40;
    const auto is_deleted = [](int i) { return i % 4 == 3; };
    const auto id_of = [](int i) { return "o" + std::to_string(i); };
    const auto last_of = [](int i) { return random_octets(i % 2 == 0 ? 100 : 200'000, static_cast<unsigned>(i)); };
    for (int i = 0; i < kObjects; ++i) {
        for (int version = 0; version < 4; ++version) publish_up(id_of(i), random_octets(version % 2 == 0 ? 150'000 : 20, 7));
        publish_up(id_of(i), last_of(i));
        if (is_deleted(i)) {
            EXPECT_EQ(edges_[0]->request("DELETE", "objects/report/" + id_of(i)).status, 204);
        }
    }
    for (int i = 0; i < kObjects; ++i) {
        if (!is_deleted(i)) {
            ASSERT_NO_FATAL_FAILURE(expect_at_css(id_of(i), last_of(i)));
            continue;
        }
        const auto is_gone = [&] {
            const std::string now = status(css(), "report", id_of(i));
            return now == "objdeleted" || css().request("GET", "objects/acme/report/" + id_of(i)).status == 404;
        };
        ASSERT_TRUE(eventually(is_gone)) << id_of(i) << " is " << status(css(), "report", id_of(i));
    }
}

}  // namespace edgesync::system_test
