#include "kernel/hooks/hook_url.h"

#include <Poco/Exception.h>
#include <Poco/URI.h>

#include <algorithm>

#include "edgesync/sdk/error.h"

namespace edgesync::hooks {
namespace {

constexpr std::size_t kLongest = 2048;

[[noreturn]] void refuse() { throw Error(ErrorKind::InvalidRequest, "Invalid webhook"); }

bool equal_names(const std::string& a, const std::string& b) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace

std::string HookUrl::authority() const {
    const bool is_ipv6 = host.find(':') != std::string::npos;
    const std::string name = is_ipv6 ? "[" + host + "]" : host;
    return port == (is_tls ? 443 : 80) ? name : name + ":" + std::to_string(port);
}

HookUrl parse_hook_url(const std::string& text) {
    const bool is_printable = std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7F; });
    if (text.empty() || text.size() > kLongest || !is_printable) refuse();
    try {
        const Poco::URI uri(text);
        if (uri.getScheme() != "http" && uri.getScheme() != "https") refuse();
        if (uri.getHost().empty() || !uri.getUserInfo().empty() || uri.getPort() == 0) refuse();
        const std::string target = uri.getPathAndQuery();
        return {uri.getScheme() == "https", uri.getHost(), uri.getPort(), target.starts_with('/') ? target : "/" + target};
    } catch (const Poco::Exception&) {
        refuse();
    }
}

bool is_allowed_host(const std::string& host, const std::vector<std::string>& allowed) {
    return allowed.empty() || std::any_of(allowed.begin(), allowed.end(), [&](const std::string& name) { return equal_names(name, host); });
}

}  // namespace edgesync::hooks
