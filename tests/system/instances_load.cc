#include "tests/system/instances_load.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <deque>
#include <nlohmann/json.hpp>
#include <utility>

namespace edgesync::system_test {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Ends = StatusWatch::Ends;

const std::string kToCameras = R"({"destinationType":"camera"})";
const std::string kToCam1 = R"({"destinationType":"camera","destinationID":"cam1"})";
const Ends kAtCameras = {{"cam1", "delivered"}, {"cam2", "delivered"}};
const Ends kAtCam1 = {{"cam1", "delivered"}};
const Ends kConsumedAtCam1 = {{"cam1", "consumed"}, {"cam2", "delivered"}};
constexpr std::size_t kUpload = 2'000'000;
constexpr std::size_t kChunk = 300'000;

std::string path_of(const std::string& id) { return "objects/acme/model/" + id; }

/// Small enough for a record, or not.
std::string report_data(unsigned number) { return random_octets(number % 2 == 0 ? 100 : 70'000, number); }

std::string text(const Ends& ends) {
    std::string out;
    for (const auto& [destination, status] : ends) out += (out.empty() ? "" : ",") + destination + "=" + status;
    return out;
}

}  // namespace

InstancesLoad::InstancesLoad(const std::vector<std::unique_ptr<Node>>& css, const std::vector<std::unique_ptr<Node>>& edges)
    : css_(css), edges_(edges), watch_(css, edges) {}

InstancesLoad::~InstancesLoad() {
    join_clients();
    end(is_consuming_);
    if (consumer_.joinable()) consumer_.join();
}

void InstancesLoad::start() {
    is_running_ = true;
    is_consuming_ = true;
    clients_.emplace_back([this] { replace("all", kToCameras, kAtCameras); });
    clients_.emplace_back([this] { replace("one", kToCam1, kAtCam1); });
    clients_.emplace_back([this] { add(); });
    clients_.emplace_back([this] { upload(); });
    clients_.emplace_back([this] { erase(); });
    clients_.emplace_back([this] { report(); });
    consumer_ = std::thread([this] { consume(); });
    watch_.start();
}

void InstancesLoad::end(std::atomic<bool>& goes_on) {
    const std::lock_guard lock(mutex_);
    goes_on = false;
    ended_.notify_all();
}

void InstancesLoad::pace(const std::atomic<bool>& goes_on, std::chrono::milliseconds time) {
    std::unique_lock lock(mutex_);
    ended_.wait_for(lock, time, [&] { return !goes_on; });
}

bool InstancesLoad::has_shown_something() const {
    const std::lock_guard lock(mutex_);
    return replaced_.size() == 10 && added_.size() > 5 && !uploaded_.empty() && !erased_.empty() && reported_.size() > 5 &&
           watch_.comparisons() > 50 && watch_.steps() > 10 && watch_.replacements() > 10;
}

void InstancesLoad::stop() {
    EXPECT_TRUE(eventually([this] { return has_shown_something(); }));
    join_clients();
}

void InstancesLoad::join_clients() {
    end(is_running_);
    for (auto& client : clients_) client.join();
    clients_.clear();
}

std::set<int> InstancesLoad::refusals() const {
    const std::lock_guard lock(mutex_);
    return refusals_;
}

bool InstancesLoad::is_acknowledged(int status) {
    if (status == 204) return ++acknowledged_, true;
    const std::lock_guard lock(mutex_);
    refusals_.insert(status);
    return false;
}

bool InstancesLoad::until_acknowledged(unsigned turn, const Request& request) {
    for (; is_running_; ++turn, pace(is_running_, 10ms)) {
        if (is_acknowledged(request(css_at(turn)))) return true;
    }
    return false;
}

/// The objects of one client are nobody else's, so it knows the order of their values.
void InstancesLoad::replace(const std::string& name, const std::string& addressing, const Ends& ends) {
    for (int value = 1; is_running_; ++value, pace(is_running_, 5ms)) {
        const std::string id = name + std::to_string(value % 5);
        {
            const std::lock_guard lock(mutex_);
            replaced_[id].sent = value;
        }
        if (!is_acknowledged(publish_at_once(css_at(static_cast<unsigned>(value) / 3), "model", id, addressing, std::to_string(value))))
            continue;
        watch_.add(id, ends, true);
        const std::lock_guard lock(mutex_);
        replaced_[id].acknowledged = value;
    }
}

void InstancesLoad::add() {
    for (unsigned number = 0; is_running_; ++number, pace(is_running_, 25ms)) {
        const std::string id = "added" + std::to_string(number);
        if (!is_acknowledged(publish_at_once(css_at(number), "model", id, kToCameras, id))) continue;
        watch_.add(id, kConsumedAtCam1, false);
        const std::lock_guard lock(mutex_);
        added_.push_back(id);
    }
}

/// No chunk that was acknowledged is sent again, so if one is lost the object never becomes whole.
void InstancesLoad::upload() {
    for (unsigned number = 0; is_running_; ++number, pace(is_running_, 100ms)) {
        const std::string id = "uploaded" + std::to_string(number);
        const std::string meta = R"({"meta":{"objectID":")" + id + R"(","objectType":"model","destinationType":"camera"}})";
        if (!until_acknowledged(number, [&](const Node& css) { return css.request("PUT", path_of(id), meta).status; })) return;
        watch_.add(id, kAtCameras, false);
        const std::string data = random_octets(kUpload, number);
        for (std::size_t begin = 0; begin < kUpload; begin += kChunk) {
            const std::string chunk = data.substr(begin, kChunk);
            const std::string range =
                "bytes " + std::to_string(begin) + "-" + std::to_string(begin + chunk.size() - 1) + "/" + std::to_string(kUpload);
            const auto send = [&](const Node& css) {
                return css.request("PUT", path_of(id) + "/data", chunk, {{"Content-Range", range}}).status;
            };
            if (!until_acknowledged(static_cast<unsigned>(begin / kChunk), send)) return;
        }
        const std::lock_guard lock(mutex_);
        uploaded_[id] = number;
    }
}

/// Of those that it published it deletes one that may be on its way, or long delivered.
void InstancesLoad::erase() {
    std::deque<std::string> live;
    for (unsigned number = 0; is_running_; ++number, pace(is_running_, 40ms)) {
        const std::string id = "erased" + std::to_string(number);
        if (is_acknowledged(publish_at_once(css_at(number), "model", id, kToCameras, id))) live.push_back(id);
        if (live.size() < 4) continue;
        const auto victim = live.begin() + number % 4;
        // Who repeats it because it had no answer may find it done.
        const auto request = [&, is_repeated = false](const Node& css) mutable {
            const int status = css.request("DELETE", path_of(*victim)).status;
            return std::exchange(is_repeated, true) && status == 404 ? 204 : status;
        };
        if (!until_acknowledged(number + 1, request)) return;
        const std::lock_guard lock(mutex_);
        erased_.push_back(*victim);
        live.erase(victim);
    }
}

void InstancesLoad::report() {
    for (unsigned number = 0; is_running_; ++number, pace(is_running_, 50ms)) {
        const std::string id = "report" + std::to_string(number);
        if (publish_on_edge(*edges_[1], "report", id, report_data(number)) != 204) continue;
        const std::lock_guard lock(mutex_);
        reported_[id] = number;
    }
}

void InstancesLoad::consume() {
    std::size_t known = 0;
    std::deque<std::string> waiting;
    for (; is_consuming_; pace(is_consuming_, 5ms)) {
        {
            const std::lock_guard lock(mutex_);
            for (; known < added_.size(); ++known) waiting.push_back(added_[known]);
        }
        if (waiting.empty()) continue;
        const std::string id = waiting.front();
        waiting.pop_front();
        if (edges_[0]->request("PUT", "objects/model/" + id + "/consumed").status != 204) waiting.push_back(id);  // It is not there yet.
    }
}

bool InstancesLoad::becomes(const std::function<bool()>& condition) const {
    return eventually(condition, std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - Clock::now()));
}

void InstancesLoad::expect_everything_arrived() {
    deadline_ = Clock::now() + 5min;
    expect_replaced();
    expect_published_once();
    expect_erased();
    expect_reported();
    expect_nobody_else_has_any();
    watch_.stop();
    EXPECT_EQ(watch_.problems(), "");
    EXPECT_GT(watch_.comparisons(), 50U) << "or the watch has seen nothing";
    EXPECT_GT(watch_.steps(), 10U);
    EXPECT_GT(watch_.replacements(), 10U);
    for (const int status : refusals_) EXPECT_TRUE(status == 0 || status == 429 || status == 500 || status == 503) << status;
}

void InstancesLoad::expect_delivered(const std::string& id, const Ends& ends) const {
    EXPECT_TRUE(becomes([&] { return deliveries(*css_[0], "model", id) == text(ends); }))
        << id << ": " << deliveries(*css_[0], "model", id) << css_[0]->output();
}

void InstancesLoad::expect_replaced() const {
    EXPECT_EQ(replaced_.size(), 10U);
    for (const auto& [id, value] : replaced_) {
        const bool is_for_all = id.starts_with("all");
        expect_delivered(id, is_for_all ? kAtCameras : kAtCam1);
        // A publish without an answer may have replaced what was acknowledged, and then all must have that.
        const std::string data = css_[1]->request("GET", path_of(id) + "/data").body;
        EXPECT_GE(std::atoi(data.c_str()), value.acknowledged) << id;
        EXPECT_LE(std::atoi(data.c_str()), value.sent) << id;
        for (std::size_t edge = 0; edge < (is_for_all ? 2U : 1U); ++edge)
            EXPECT_EQ(edges_[edge]->request("GET", "objects/model/" + id + "/data").body, data) << id;
    }
}

void InstancesLoad::expect_published_once() const {
    EXPECT_GT(added_.size(), 5U);
    for (const auto& id : added_) {
        expect_delivered(id, kConsumedAtCam1);
        EXPECT_EQ(css_[1]->request("GET", path_of(id) + "/data").body, id);
        EXPECT_EQ(edges_[1]->request("GET", "objects/model/" + id + "/data").body, id);
    }
    EXPECT_FALSE(uploaded_.empty());
    for (const auto& [id, seed] : uploaded_) {
        expect_delivered(id, kAtCameras);
        const std::string data = random_octets(kUpload, seed);
        for (const auto& css : css_) EXPECT_TRUE(css->request("GET", path_of(id) + "/data").body == data) << id;
        for (const std::size_t edge : {0U, 1U})
            EXPECT_TRUE(edges_[edge]->request("GET", "objects/model/" + id + "/data").body == data) << id;
    }
}

void InstancesLoad::expect_erased() const {
    EXPECT_FALSE(erased_.empty());
    for (const auto& id : erased_) {
        for (const auto& css : css_) {
            EXPECT_TRUE(becomes([&] { return css->request("GET", path_of(id)).status == 404; }))
                << id << " " << css->request("GET", path_of(id)).body;
        }
        for (const auto& edge : edges_) EXPECT_EQ(edge->request("GET", "objects/model/" + id + "/data").status, 404) << id;
    }
}

void InstancesLoad::expect_reported() const {
    EXPECT_GT(reported_.size(), 5U);
    for (const auto& [id, seed] : reported_) {
        EXPECT_TRUE(becomes([&, key = id] { return status(*css_[0], "report", key) == "completelyReceived"; }))
            << id << " is " << status(*css_[0], "report", id) << ", on the edge " << edge_status(*edges_[1], "report", id);
        EXPECT_TRUE(css_[1]->request("GET", "objects/acme/report/" + id + "/data").body == report_data(seed)) << id;
    }
}

void InstancesLoad::expect_nobody_else_has_any() const {
    const Answer other = edges_[2]->request("GET", "objects/model?received=true");
    EXPECT_EQ(other.status, 404) << other.body;
    const Answer cam2 = edges_[1]->request("GET", "objects/model?received=true");
    ASSERT_EQ(cam2.status, 200);
    for (const auto& object : nlohmann::json::parse(cam2.body))
        EXPECT_FALSE(object["objectID"].get<std::string>().starts_with("one")) << object;
}

}  // namespace edgesync::system_test
