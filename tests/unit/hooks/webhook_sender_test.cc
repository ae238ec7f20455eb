#include "kernel/hooks/webhook_sender.h"

#include <Poco/Net/HTTPRequestHandler.h>
#include <Poco/Net/HTTPRequestHandlerFactory.h>
#include <Poco/Net/HTTPServer.h>
#include <Poco/Net/HTTPServerRequest.h>
#include <Poco/Net/HTTPServerResponse.h>
#include <Poco/StreamCopier.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "edgesync/sdk/codec.h"
#include "kernel/hooks/hook_list.h"
#include "kernel/http/io_context.h"
#include "kernel/node/node_scheduler.h"
#include "tests/unit/rules/rule_fixture.h"
#include "tests/unit/security/fake_settings.h"

namespace edgesync::hooks {
namespace {

using namespace std::chrono_literals;

struct Received {
    std::string path, type, body;
};

/// A real HTTP server that answers with the next of the given statuses, then with 204.
class Receiver {
public:
    explicit Receiver(const std::string& host = "127.0.0.1")
        : host_(host),
          server_(new Factory(*this), Poco::Net::ServerSocket(Poco::Net::SocketAddress(host, 0)), new Poco::Net::HTTPServerParams) {
        server_.start();
    }
    ~Receiver() {
        release();
        server_.stop();
        // Which does not wait for the threads that still answer.
        const auto end = std::chrono::steady_clock::now() + 30s;
        while (server_.currentConnections() > 0 && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(1ms);
        EXPECT_EQ(server_.currentConnections(), 0);
    }

    std::string url(const std::string& path = "/hook") const { return "http://" + host_ + ":" + std::to_string(server_.port()) + path; }
    void answer(std::vector<int> statuses) { statuses_ = std::move(statuses); }
    /// Requests are answered only after `release`.
    void hold() { is_held_ = true; }
    void release() {
        const std::lock_guard lock(mutex_);
        is_held_ = false;
        changed_.notify_all();
    }
    /// Waits until there are so many.
    std::vector<Received> wait(std::size_t count) {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, 30s, [&] { return received_.size() >= count; });
        return received_;
    }

private:
    class Handler : public Poco::Net::HTTPRequestHandler {
    public:
        explicit Handler(Receiver& receiver) : receiver_(receiver) {}
        void handleRequest(Poco::Net::HTTPServerRequest& request, Poco::Net::HTTPServerResponse& response) override {
            std::string body;
            Poco::StreamCopier::copyToString(request.stream(), body);
            std::unique_lock lock(receiver_.mutex_);
            const std::size_t number = receiver_.received_.size();
            receiver_.received_.push_back({request.getURI(), request.getContentType(), body});
            receiver_.changed_.notify_all();
            receiver_.changed_.wait(lock, [this] { return !receiver_.is_held_; });
            const int status = number < receiver_.statuses_.size() ? receiver_.statuses_[number] : 204;
            response.setStatus(static_cast<Poco::Net::HTTPResponse::HTTPStatus>(status));
            if (status == 302) response.set("Location", receiver_.url("/elsewhere"));
            response.setContentLength(0);
            response.send();
        }

    private:
        Receiver& receiver_;
    };
    class Factory : public Poco::Net::HTTPRequestHandlerFactory {
    public:
        explicit Factory(Receiver& receiver) : receiver_(receiver) {}
        Poco::Net::HTTPRequestHandler* createRequestHandler(const Poco::Net::HTTPServerRequest&) override { return new Handler(receiver_); }

    private:
        Receiver& receiver_;
    };

    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<Received> received_;
    std::vector<int> statuses_;
    bool is_held_ = false;
    const std::string host_;
    Poco::Net::HTTPServer server_;
};

class WaitingLog : public Log {
public:
    bool logs(LogLevel) const noexcept override { return true; }
    bool traces(LogLevel) const noexcept override { return false; }
    void log(LogLevel, std::string_view text) noexcept override {
        const std::lock_guard lock(mutex_);
        text_ = text;
        changed_.notify_all();
    }
    void trace(LogLevel, std::string_view) noexcept override {}
    std::string wait() {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, 30s, [this] { return !text_.empty(); });
        return text_;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::string text_;
};

class WebhookSenderTest : public testing::RuleTest {
protected:
    WebhookSenderTest() {
        options_.timeout = 60s;  // Tests of other things must not meet it, nor what is sent again after it.
        options_.pauses = {5ms, 10ms};
        io_.start();
        ObjectRecord record;
        record.meta = metadata("m1");
        record.side = Side::Receiver;
        record.status = ObjectStatus::CompletelyReceived;
        meta_ = record.meta;
        in_store([&](WriteTransaction& txn) { txn.put_object(record); });
    }
    void TearDown() override {
        if (sender_) sender_->stop();
        io_.stop();
        workers_.stop();
    }

    void in_store(const std::function<void(WriteTransaction&)>& change) {
        operations_->run_and_wait<rules::Done>([&](WriteTransaction& txn, rules::Effects&) {
            change(txn);
            return rules::Done{};
        });
    }
    void add_hook(const std::string& url) {
        in_store([&](WriteTransaction& txn) { register_hook(txn, "acme", "model", url); });
    }
    void arrive() {
        if (!sender_) sender_ = std::make_unique<WebhookSender>(*store_, scheduler_, waiting_log_, options_);
        sender_->arrived({"acme", "model", "m1"});
    }

    WaitingLog waiting_log_;
    http::IoContext io_{1, [](std::string_view) {}};
    ops::WorkerPool workers_;
    node::NodeScheduler scheduler_{io_, workers_, waiting_log_};
    WebhookOptions options_;
    Metadata meta_;
    Receiver receiver_;
    std::unique_ptr<WebhookSender> sender_;
};

TEST_F(WebhookSenderTest, PostsTheMetadataToEveryHookOfTheType) {
    add_hook(receiver_.url("/a?x=1"));
    add_hook(receiver_.url("/b"));
    in_store([&](WriteTransaction& txn) { register_hook(txn, "acme", "other", receiver_.url("/c")); });
    arrive();
    auto received = receiver_.wait(2);
    ASSERT_EQ(received.size(), 2U);
    std::sort(received.begin(), received.end(), [](const Received& a, const Received& b) { return a.path < b.path; });
    EXPECT_EQ(received[0].path, "/a?x=1");
    EXPECT_EQ(received[1].path, "/b");
    for (const auto& call : received) {
        EXPECT_EQ(call.type, "Application/JSON");
        EXPECT_EQ(codec::metadata_from_json(call.body), meta_);
    }
}

TEST_F(WebhookSenderTest, FindsAnAddressThatHasNoName) {
    Receiver nameless("127.0.0.2");
    options_.pauses = {};
    add_hook(nameless.url());
    arrive();
    EXPECT_EQ(nameless.wait(1).size(), 1U);
    sender_->stop();
}

TEST_F(WebhookSenderTest, TriesThreeTimes) {
    receiver_.answer({500, 403, 200});
    add_hook(receiver_.url());
    arrive();
    EXPECT_EQ(receiver_.wait(3).size(), 3U);
    receiver_.answer({500, 500, 500, 500, 500, 500});
    arrive();
    EXPECT_NE(waiting_log_.wait().find("was not told of acme/model/m1: it answered 500"), std::string::npos);
    EXPECT_EQ(receiver_.wait(6).size(), 6U);
}

TEST_F(WebhookSenderTest, DoesNotFollowRedirects) {
    receiver_.answer({302, 302, 302});
    add_hook(receiver_.url());
    arrive();
    EXPECT_NE(waiting_log_.wait().find("it answered 302"), std::string::npos);
    for (const auto& call : receiver_.wait(3)) EXPECT_EQ(call.path, "/hook");
}

TEST_F(WebhookSenderTest, GivesUpOnASilentReceiver) {
    options_.timeout = 50ms;
    options_.pauses = {};
    receiver_.hold();
    add_hook(receiver_.url());
    arrive();
    EXPECT_NE(waiting_log_.wait().find("was not told"), std::string::npos);
    receiver_.release();
}

TEST_F(WebhookSenderTest, GivesUpAfterTheConfiguredTime) {
    fakes::FakeSettings settings;
    settings.values = {{"WebhookTimeout", "1"}, {"AllowPrivateIPs", "true"}};
    options_ = webhook_options(settings);
    options_.pauses = {};
    receiver_.hold();
    add_hook(receiver_.url());
    const auto began = std::chrono::steady_clock::now();
    arrive();
    EXPECT_NE(waiting_log_.wait().find("was not told"), std::string::npos);
    const auto took = std::chrono::steady_clock::now() - began;
    EXPECT_GE(took, 900ms);
    EXPECT_LT(took, 8s) << "the default is 10 s";
    receiver_.release();
}

TEST_F(WebhookSenderTest, GivesUpOnAReceiverThatDrawsTheHandshakeOut) {
    Poco::Net::ServerSocket listener(Poco::Net::SocketAddress("127.0.0.1", 0));
    std::thread drip([&listener] {
        Poco::Net::StreamSocket peer = listener.acceptConnection();
        try {
            // The head of a large record, and then its octets one by one: none of the waits for them is long.
            peer.sendBytes("\x16\x03\x03\x3f\xff", 5, MSG_NOSIGNAL);
            while (peer.sendBytes("\x02", 1, MSG_NOSIGNAL) == 1) {
                if (peer.poll(Poco::Timespan(0, 20000), Poco::Net::Socket::SELECT_READ) && peer.available() == 0) break;
                char octets[4096];
                if (peer.available() > 0) peer.receiveBytes(octets, sizeof octets);
            }
        } catch (const Poco::Exception&) {
        }
    });
    options_.timeout = 300ms;
    options_.pauses = {};
    add_hook("https://127.0.0.1:" + std::to_string(listener.address().port()) + "/hook");
    arrive();
    EXPECT_NE(waiting_log_.wait().find("was not told"), std::string::npos);
    drip.join();
}

TEST_F(WebhookSenderTest, StopsWhileAReceiverIsSilent) {
    options_.timeout = 60s;
    receiver_.hold();
    add_hook(receiver_.url());
    arrive();
    ASSERT_EQ(receiver_.wait(1).size(), 1U);
    const auto began = std::chrono::steady_clock::now();
    sender_->stop();
    EXPECT_LT(std::chrono::steady_clock::now() - began, 5s);
    receiver_.release();
}

TEST_F(WebhookSenderTest, CallsNoPrivateAddressIfThatIsForbidden) {
    options_.allows_private = false;
    options_.pauses = {};
    add_hook(receiver_.url());
    arrive();
    EXPECT_NE(waiting_log_.wait().find("private address 127.0.0.1, and AllowPrivateIPs is false"), std::string::npos);
    EXPECT_TRUE(receiver_.wait(0).empty());
}

TEST_F(WebhookSenderTest, CallsOnlyAllowedHosts) {
    options_.allowed_hosts = {"hooks.example.org"};
    options_.pauses = {};
    add_hook(receiver_.url());
    arrive();
    EXPECT_NE(waiting_log_.wait().find("WebhookAllowedHosts"), std::string::npos);
    EXPECT_TRUE(receiver_.wait(0).empty());
}

}  // namespace
}  // namespace edgesync::hooks
