// A CSS on loopback that answers as a test says and remembers what it was asked.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "edgesync/sdk/http.h"
#include "tests/unit/http/test_client.h"

namespace edgesync::transport_http::test {

/// One request of a node.
struct SpiCall {
    std::string action;  ///< "register", "ping", ..., "poll", or of an object: its action; "get data" for a download.
    HttpRequest request;

    std::string header(std::string_view name) const { return std::string(request.header(name)); }
    /// Of a Range or Content-Range; {0, 0} without.
    std::pair<std::int64_t, std::int64_t> range() const;
};

/// Thread-safe. Without a script it answers 204, and downloads from `data`.
class ScriptedCss : public HttpHandler {
public:
    ScriptedCss();
    ~ScriptedCss() override;

    std::uint16_t port() const { return listener_->port(); }
    /// What downloads get, whole or in part.
    void set_data(std::string octets);
    /// Repr-Digest of downloads; empty: none.
    void set_digest(const std::string& field);
    /// How one call is answered: a status, or kHold, kCut.
    using Script = std::function<int(const SpiCall&)>;
    static constexpr int kHold = -1;    ///< Not before `release`.
    static constexpr int kCut = -2;     ///< Of a download: half of the octets, then the connection ends.
    static constexpr int kWhole = -3;   ///< Of a download: all data with 200, whatever was asked for.
    static constexpr int kDefault = 0;  ///< As without a script.
    /// For calls of `action`, from now on.
    void answer(const std::string& action, Script script);
    void answer(const std::string& action, int status) {
        answer(action, [status](const SpiCall&) { return status; });
    }
    /// The statuses one after the other; the last one stays.
    void answer_in_turn(const std::string& action, std::vector<int> statuses);
    /// Added to every answer; empty: none.
    void set_capabilities(const std::string& field);
    /// Answers all held calls as without a script.
    void release();
    std::size_t held() const;
    /// The most that was held at once.
    std::size_t most_held() const;

    /// Ends the listener; later calls are refused by the system.
    void go_away();

    std::vector<SpiCall> calls(const std::string& action) const;
    std::size_t count(const std::string& action) const { return calls(action).size(); }
    /// All actions in the order they came in, without polls.
    std::vector<std::string> actions() const;

    std::int64_t body_limit(const HttpRequest&) const override { return 64 << 20; }
    void handle(HttpRequest request, std::shared_ptr<HttpResponder> responder) override;

private:
    HttpResponse response_to(const SpiCall& call, int status) const;
    HttpResponse download(std::pair<std::int64_t, std::int64_t> range, int status) const;

    mutable std::mutex mutex_;
    std::string data_;
    std::string capabilities_;
    std::string digest_;
    std::map<std::string, Script> scripts_;
    std::vector<SpiCall> calls_;
    std::vector<std::pair<SpiCall, std::shared_ptr<HttpResponder>>> held_;
    std::size_t most_held_ = 0;

    http::Router router_;
    http::IoContext io_{2};
    ops::WorkerPool workers_;
    std::unique_ptr<http::Listener> listener_;
};

}  // namespace edgesync::transport_http::test
