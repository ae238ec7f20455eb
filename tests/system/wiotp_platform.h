// The Watson IoT Platform as far as nodes can tell: it stands before a broker, lets in whom it knows, and enforces wiotp_rules.h.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/system/wiotp_rules.h"

namespace edgesync::system_test {

/// What it did not put up with.
struct WiotpRefusals {
    std::atomic<int> clients{0};   ///< CONNECT of one that it does not know, or with another version than 3.1.1 and 3.1.
    std::atomic<int> topics{0};    ///< Published or subscribed.
    std::atomic<int> payloads{0};  ///< Too large.
};

/// Thread-safe.
class WiotpPlatform {
public:
    /// `broker_port`: of a broker that lets everybody do everything.
    WiotpPlatform(WiotpAccounts accounts, int broker_port);
    ~WiotpPlatform();
    WiotpPlatform(const WiotpPlatform&) = delete;
    WiotpPlatform& operator=(const WiotpPlatform&) = delete;

    int port() const { return port_; }
    void add_gateway(const std::string& client_id, const std::string& token);
    std::string uri() const { return "tcp://127.0.0.1:" + std::to_string(port_); }
    const WiotpRefusals& refusals() const { return refusals_; }
    /// The largest payload that was published.
    std::size_t largest_payload() const { return largest_payload_; }
    /// How many messages each connection was given, by its client id there; scalable applications with the same id have one each.
    std::map<std::string, int> deliveries() const;
    /// Ends all connections.
    void disconnect_all();
    /// The same as soon as so many more messages have been delivered, to whomever.
    void disconnect_all_after(int messages);
    /// How often that has happened.
    int disconnections() const { return disconnections_; }

private:
    void accept_clients();
    void serve(int client);
    void shut_down_all();
    /// The first packet; nullopt: refused. With the CONNECT that the broker is to get.
    std::optional<WiotpClient> admit(int client, std::string& backlog, std::string& connect);
    void pass_up(const WiotpClient& client, int from, int to, std::string backlog);
    void pass_down(const WiotpClient& client, const std::string& name, int from, int to);
    /// What the broker gets instead of the packet; nullopt: the client is disconnected.
    std::optional<std::string> allowed(const WiotpClient& client, const std::string& packet);
    std::string unique_name(const WiotpClient& client);

    const int broker_port_;
    int port_ = 0;
    const int listener_;
    WiotpRefusals refusals_;
    std::atomic<std::size_t> largest_payload_{0};
    std::atomic<int> disconnections_{0};
    std::atomic<bool> is_stopped_{false};
    mutable std::mutex mutex_;
    WiotpAccounts accounts_;
    int scalable_connections_ = 0;
    std::map<std::string, int> deliveries_;
    int until_disconnection_ = 0;  ///< Messages; 0: it is not asked for.
    std::set<int> sockets_;
    std::vector<std::thread> threads_;
    std::thread acceptor_;
};

}  // namespace edgesync::system_test
