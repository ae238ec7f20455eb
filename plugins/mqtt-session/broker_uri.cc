#include "broker_uri.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <string_view>

#include "edgesync/sdk/error.h"

namespace edgesync::mqtt_session {
namespace {

struct Scheme {
    std::string_view name;
    bool is_tls;
    bool is_websocket;
    std::uint16_t port;
};

constexpr std::array<Scheme, 6> kSchemes = {{
    {"tcp://", false, false, 1883},
    {"mqtt://", false, false, 1883},
    {"ssl://", true, false, 8883},
    {"mqtts://", true, false, 8883},
    {"ws://", false, true, 80},
    {"wss://", true, true, 443},
}};

bool begins_with(std::string_view text, std::string_view lower_case_begin) {
    return text.size() >= lower_case_begin.size() &&
           std::equal(lower_case_begin.begin(), lower_case_begin.end(), text.begin(),
                      [](char wanted, char given) { return wanted == std::tolower(static_cast<unsigned char>(given)); });
}

std::string in_brackets(const std::string& host) { return host.find(':') == std::string::npos ? host : "[" + host + "]"; }

[[noreturn]] void fail(const std::string& uri, const std::string& problem) {
    throw Error(ErrorKind::InvalidRequest, "The broker address \"" + uri + "\" " + problem);
}

/// Cuts host and port off the front of `rest`; what remains is the path.
void take_authority(const std::string& uri, std::string_view& rest, BrokerUri& out) {
    std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
    rest.remove_prefix(authority.size());
    if (authority.starts_with('[')) {
        const auto end = authority.find(']');
        if (end == std::string_view::npos) fail(uri, "lacks a ]");
        out.host = authority.substr(1, end - 1);
        authority.remove_prefix(end + 1);
    } else {
        out.host = authority.substr(0, authority.find(':'));
        authority.remove_prefix(out.host.size());
    }
    const bool has_blank = std::any_of(out.host.begin(), out.host.end(), [](unsigned char c) { return c <= ' ' || c == 0x7f; });
    if (out.host.empty() || has_blank) fail(uri, "has no usable host");
    if (authority.empty()) return;
    authority.remove_prefix(1);
    const auto [end, error] = std::from_chars(authority.data(), authority.data() + authority.size(), out.port);
    if (error != std::errc{} || end != authority.data() + authority.size() || out.port == 0) fail(uri, "has no usable port: 1..65535");
}

}  // namespace

std::string BrokerUri::text(const std::string& host_or_address) const {
    const char* scheme = is_websocket ? (is_tls ? "wss://" : "ws://") : (is_tls ? "ssl://" : "tcp://");
    return scheme + in_brackets(host_or_address) + ":" + std::to_string(port) + path;
}

BrokerUri parse_broker_uri(const std::string& uri) {
    if (const auto at = uri.rfind('@'); at != std::string::npos) fail("...@" + uri.substr(at + 1), "must not contain credentials");
    const auto scheme = std::find_if(kSchemes.begin(), kSchemes.end(), [&](const Scheme& one) { return begins_with(uri, one.name); });
    if (scheme == kSchemes.end()) fail(uri, "must begin with ssl://, tcp://, mqtts://, mqtt://, wss:// or ws://");
    BrokerUri out{scheme->is_tls, scheme->is_websocket, {}, scheme->port, {}};
    std::string_view rest = std::string_view(uri).substr(scheme->name.size());
    take_authority(uri, rest, out);
    if (!out.is_websocket && !rest.empty() && rest != "/") fail(uri, "must end behind the port");
    if (out.is_websocket && !rest.empty() && rest.front() != '/') fail(uri, "has a path that does not begin with /");
    if (out.is_websocket) out.path = rest;
    return out;
}

std::string broker_uri(bool is_tls, const std::string& host, std::int64_t port) {
    const bool has_brackets = host.starts_with('[');
    return (is_tls ? "ssl://" : "tcp://") + (has_brackets ? host : in_brackets(host)) + ":" + std::to_string(port);
}

}  // namespace edgesync::mqtt_session
