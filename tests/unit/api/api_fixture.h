// The API over the real rules and the in-memory store, without sockets.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <mutex>
#include <thread>

#include "kernel/api/api.h"
#include "kernel/data/verification_queue.h"
#include "tests/unit/api/faulty_store.h"
#include "tests/unit/security/fake_settings.h"

namespace edgesync::api {

/// One thread that runs what must not run on the caller's.
class OneWorker : public rules::Scheduler {
public:
    OneWorker();
    ~OneWorker() override;
    void post(std::function<void()> function) override { work(std::move(function)); }
    std::uint64_t after(std::chrono::milliseconds, std::function<void()>) override { return 1; }
    void cancel(std::uint64_t) override {}
    bool work(std::function<void()> function) override;
    bool is_full = false;  ///< Refuse everything.

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::function<void()>> queue_;
    bool is_ending_ = false;
    std::thread thread_;
};

class CollectingEffects : public rules::EffectsRunner {
public:
    void run(rules::Effects effects) override;
    std::size_t wakes() const;
    std::function<void(const ObjectKey&)> on_verify;  ///< Set before the first request.

private:
    mutable std::mutex mutex_;
    std::size_t wakes_ = 0;
};

struct Answer {
    int status = 0;
    std::string content_type;
    std::vector<HttpHeader> headers;
    std::string body;  ///< Whatever way it was given.
    bool was_generated = false;
    std::size_t largest_piece = 0;  ///< Of a generated body.

    std::string header(std::string_view name) const;
};

struct Request {
    std::string method = "GET";
    std::string target;  ///< Path and query below "/api/v1".
    std::string body = {};
    std::vector<HttpHeader> headers = {};
    std::string key = "alice@acme";  ///< App key; empty: no credentials.
    bool hides_length = false;       ///< Chunked transfer coding.
};

/// What `handler` answers to a request, with its body streamed if the handler wants that.
Answer exchange(HttpHandler& handler, HttpRequest request, const std::string& body);

/// True once `condition` holds, false after 20 s.
bool eventually(const std::function<bool()>& condition);

class ApiTest : public ::testing::Test {
protected:
    explicit ApiTest(NodeRole role = NodeRole::Css);
    ~ApiTest() override;

    /// Anew, after a change of settings or with another authenticator.
    void make_api(security::Authenticator& authenticator);
    /// What the API of this node works with; valid as long as the fixture.
    ApiContext context() { return context(*authenticator_); }
    ApiContext context(security::Authenticator& authenticator);

    Answer send(const Request& request);
    Answer get(const std::string& target, const std::string& key = "alice@acme") { return send({.target = target, .key = key}); }
    Answer put(const std::string& target, const std::string& body, const std::string& key = "alice@acme") {
        return send({.method = "PUT", .target = target, .body = body, .key = key});
    }
    Answer remove(const std::string& target, const std::string& key = "alice@acme") {
        return send({.method = "DELETE", .target = target, .key = key});
    }

    /// Publishes acme/type/id through the API; `more`: further members of "meta", `data`: Base64, unset: none.
    void publish(const std::string& type, const std::string& id, const std::string& more = "",
                 const std::optional<std::string>& data = "aGVsbG8=");
    std::string object_target(const std::string& type, const std::string& id) const;

    /// Stores an object as if it had come from a peer.
    void receive(const std::string& type, const std::string& id, ObjectStatus status,
                 const std::function<void(ObjectRecord&)>& change = {});
    void add_node(const std::string& type, const std::string& id);
    std::optional<ObjectRecord> stored(const std::string& type, const std::string& id);
    void in_store(const std::function<void(WriteTransaction&)>& function);

    /// A request whose body a test sends in pieces.
    struct OpenRequest {
        std::unique_ptr<HttpBodySink> sink;
        std::function<int()> status;  ///< Waits for the answer.
    };
    OpenRequest open(const Request& request);

    const NodeRole role_;
    std::string root_;
    fakes::FakeSettings settings_;
    fakes::CollectingLog log_;
    OneWorker worker_;
    CollectingEffects effects_;
    std::unique_ptr<FaultyStore> store_;
    rules::NodeContext node_;
    std::unique_ptr<rules::Operations> operations_;
    data::UploadDigests digests_;
    std::unique_ptr<files::DataFiles> files_;
    std::unique_ptr<data::VerificationQueue> verifications_;
    std::unique_ptr<security::Authenticator> authenticator_;
    std::unique_ptr<security::AclCache> acls_;
    bool is_running_ = true;
    std::size_t unsendable_objects_ = 0;
    int resend_requests_ = 0;
    std::optional<ShutdownRequest> shutdown_;
    std::unique_ptr<Api> api_;
};

class EssApiTest : public ApiTest {
protected:
    EssApiTest() : ApiTest(NodeRole::Ess) {}
};

}  // namespace edgesync::api
