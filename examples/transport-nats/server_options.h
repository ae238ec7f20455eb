// The server and the credentials that sync.conf names.
#pragma once

#include <nats/nats.h>

#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "edgesync/sdk/error.h"
#include "edgesync/sdk/settings.h"

namespace transport_nats {

using edgesync::SettingDeclaration;
using Options = std::unique_ptr<natsOptions, decltype(&natsOptions_Destroy)>;
struct Server {
    std::string name;  ///< As sync.conf has it, for messages.
    Options options{nullptr, natsOptions_Destroy};
};

inline std::vector<SettingDeclaration> declared_settings() {
    using Type = SettingDeclaration::Type;
    const auto text = [](const char* key, const char* environment, const char* help, bool is_secret = false) {
        return SettingDeclaration{key, environment, Type::Text, "", help, is_secret};
    };
    return {{"NATSAddress", "NATS_ADDRESS", Type::List, "127.0.0.1:4222", "HOST or HOST:PORT of the servers of one NATS cluster"},
            text("NATSUser", "NATS_USER", "User name at the server"),
            text("NATSPassword", "NATS_PASSWORD", "The user's password", true),
            text("NATSToken", "NATS_TOKEN", "Token for the server, instead of a user", true),
            text("NATSCredentials", "NATS_CREDENTIALS", "File with the JWT and the seed of a user (.creds), instead of a user"),
            {"NATSUseTLS", "NATS_USE_TLS", Type::Bool, "true", "Whether the line is encrypted and the server's certificate checked"},
            text("NATSCACertificate", "NATS_CA_CERTIFICATE", "PEM file with the roots to trust; empty: those of the system"),
            text("NATSCertificate", "NATS_CERTIFICATE", "PEM file with this node's certificate, for servers that ask for one"),
            text("NATSKey", "NATS_KEY", "PEM file with its key")};
}

/// Takes HOST and HOST:PORT, names and IPv4 addresses, and IPv6 addresses in brackets. Empty: it is none of these.
inline std::string url_of(const std::string& address) {
    const auto colon = address.find(':', address.starts_with('[') ? address.find(']') : 0);
    const std::string host = address.substr(0, colon);
    const std::string port = colon == std::string::npos ? "4222" : address.substr(colon + 1);
    const bool is_number = !port.empty() && port.size() <= 5 && port.find_first_not_of("0123456789") == std::string::npos;
    const int number = is_number ? std::stoi(port) : 0;
    const bool is_host = !host.empty() && host.find_first_of("/@ ") == std::string::npos;
    return is_host && number >= 1 && number <= 65535 ? "nats://" + host + ":" + port : "";
}

/// Everything but the callbacks. @throws Error{InvalidRequest}, one line for each problem
inline Server server_from(const edgesync::Settings& settings) {
    natsOptions* made = nullptr;
    if (natsOptions_Create(&made) != NATS_OK) throw edgesync::Error(edgesync::ErrorKind::Internal, "libnats has no memory");
    Server server{settings.text("NATSAddress"), Options(made, natsOptions_Destroy)};
    std::string problems;
    const auto report = [&](const std::string& problem) { problems += (problems.empty() ? "" : "\n") + problem; };
    const auto value = [&](const char* key) { return settings.text(key); };
    const auto check = [&](const char* key, natsStatus status) {
        if (status != NATS_OK) report(std::string(key) + " '" + value(key) + "' cannot be used: " + natsStatus_GetText(status));
    };

    std::vector<std::string> urls;
    for (const auto& address : settings.list("NATSAddress")) {
        urls.push_back(url_of(address));
        if (urls.back().empty()) report("NATSAddress '" + address + "' is not HOST or HOST:PORT with a port of 1..65535");
    }
    if (urls.empty()) report("NATSAddress is empty; name the NATS server, HOST:PORT");
    std::vector<const char*> servers;
    for (const auto& url : urls) servers.push_back(url.c_str());
    if (problems.empty()) check("NATSAddress", natsOptions_SetServers(made, servers.data(), static_cast<int>(servers.size())));

    int ways = 0;
    for (const char* key : {"NATSUser", "NATSToken", "NATSCredentials"}) ways += value(key).empty() ? 0 : 1;
    if (ways > 1) report("NATSUser, NATSToken and NATSCredentials exclude each other; set one of them");
    if (value("NATSUser").empty() != value("NATSPassword").empty()) report("NATSUser and NATSPassword need each other");
    if (!value("NATSUser").empty()) natsOptions_SetUserInfo(made, value("NATSUser").c_str(), value("NATSPassword").c_str());
    if (!value("NATSToken").empty()) natsOptions_SetToken(made, value("NATSToken").c_str());
    if (const auto file = value("NATSCredentials"); !file.empty()) {
        if (!std::ifstream(file)) report("NATSCredentials '" + file + "' cannot be read");
        check("NATSCredentials", natsOptions_SetUserCredentialsFromFiles(made, file.c_str(), nullptr));
    }
    const auto authority = value("NATSCACertificate");
    const auto certificate = value("NATSCertificate");
    if (settings.boolean("NATSUseTLS")) {
        check("NATSUseTLS", natsOptions_SetSecure(made, true));
        if (!authority.empty()) check("NATSCACertificate", natsOptions_LoadCATrustedCertificates(made, authority.c_str()));
        if (certificate.empty() != value("NATSKey").empty()) report("NATSCertificate and NATSKey need each other");
        if (!certificate.empty() && !value("NATSKey").empty())
            check("NATSCertificate", natsOptions_LoadCertificatesChain(made, certificate.c_str(), value("NATSKey").c_str()));
    } else if (!authority.empty() || !certificate.empty()) {
        report("NATSCACertificate and NATSCertificate have no meaning while NATSUseTLS is false");
    }
    // libnats resolves and connects by itself, and servers tell it of others: nobody could check the addresses.
    if (!settings.boolean("AllowPrivateIPs")) report("AllowPrivateIPs must be true: the transport nats cannot check where it connects to");
    if (!problems.empty()) throw edgesync::Error(edgesync::ErrorKind::InvalidRequest, problems);

    natsOptions_SetTimeout(made, urls.size() > 2 ? 6'000 / static_cast<std::int64_t>(urls.size()) : 3'000);  // All are tried in 6 s.
    natsOptions_SetWriteDeadline(made, 6'000);  // For a chunk (kLargestChunk in nats_transport.cc), and the most that a stop waits.
    natsOptions_SetPingInterval(made, 10'000);  // A dead line is noticed after 30 s.
    natsOptions_SetMaxPingsOut(made, 2);
    natsOptions_SetSendAsap(made, true);
    natsOptions_SetAllowReconnect(made, false);  // The transport connects anew, for ever, and knows what was lost (nats_line.h).
    return server;
}

}  // namespace transport_nats
