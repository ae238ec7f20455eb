#include "kernel/security/dummy_authenticator.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <vector>

#include "edgesync/sdk/error.h"

namespace edgesync::security {
namespace {

using nlohmann::json;

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    for (;;) {
        const auto at = text.find(separator);
        parts.push_back(text.substr(0, at));
        if (at == std::string_view::npos) return parts;
        text.remove_prefix(at + 1);
    }
}

Identity identity(AuthCode code, std::string_view org, std::string_view user) { return {code, std::string(org), std::string(user)}; }

bool equal_ignoring_case(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
        return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
    });
}

/// Names of a list; absent and null are empty. @throws json::exception for anything but an array of text.
std::set<std::string, std::less<>> names(const json& document, std::string_view field) {
    std::set<std::string, std::less<>> result;
    for (const auto& [name, value] : document.items()) {
        if (!equal_ignoring_case(name, field) || value.is_null()) continue;
        for (const auto& item : value.get_ref<const json::array_t&>()) result.insert(item.get<std::string>());
    }
    return result;
}

}  // namespace

Identity identity_of_key(std::string_view key, const DummyUsers& users) {
    if (const auto parts = split(key, '/'); parts.size() == 3) {
        return identity(AuthCode::EdgeNode, parts[0], key.substr(parts[0].size() + 1));
    } else if (parts.size() == 2) {
        return identity(users.exchange_admins.contains(parts[1]) ? AuthCode::Admin : AuthCode::ObjectAdmin, parts[0], parts[1]);
    }
    if (const auto parts = split(key, '$'); parts.size() == 4) {
        Identity result = identity(AuthCode::Service, parts[0], parts[1]);
        result.user_id.append("/").append(parts[2]).append("/").append(parts[3]);
        return result;
    }
    if (const auto parts = split(key, '%'); parts.size() == 2) return identity(AuthCode::NodeUser, parts[1], parts[0]);
    if (const auto parts = split(key, '@'); parts.size() == 2 || parts.size() == 3) {
        const std::string_view user = key.substr(0, key.rfind('@'));
        if (users.regular_users.contains(user)) return identity(AuthCode::User, parts.back(), user);
        if (users.sync_admins.contains(user)) return identity(AuthCode::SyncAdmin, "", user);
        return identity(AuthCode::Admin, parts.back(), user);
    }
    return {};
}

void DummyAuthenticator::start() {
    log_.log(LogLevel::Warning, "AuthenticationHandler is dummy: secrets are not checked. Use it for development only");
    const std::string path = settings_.persistence_root() + "sync/dummy-auth.json";
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        log_.log(LogLevel::Warning, "There is no readable " + path + ": every user@org is an administrator of its organization");
        return;
    }
    std::ostringstream text;
    text << file.rdbuf();
    try {
        const json document = json::parse(text.str());
        if (!document.is_object()) throw Error(ErrorKind::InvalidRequest, "it is not a JSON object");
        users_.regular_users = names(document, "regularUsers");
        users_.sync_admins = names(document, "syncAdmins");
        users_.exchange_admins = names(document, "exchangeAdmins");
    } catch (const std::exception& error) {
        throw Error(ErrorKind::InvalidRequest, path + " is malformed, correct or remove it: " + error.what());
    }
}

Identity DummyAuthenticator::authenticate(const HttpRequest& request) {
    const auto credentials = basic_credentials(request);
    return credentials ? identity_of_key(credentials->key, users_) : Identity{};
}

std::pair<std::string, std::string> DummyAuthenticator::credentials_for_url(const std::string& url) {
    const std::string base = settings_.text("HTTPCSSURL");
    if (base.empty() || !url.starts_with(base)) return {};
    return {settings_.text("OrgID") + "/" + settings_.text("DestinationType") + "/" + settings_.text("DestinationID"), ""};
}

}  // namespace edgesync::security
