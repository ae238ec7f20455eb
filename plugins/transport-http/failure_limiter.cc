#include "failure_limiter.h"

#include <functional>

#include "spi_path.h"

namespace edgesync::transport_http {
namespace {

bool is_repeated_at_once(int status) {
    switch (status) {
        case 307:
        case 408:
        case 409:
        case 429:
        case 502:
        case 503:
        case 504: return false;
        default: return status >= 400;
    }
}

class WatchedResponder : public HttpResponder {
public:
    WatchedResponder(std::shared_ptr<HttpResponder> inner, FailureLimiter& limiter, std::uint64_t call)
        : inner_(std::move(inner)), limiter_(limiter), call_(call) {}

    void send(HttpResponse response) override {
        limiter_.answered(call_, response.status, FailureLimiter::Clock::now());
        inner_->send(std::move(response));
    }
    void on_gone(std::function<void()> gone) override { inner_->on_gone(std::move(gone)); }

private:
    const std::shared_ptr<HttpResponder> inner_;
    FailureLimiter& limiter_;
    const std::uint64_t call_;
};

}  // namespace

std::uint64_t fingerprint(const HttpRequest& request) {
    std::uint64_t value = 0;
    // The credentials are part of it, so that nobody can exhaust another node's tolerance.
    for (const std::string_view part : {request.header("Authorization"), request.header(kIdentityHeader), std::string_view(request.method),
                                        std::string_view(request.path), request.header("Content-Range"), std::string_view(request.body)}) {
        value = (value ^ std::hash<std::string_view>{}(part)) * 0x9E3779B97F4A7C15ULL;
    }
    return value;
}

bool FailureLimiter::is_limited(std::uint64_t call, Clock::time_point now) {
    const std::lock_guard lock(mutex_);
    const Place& place = places_[call % kPlaces];
    return place.call == call && place.failures >= kTolerated && now - place.first < kWindow;
}

void FailureLimiter::answered(std::uint64_t call, int status, Clock::time_point now) {
    const std::lock_guard lock(mutex_);
    Place& place = places_[call % kPlaces];
    if (!is_repeated_at_once(status)) {
        if (place.call == call && status < 400) place = {};
        return;
    }
    if (place.call != call || now - place.first >= kWindow) place = {call, now, 0};
    ++place.failures;
}

std::shared_ptr<HttpResponder> watched(std::shared_ptr<HttpResponder> responder, FailureLimiter& limiter, std::uint64_t call) {
    return std::make_shared<WatchedResponder>(std::move(responder), limiter, call);
}

}  // namespace edgesync::transport_http
