#include "connection.h"

#include <MQTTAsync.h>
#include <mqtt/async_client.h>

#include <algorithm>
#include <array>

#include "edgesync/sdk/error.h"
#include "handshake_guard.h"
#include "paho_threads.h"

namespace edgesync::mqtt_session {
namespace {

/// MQTT 3: what CONNACK's codes mean. 3 is "not now".
constexpr std::array<const char*, 6> kRefusals = {"accepted",
                                                  "it does not speak this version of MQTT",
                                                  "the client id is refused",
                                                  "it is not available",
                                                  "wrong user name or password",
                                                  "not authorized"};
constexpr int kWrongVersion = 1;
constexpr int kUnavailable = 3;
constexpr int kFirstReason = 0x80;  ///< MQTT 5 and SUBACK: this and above is a failure.
/// What Paho says when the broker closed the connection instead of answering CONNECT.
constexpr char kClosedInsteadOfAnswer[] = "TCP connect completion failure";

bool is_for_later(int code) {
    switch (code) {
        case kUnavailable:
        case 0x80:  // Unspecified error.
        case 0x83:  // Implementation specific error.
        case 0x88:  // Server unavailable.
        case 0x89:  // Server busy.
        case 0x97:  // Quota exceeded.
        case 0x9c:  // Use another server.
        case 0x9d:  // Server moved.
        case 0x9f:  // Connection rate exceeded.
            return true;
        default: return false;
    }
}

std::string reason_text(int code) {
    if (code > 0 && code < static_cast<int>(kRefusals.size())) return kRefusals[static_cast<std::size_t>(code)];
    const char* text = MQTTReasonCode_toString(static_cast<MQTTReasonCodes>(code));
    return (text != nullptr ? std::string(text) : "code " + std::to_string(code));
}

ConnectFailure failure_of(int code, const std::string& message) {
    using Kind = ConnectFailure::Kind;
    if (code == kWrongVersion || code == MQTTREASONCODE_UNSUPPORTED_PROTOCOL_VERSION) return {Kind::WrongVersion, reason_text(code)};
    if (code > 0) return {is_for_later(code) ? Kind::Busy : Kind::Refused, reason_text(code)};
    if (message == kClosedInsteadOfAnswer) return {Kind::Closed, "it closes the connection instead of answering"};
    if (message == "TCP/TLS connect failure") return {Kind::Unreachable, "it cannot be reached"};
    return {Kind::Unreachable, message.empty() ? "it cannot be reached" : message};
}

/// What the library knows about a failed action; it gives its text only as an exception.
std::string message_of(const mqtt::token& token) {
    try {
        if (token.get_type() == mqtt::token::CONNECT) (void)token.get_connect_response();
        if (token.get_type() == mqtt::token::SUBSCRIBE) (void)token.get_subscribe_response();
    } catch (const mqtt::exception& error) {
        return error.get_message();
    }
    return {};
}

class ConnectResult : public mqtt::iaction_listener {
public:
    ConnectResult(ConnectionObserver& observer, PahoThreads::Work& work) : observer_(observer), work_(work) {}
    void on_success(const mqtt::token& token) override {
        work_.end();
        BrokerFacts facts;
        const auto response = token.get_connect_response();
        const mqtt::properties& properties = response.get_properties();
        if (properties.contains(mqtt::property::MAXIMUM_PACKET_SIZE))
            facts.largest_packet = mqtt::get<std::uint32_t>(properties, mqtt::property::MAXIMUM_PACKET_SIZE);
        if (properties.contains(mqtt::property::SHARED_SUBSCRIPTION_AVAILABLE))
            facts.has_shared_subscriptions = mqtt::get<std::uint8_t>(properties, mqtt::property::SHARED_SUBSCRIPTION_AVAILABLE) != 0;
        observer_.connect_succeeded(facts);
    }
    void on_failure(const mqtt::token& token) override {
        work_.end();
        observer_.connect_failed(failure_of(token.get_return_code(), message_of(token)));
    }

private:
    ConnectionObserver& observer_;
    PahoThreads::Work& work_;
};

class SubscribeResult : public mqtt::iaction_listener {
public:
    SubscribeResult(ConnectionObserver& observer, PahoThreads::Work& work) : observer_(observer), work_(work) {}
    void on_success(const mqtt::token& token) override {
        work_.end();
        std::vector<int> codes;
        const auto response = token.get_subscribe_response();
        for (const auto code : response.get_reason_codes()) codes.push_back(static_cast<int>(code));
        observer_.subscribe_answered(codes);
    }
    /// Paho calls a refusal of the only filter a failure.
    void on_failure(const mqtt::token& token) override {
        work_.end();
        const int code = std::max<int>(token.get_return_code(), token.get_reason_code());
        if (code >= kFirstReason && code <= 0xff) return observer_.subscribe_answered({code});
        const std::string message = message_of(token);
        observer_.subscribe_failed(message.empty() ? "the connection is gone" : message);
    }

private:
    ConnectionObserver& observer_;
    PahoThreads::Work& work_;
};

class SendResult : public mqtt::iaction_listener {
public:
    SendResult(ConnectionObserver& observer, PahoThreads::Work& work) : observer_(observer), work_(work) {}
    void on_success(const mqtt::token& token) override { finish(token, true); }
    void on_failure(const mqtt::token& token) override { finish(token, false); }

private:
    void finish(const mqtt::token& token, bool is_written) {
        work_.end();
        observer_.send_finished(reinterpret_cast<std::uintptr_t>(token.get_user_context()), is_written);
    }

    ConnectionObserver& observer_;
    PahoThreads::Work& work_;
};

[[noreturn]] void throw_error(const mqtt::exception& error) {
    if (error.get_return_code() == MQTTASYNC_BAD_UTF8_STRING) throw Error(ErrorKind::InvalidRequest, "A topic is not UTF-8");
    throw Error(ErrorKind::NotConnected, "The broker is not connected: " + std::string(error.what()));
}

/// See handshake_guard.h. Copies of the library's options keep pointing to the path of the one that they were copied from, so that one
/// stays.
const mqtt::ssl_options& trusting_nothing() {
    static const auto* const one = [] {
        auto* options = new mqtt::ssl_options;
        options->set_enable_server_cert_auth(true);
        options->set_verify(false);
        options->ca_path(kTrustNothing);
        return options;
    }();
    return *one;
}

mqtt::create_options create_options_of(const SessionOptions& options, ProtocolVersion version) {
    mqtt::create_options out(version == ProtocolVersion::V5 ? MQTTVERSION_5 : MQTTVERSION_DEFAULT);
    // Counts also while connected; the session has its own bound, so this one must never be reached.
    out.set_max_buffered_messages(static_cast<int>(options.sending_messages + 1));
    out.set_send_while_disconnected(false);
    return out;
}

}  // namespace

const char* to_string(ProtocolVersion version) {
    switch (version) {
        case ProtocolVersion::V31: return "3.1";
        case ProtocolVersion::V311: return "3.1.1";
        case ProtocolVersion::V5: return "5";
    }
    return "?";
}

class Connection::Client {
public:
    Client(const SessionOptions& options, const std::string& uri, ProtocolVersion version, ConnectionObserver& observer)
        : observer_(observer), work_(PahoThreads::get()), connected_(observer, work_), subscribed_(observer, work_), sent_(observer, work_),
          options_(connect_options(options, version)), client_(uri, options.client_id, create_options_of(options, version)) {
        client_.set_connection_lost_handler([this](const std::string&) { lost(); });
        client_.set_disconnected_handler([this](const mqtt::properties&, mqtt::ReasonCode code) { farewell_ = reason_text(code); });
        client_.set_message_callback([this](const mqtt::const_message_ptr& message) { arrived(*message); });
    }

    void connect() {
        begin([this] { client_.connect(options_, nullptr, connected_); });
    }

    void subscribe(const std::vector<std::string>& filters) {
        const mqtt::iasync_client::qos_collection qos(filters.size(), 0);
        begin([&] { client_.subscribe(mqtt::string_collection::create(filters), qos, nullptr, subscribed_); });
    }

    void unsubscribe(const std::vector<std::string>& filters) { client_.unsubscribe(mqtt::string_collection::create(filters)); }

    void send(const std::string& topic, std::string payload) {
        const std::size_t octets = payload.size();
        auto message = mqtt::message::create(topic, mqtt::binary_ref(std::move(payload)), 0, false);
        begin([&] { client_.publish(std::move(message), reinterpret_cast<void*>(octets), sent_); });
    }

private:
    template <typename F>
    void begin(F&& action) {
        work_.begin();
        try {
            action();
        } catch (...) {
            work_.end();
            throw;
        }
    }

    static mqtt::connect_options connect_options(const SessionOptions& options, ProtocolVersion version);

    void lost() {
        observer_.connection_lost(farewell_.empty() ? "the broker or the network ended it" : "the broker ended it: " + farewell_);
    }

    void arrived(const mqtt::message& message) {
        auto payload = message.get_payload_ref().ptr();
        if (!payload) payload = std::make_shared<const std::string>();
        observer_.message_arrived(message.get_topic(), std::move(payload));
    }

    ConnectionObserver& observer_;
    PahoThreads::Work work_;  ///< Destroyed last: what the library never ended ends with it.
    ConnectResult connected_;
    SubscribeResult subscribed_;
    SendResult sent_;
    std::string farewell_;  ///< Only Paho's threads, under its lock.
    const mqtt::connect_options options_;
    mqtt::async_client client_;  ///< Destroyed first: the others serve its callbacks.
};

mqtt::connect_options Connection::Client::connect_options(const SessionOptions& options, ProtocolVersion version) {
    mqtt::connect_options out;
    out.set_mqtt_version(static_cast<int>(version));
    if (version == ProtocolVersion::V5) {
        out.set_clean_start(true);
    } else {
        out.set_clean_session(true);
    }
    out.set_keep_alive_interval(options.keep_alive);
    // Paho looks every three seconds; the session has a sharper eye on the time.
    out.set_connect_timeout(std::chrono::duration_cast<std::chrono::seconds>(options.connect_attempt) + std::chrono::seconds(3));
    if (!options.user.empty()) {
        out.set_user_name(options.user);
        out.set_password(options.password);
    }
    out.set_ssl(trusting_nothing());
    return out;
}

Connection::Connection(const SessionOptions& options, const std::string& uri, ProtocolVersion version, ConnectionObserver& observer) {
    try {
        client_ = std::make_unique<Client>(options, uri, version, observer);
    } catch (const mqtt::exception& error) {
        throw Error(ErrorKind::InvalidRequest, "There can be no connection to " + uri + ": " + error.what());
    }
}

Connection::~Connection() = default;

void Connection::connect() {
    try {
        client_->connect();
    } catch (const mqtt::exception& error) {
        throw_error(error);
    }
}

void Connection::subscribe(const std::vector<std::string>& filters) {
    try {
        client_->subscribe(filters);
    } catch (const mqtt::exception& error) {
        throw_error(error);
    }
}

void Connection::unsubscribe(const std::vector<std::string>& filters) {
    try {
        client_->unsubscribe(filters);
    } catch (const mqtt::exception& error) {
        throw_error(error);
    }
}

void Connection::send(const std::string& topic, std::string payload) {
    try {
        client_->send(topic, std::move(payload));
    } catch (const mqtt::exception& error) {
        throw_error(error);
    }
}

}  // namespace edgesync::mqtt_session
