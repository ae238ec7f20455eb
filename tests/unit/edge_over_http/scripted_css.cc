#include "scripted_css.h"

#include <algorithm>

namespace edgesync::transport_http::test {
namespace {

/// Announces all its octets and ends after half of them.
class HalfBlob : public http::test::TestBlob {
public:
    HalfBlob(const std::string& octets, std::int64_t end) : TestBlob(octets), end_(end) {}
    std::size_t read(std::int64_t offset, std::span<std::byte> out) override {
        const auto left = static_cast<std::size_t>(std::max<std::int64_t>(end_ - offset, 0));
        return TestBlob::read(offset, out.first(std::min(out.size(), left)));
    }

private:
    const std::int64_t end_;
};

std::string action_of(const HttpRequest& request) {
    const std::string prefix = "/spi/v1/";
    const std::string rest = request.path.substr(std::min(request.path.size(), prefix.size()));
    if (rest == "objects/") return "poll";
    if (!rest.starts_with("objects/")) return rest.substr(0, rest.find('/'));
    const std::string last = rest.substr(rest.rfind('/') + 1);
    return request.method == "GET" ? "get " + last : last;
}

}  // namespace

std::pair<std::int64_t, std::int64_t> SpiCall::range() const {
    std::string field = header("Range");
    if (field.empty()) field = header("Content-Range");
    const auto first = field.find_first_of("0123456789");
    if (first == std::string::npos) return {0, 0};
    return {std::stoll(field.substr(first)), std::stoll(field.substr(field.find('-') + 1)) + 1};
}

ScriptedCss::ScriptedCss() {
    router_.mount("/", *this);
    listener_ = std::make_unique<http::Listener>(http::test::loopback(), router_, io_, workers_);
    io_.start();
    listener_->start();
}

ScriptedCss::~ScriptedCss() {
    release();
    listener_->stop();
    workers_.stop();
    io_.stop();
}

void ScriptedCss::set_data(std::string octets) {
    const std::lock_guard lock(mutex_);
    data_ = std::move(octets);
}

void ScriptedCss::set_digest(const std::string& field) {
    const std::lock_guard lock(mutex_);
    digest_ = field;
}

void ScriptedCss::set_capabilities(const std::string& field) {
    const std::lock_guard lock(mutex_);
    capabilities_ = field;
}

void ScriptedCss::answer(const std::string& action, Script script) {
    const std::lock_guard lock(mutex_);
    scripts_[action] = std::move(script);
}

void ScriptedCss::answer_in_turn(const std::string& action, std::vector<int> statuses) {
    // Scripts run one at a time, under the lock.
    answer(action, [statuses, next = std::make_shared<std::size_t>(0)](const SpiCall&) {
        const int status = statuses[*next];
        if (*next + 1 < statuses.size()) ++*next;
        return status;
    });
}

void ScriptedCss::release() {
    decltype(held_) held;
    {
        const std::lock_guard lock(mutex_);
        held.swap(held_);
    }
    for (auto& [call, responder] : held) {
        const std::unique_lock lock(mutex_);
        auto response = response_to(call, kDefault);
        responder->send(std::move(response));
    }
}

std::size_t ScriptedCss::held() const {
    const std::lock_guard lock(mutex_);
    return held_.size();
}

std::size_t ScriptedCss::most_held() const {
    const std::lock_guard lock(mutex_);
    return most_held_;
}

void ScriptedCss::go_away() {
    release();
    listener_->stop();
}

std::vector<SpiCall> ScriptedCss::calls(const std::string& action) const {
    const std::lock_guard lock(mutex_);
    std::vector<SpiCall> found;
    std::copy_if(calls_.begin(), calls_.end(), std::back_inserter(found), [&](const SpiCall& call) { return call.action == action; });
    return found;
}

std::vector<std::string> ScriptedCss::actions() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> found;
    for (const auto& call : calls_) {
        if (call.action != "poll") found.push_back(call.action);
    }
    return found;
}

HttpResponse ScriptedCss::response_to(const SpiCall& call, int status) const {
    auto response =
        call.action == "get data" && status <= 0 ? download(call.range(), status) : http::test::status_response(status > 0 ? status : 204);
    if (!capabilities_.empty()) response.headers.push_back({"X-Sync-Service-Capabilities", capabilities_});
    return response;
}

HttpResponse ScriptedCss::download(std::pair<std::int64_t, std::int64_t> range, int status) const {
    const auto size = static_cast<std::int64_t>(data_.size());
    const bool is_part = range.second > 0 && status != kWhole;
    const std::int64_t begin = is_part ? range.first : 0;
    const std::int64_t end = is_part ? std::min(range.second, size) : size;
    HttpResponse response;
    response.status = is_part ? 206 : 200;
    response.content_type = "application/octet-stream";
    if (is_part) {
        response.headers.push_back(
            {"Content-Range", "bytes " + std::to_string(begin) + "-" + std::to_string(end - 1) + "/" + std::to_string(size)});
    }
    if (!digest_.empty()) response.headers.push_back({"Repr-Digest", digest_});
    if (status == kCut) {
        response.blob = std::make_unique<HalfBlob>(data_, begin + (end - begin) / 2);
    } else {
        response.blob = std::make_unique<http::test::TestBlob>(data_);
    }
    response.blob_offset = begin;
    response.blob_length = end - begin;
    return response;
}

void ScriptedCss::handle(HttpRequest request, std::shared_ptr<HttpResponder> responder) {
    const std::unique_lock lock(mutex_);
    SpiCall call{action_of(request), std::move(request)};
    calls_.push_back(call);
    const auto script = scripts_.find(call.action);
    const int status = script == scripts_.end() ? kDefault : script->second(call);
    if (status == kHold) {
        held_.emplace_back(std::move(call), std::move(responder));
        most_held_ = std::max(most_held_, held_.size());
        return;
    }
    responder->send(response_to(call, status));
}

}  // namespace edgesync::transport_http::test
