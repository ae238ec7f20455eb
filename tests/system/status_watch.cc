#include "tests/system/status_watch.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace edgesync::system_test {
namespace {

using Json = nlohmann::json;

/// 0 if it is not told.
std::int64_t version_in(const Answer& answer) {
    const auto json = Json::parse(answer.body, nullptr, false);
    return answer.status == 200 && json.is_object() ? json.value("instanceID", std::int64_t{0}) : 0;
}

/// An error is repeated until it is none, so it is a kind of delivering. -1: no status of a delivery that is wanted.
int rank_of(const std::string& status) {
    static const std::map<std::string, int> kRanks = {{"pending", 0}, {"delivering", 1}, {"error", 1}, {"delivered", 2}, {"consumed", 3}};
    const auto found = kRanks.find(status);
    return found == kRanks.end() ? -1 : found->second;
}

}  // namespace

void StatusWatch::start() {
    is_running_ = true;
    thread_ = std::thread([this] { run(); });
}

void StatusWatch::stop() {
    is_running_ = false;
    if (thread_.joinable()) thread_.join();
}

void StatusWatch::add(const std::string& id, const Ends& ends, bool is_replaced) {
    const std::lock_guard lock(mutex_);
    if (!is_replaced) {
        passing_.emplace(id, ends);
    } else if (std::find(replaced_.begin(), replaced_.end(), std::pair(id, ends)) == replaced_.end()) {
        replaced_.emplace_back(id, ends);
    }
}

std::vector<std::pair<std::string, StatusWatch::Ends>> StatusWatch::round(std::size_t number) {
    const std::lock_guard lock(mutex_);
    std::vector<std::pair<std::string, Ends>> objects(passing_.begin(), passing_.end());
    if (!replaced_.empty()) objects.push_back(replaced_[number % replaced_.size()]);
    return objects;
}

void StatusWatch::run() {
    std::size_t turn = 0;
    for (std::size_t number = 0; is_running_; ++number) {
        for (const auto& [id, ends] : round(number)) look_at(id, ends, *css_[++turn % css_.size()]);
    }
}

void StatusWatch::look_at(const std::string& id, const Ends& ends, const Node& css) {
    const Answer first = css.request("GET", "objects/acme/model/" + id);
    if (first.status == 404) problems_ += id + " is gone; ";
    const std::int64_t version = version_in(first);
    if (version == 0) return;
    saw_version(id, version);
    const Answer answer = css.request("GET", "objects/acme/model/" + id + "/destinations");
    const auto list = Json::parse(answer.body, nullptr, false);
    if (answer.status != 200 || !list.is_array()) return;
    const std::int64_t after = version_in(css.request("GET", "objects/acme/model/" + id));
    if (after != 0) saw_version(id, after);
    Ends now;
    for (const auto& one : list) {
        const std::string destination = one.value("destinationID", "");
        now[destination] = one.value("status", "");
        if (!ends.contains(destination)) problems_ += id + " is for " + destination + "; ";
        // Only what belongs to one version can be compared.
        if (after == version) saw_status(id + " at " + destination, version, now[destination]);
    }
    bool is_replaced = false;
    {
        const std::lock_guard lock(mutex_);
        is_replaced = !passing_.contains(id);
        if (now == ends) passing_.erase(id);
    }
    if (is_replaced) look_at_edges(id, ends);
}

void StatusWatch::look_at_edges(const std::string& id, const Ends& ends) {
    for (const auto& edge : edges_) {
        const std::string name = edge->root().filename().string();
        const std::int64_t version = version_in(edge->request("GET", "objects/model/" + id));
        if (version == 0) continue;
        saw_version(id + " on " + name, version);
        if (!ends.contains(name)) problems_ += id + " came to " + name + "; ";
    }
}

void StatusWatch::saw_version(const std::string& what, std::int64_t version) {
    auto& last = versions_[what];
    if (version < last) problems_ += what + " went back from version " + std::to_string(last) + " to " + std::to_string(version) + "; ";
    if (last != 0 && version > last) ++replacements_;
    last = version;
}

void StatusWatch::saw_status(const std::string& what, std::int64_t version, const std::string& status) {
    const int rank = rank_of(status);
    auto& last = statuses_[what];
    const bool is_known = last.version == version;
    if (is_known) {
        ++comparisons_;
        if (rank < last.rank) problems_ += what + " went back to " + status + "; ";
        if (rank > last.rank) ++steps_;
    }
    last = {version, rank};
}

}  // namespace edgesync::system_test
