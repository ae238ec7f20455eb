#include "kernel/hooks/webhook_sender.h"

#include <Poco/Net/DNS.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/Net/HTTPSClientSession.h>
#include <Poco/Net/IPAddress.h>
#include <Poco/Net/SecureStreamSocket.h>
#include <sys/socket.h>

#include <atomic>
#include <mutex>
#include <optional>
#include <set>
#include <vector>

#include "edgesync/sdk/codec.h"
#include "edgesync/sdk/error.h"
#include "edgesync/sdk/network_guard.h"
#include "kernel/hooks/hook_list.h"
#include "kernel/hooks/hook_url.h"
#include "kernel/ops/worker_pool.h"

namespace edgesync::hooks {
namespace {

constexpr std::size_t kThreads = 4;
constexpr std::size_t kMostWaiting = 1000;

/// One call, with what a later attempt needs.
struct Delivery {
    std::string url;
    std::string object;  ///< For the log.
    std::string body;
    std::size_t attempt = 0;
};

bool is_success(int status) { return status == 200 || status == 204; }

/// An address is that address; Poco would ask the name server what it is called, and then where that is.
std::vector<Poco::Net::IPAddress> addresses_of(const std::string& host) {
    Poco::Net::IPAddress address;
    if (Poco::Net::IPAddress::tryParse(host, address)) return {address};
    return Poco::Net::DNS::hostByName(host).addresses();
}

}  // namespace

WebhookOptions webhook_options(const Settings& settings) {
    WebhookOptions options;
    options.timeout = std::chrono::seconds(settings.integer("WebhookTimeout"));
    options.allowed_hosts = settings.list("WebhookAllowedHosts");
    options.allows_private = settings.boolean("AllowPrivateIPs");
    return options;
}

struct WebhookSender::State : std::enable_shared_from_this<State> {
    State(Store& store_in, rules::Scheduler& scheduler_in, Log& log_in, WebhookOptions options_in)
        : store(store_in), scheduler(scheduler_in), log(log_in), options(std::move(options_in)) {}

    void run(std::function<void()> function) {
        auto guarded = [self = shared_from_this(), function = std::move(function)] {
            try {
                if (!self->is_stopped) function();
            } catch (const std::exception& error) {
                self->log.log(LogLevel::Warning, std::string("Cannot call webhooks: ") + error.what());
            }
        };
        if (!pool.try_post(std::move(guarded)) && !is_stopped) log.log(LogLevel::Warning, "Too many webhook calls wait; one was dropped");
    }

    void deliver_all(const ObjectKey& key);
    void attempt(Delivery delivery);
    void retry_or_give_up(Delivery delivery, const std::string& problem);
    int call(const Delivery& delivery);
    Poco::Net::SocketAddress resolve(const HookUrl& url) const;
    static std::unique_ptr<Poco::Net::HTTPClientSession> session_over(const Poco::Net::StreamSocket& socket, const HookUrl& url);

    /// Ends the exchange on a socket when its time is over, or at `stop`.
    class Limit;

    Store& store;
    rules::Scheduler& scheduler;
    Log& log;
    const WebhookOptions options;
    ops::WorkerPool pool{kThreads, kMostWaiting};
    std::atomic<bool> is_stopped{false};
    std::atomic<std::size_t> retries{0};  ///< Waiting for their time.
    std::mutex mutex;
    std::set<int> sockets;  ///< In use.
};

class WebhookSender::State::Limit {
public:
    Limit(State& state, int socket) : state_(state), socket_(socket) {
        {
            const std::lock_guard lock(state.mutex);
            if (state.is_stopped) throw Error(ErrorKind::NotConnected, "the node is stopping");
            state.sockets.insert(socket);
        }
        timer_ = state.scheduler.after(state.options.timeout, [weak = state.weak_from_this(), socket] {
            if (const auto alive = weak.lock()) Limit::end(*alive, socket);
        });
    }
    ~Limit() {
        state_.scheduler.cancel(timer_);
        const std::lock_guard lock(state_.mutex);
        state_.sockets.erase(socket_);
    }
    Limit(const Limit&) = delete;
    Limit& operator=(const Limit&) = delete;

    /// The descriptor is in the set as long as it is ours to end.
    static void end(State& state, int socket) {
        const std::lock_guard lock(state.mutex);
        if (state.sockets.contains(socket)) ::shutdown(socket, SHUT_RDWR);
    }

private:
    State& state_;
    const int socket_;
    std::uint64_t timer_ = 0;
};

void WebhookSender::State::deliver_all(const ObjectKey& key) {
    std::vector<std::string> urls;
    std::optional<ObjectRecord> object;
    store.read([&](ReadTransaction& txn) {
        urls = hooks_of(txn, key.org, key.type);
        if (!urls.empty()) object = txn.object(key);
    });
    if (!object) return;
    const std::string body = codec::to_json(object->meta);
    for (auto& url : urls) {
        run([self = shared_from_this(), delivery = Delivery{std::move(url), key.org + "/" + key.type + "/" + key.id, body, 0}] {
            self->attempt(delivery);
        });
    }
}

void WebhookSender::State::attempt(Delivery delivery) {
    std::string problem;
    try {
        const int status = call(delivery);
        if (is_success(status)) return;
        problem = "it answered " + std::to_string(status);
    } catch (const Poco::Exception& error) {
        problem = error.displayText();
    } catch (const std::exception& error) {
        problem = error.what();
    }
    if (!is_stopped) retry_or_give_up(std::move(delivery), problem);
}

void WebhookSender::State::retry_or_give_up(Delivery delivery, const std::string& problem) {
    const bool has_room = retries < kMostWaiting;
    if (delivery.attempt >= options.pauses.size() || !has_room) {
        log.log(LogLevel::Warning, "The webhook " + delivery.url + " was not told of " + delivery.object + ": " + problem);
        return;
    }
    const auto pause = options.pauses[delivery.attempt++];
    ++retries;
    scheduler.after(pause, [weak = weak_from_this(), delivery = std::move(delivery)]() mutable {
        const auto self = weak.lock();
        if (!self) return;
        --self->retries;
        self->run([self, delivery = std::move(delivery)] { self->attempt(delivery); });
    });
}

Poco::Net::SocketAddress WebhookSender::State::resolve(const HookUrl& url) const {
    if (!is_allowed_host(url.host, options.allowed_hosts))
        throw Error(ErrorKind::InvalidRequest, "WebhookAllowedHosts does not name its host");
    const auto addresses = addresses_of(url.host);
    if (addresses.empty()) throw Error(ErrorKind::NotConnected, "its host has no address");
    for (const auto& address : addresses) {
        // All of them, because the next answer of the name server may begin with another one.
        if (!options.allows_private && is_private_address(address.toString()))
            throw Error(ErrorKind::InvalidRequest,
                        "its host has the private address " + address.toString() + ", and AllowPrivateIPs is false");
    }
    return {addresses.front(), url.port};
}

std::unique_ptr<Poco::Net::HTTPClientSession> WebhookSender::State::session_over(const Poco::Net::StreamSocket& socket,
                                                                                 const HookUrl& url) {
    if (!url.is_tls) return std::make_unique<Poco::Net::HTTPClientSession>(socket);
    Poco::Net::Context::Ptr context(
        new Poco::Net::Context(Poco::Net::Context::TLS_CLIENT_USE, "", "", "", Poco::Net::Context::VERIFY_STRICT, 9, true));
    context->disableProtocols(Poco::Net::Context::PROTO_SSLV2 | Poco::Net::Context::PROTO_SSLV3 | Poco::Net::Context::PROTO_TLSV1 |
                              Poco::Net::Context::PROTO_TLSV1_1);
    const auto secure = Poco::Net::SecureStreamSocket::attach(socket, url.host, context);
    return std::make_unique<Poco::Net::HTTPSClientSession>(secure);
}

int WebhookSender::State::call(const Delivery& delivery) {
    const HookUrl url = parse_hook_url(delivery.url);
    const Poco::Net::SocketAddress address = resolve(url);
    const Poco::Timespan timeout(std::chrono::duration_cast<std::chrono::microseconds>(options.timeout).count());
    Poco::Net::StreamSocket socket;
    socket.connect(address, timeout);
    socket.setSendTimeout(timeout);
    socket.setReceiveTimeout(timeout);
    // From here on: a receiver may also answer the handshake octet by octet.
    const Limit limit(*this, socket.impl()->sockfd());
    const auto session = session_over(socket, url);
    Poco::Net::HTTPRequest request(Poco::Net::HTTPRequest::HTTP_POST, url.target, Poco::Net::HTTPMessage::HTTP_1_1);
    request.set("Host", url.authority());
    request.setContentType("Application/JSON");
    request.setContentLength64(static_cast<Poco::Int64>(delivery.body.size()));
    request.setKeepAlive(false);
    session->sendRequest(request) << delivery.body << std::flush;
    Poco::Net::HTTPResponse response;
    session->receiveResponse(response);
    return response.getStatus();
}

WebhookSender::WebhookSender(Store& store, rules::Scheduler& scheduler, Log& log, WebhookOptions options)
    : state_(std::make_shared<State>(store, scheduler, log, std::move(options))) {}

WebhookSender::~WebhookSender() { stop(); }

void WebhookSender::arrived(const ObjectKey& key) {
    state_->run([state = state_.get(), key] { state->deliver_all(key); });
}

void WebhookSender::stop() noexcept {
    state_->is_stopped = true;
    {
        const std::lock_guard lock(state_->mutex);
        for (const int socket : state_->sockets) ::shutdown(socket, SHUT_RDWR);
    }
    state_->pool.stop();
}

}  // namespace edgesync::hooks
