#include "tests/system/instances.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <nlohmann/json.hpp>

#include "tests/system/database.h"

namespace edgesync::system_test {

void Instances::SetUp() {
    if (!database::is_there()) GTEST_SKIP() << "not inside tests/with-postgres";
    schema_ = "s" + std::to_string(std::hash<std::string>()(folder_.path().string()));
}

std::unique_ptr<Node> Instances::instance(const std::string& name, std::vector<std::string> lines) const {
    for (const std::string line : {"ResendInterval 1", "LeadershipTimeout 6", "StorageMaintenanceInterval 1"}) {
        const std::string key = line.substr(0, line.find(' ') + 1);
        if (std::none_of(lines.begin(), lines.end(), [&](const auto& given) { return given.starts_with(key); })) lines.push_back(line);
    }
    return std::make_unique<Node>(folder_.path(), name, database_lines(schema_, std::move(lines)));
}

void Instances::start_two() {
    one_ = instance("one");
    two_ = instance("two");
    one_->start();
    two_->start();
}

int put(const Node& css, const std::string& id, const std::string& meta) {
    const std::string body =
        R"({"meta":{"objectID":")" + id + R"(","objectType":"model","destinationType":"camera")" + meta + R"(},"data":"aGVsbG8="})";
    return css.request("PUT", "objects/acme/model/" + id, body).status;
}

std::int64_t instance_id(const Node& css, const std::string& id) {
    const Answer answer = css.request("GET", "objects/acme/model/" + id);
    return answer.status == 200 ? nlohmann::json::parse(answer.body).at("instanceID").get<std::int64_t>() : 0;
}

std::string expiring_in(std::chrono::seconds time) {
    const std::time_t at = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now() + time);
    std::array<char, 32> text{};
    std::tm parts{};
    std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", ::gmtime_r(&at, &parts));
    return R"(,"expiration":")" + std::string(text.data()) + "\"";
}

bool leads(const Node& css) {
    const std::string output = css.output();
    const auto begun = output.rfind("This instance leads the cluster");
    const auto ended = output.rfind("Another instance leads the cluster now");
    return begun != std::string::npos && (ended == std::string::npos || begun > ended);
}

void register_node(const Node& css, const std::string& name) {
    const std::string path = "/spi/v1/register-new/" + name + "?persistent-storage=true";
    ASSERT_EQ(call(css.port(), "PUT", path, "", {{"X-Sync-Service-Dest", name}}, name).status, 204);
}

}  // namespace edgesync::system_test
