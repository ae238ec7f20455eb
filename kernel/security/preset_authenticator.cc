#include "kernel/security/preset_authenticator.h"

#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "edgesync/sdk/error.h"
#include "kernel/security/secret_hash.h"

namespace edgesync::security {
namespace {

using nlohmann::json;

[[noreturn]] void invalid(const std::string& problem) { throw Error(ErrorKind::InvalidRequest, problem); }

std::string lower_case(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return text;
}

/// The member whose name matches in any case; null if there is none.
json member(const json& object, const std::string& lower_name) {
    for (const auto& [name, value] : object.items()) {
        if (lower_case(name) == lower_name) return value;
    }
    return nullptr;
}

std::string text(const json& object, const std::string& lower_name, const std::string& where) {
    const json value = member(object, lower_name);
    if (value.is_null()) return "";
    if (!value.is_string()) invalid(where + ": " + lower_name + " must be a string");
    return value.get<std::string>();
}

AuthCode code_of(const std::string& type) {
    static const std::map<std::string, AuthCode> codes = {
        {"admin", AuthCode::Admin},
        {"edgenode", AuthCode::EdgeNode},
        {"user", AuthCode::User},
        {"syncadmin", AuthCode::SyncAdmin},
        {"service", AuthCode::Service},
        {"nodeuser", AuthCode::NodeUser},
        {"objectadmin", AuthCode::ObjectAdmin},
    };
    const auto found = codes.find(lower_case(type));
    return found == codes.end() ? AuthCode::Failed : found->second;
}

PresetCredentials::Credential credential_from(const std::string& key, const json& value) {
    const std::string where = "credential " + key;
    if (!value.is_object()) invalid(where + " must be an object");
    PresetCredentials::Credential credential;
    credential.secret = SecretText(text(value, "secret", where));
    credential.secret_hash = text(value, "secrethash", where);
    if (!credential.secret_hash.empty() && !is_secret_hash(credential.secret_hash))
        invalid(where + ": secretHash has not the form pbkdf2-sha256$N$SALT$HASH");
    // A misspelt name must not leave a credential that everybody has.
    if (credential.secret_hash.empty() && member(value, "secret").is_null()) invalid(where + " has neither secret nor secretHash");
    if (!credential.secret_hash.empty() && !credential.secret.empty()) invalid(where + " has both secret and secretHash");
    credential.identity = {code_of(text(value, "type", where)), text(value, "orgid", where), text(value, "username", where)};
    return credential;
}

}  // namespace

PresetCredentials preset_credentials_from_json(const std::string& octets) {
    json document;
    try {
        document = json::parse(octets);
    } catch (const json::exception& error) {
        invalid(error.what());
    }
    if (!document.is_object()) invalid("it is not a JSON object");
    PresetCredentials result;
    const json credentials = member(document, "credentials");
    const json css = member(document, "csscredentials");
    if (!credentials.is_null() && !credentials.is_object()) invalid("credentials must be an object");
    for (const auto& [key, value] : credentials.items()) result.by_key.emplace(key, credential_from(key, value));
    if (css.is_null()) return result;
    if (!css.is_object()) invalid("cssCredentials must be an object");
    result.css_key = text(css, "key", "cssCredentials");
    result.css_secret = SecretText(text(css, "secret", "cssCredentials"));
    return result;
}

std::shared_ptr<const PresetCredentials> PresetAuthenticator::load() const {
    std::ifstream file(path(), std::ios::binary);
    if (!file) {
        log_.log(LogLevel::Warning, "There is no readable " + path() + ": nobody can authenticate");
        return std::make_shared<PresetCredentials>();
    }
    struct stat status {};
    if (::stat(path().c_str(), &status) == 0 && (status.st_mode & 077U) != 0)
        log_.log(LogLevel::Warning, path() + " has secrets and can be used by others than its owner: chmod 600 it");
    std::ostringstream content;
    content << file.rdbuf();
    const SecretText octets(std::move(content).str());
    try {
        auto loaded = std::make_shared<PresetCredentials>(preset_credentials_from_json(octets.text()));
        for (const auto& [key, credential] : loaded->by_key) {
            if (credential.identity.code == AuthCode::Failed)
                log_.log(LogLevel::Warning, "The credential " + key + " of " + path() + " has an unknown type and is refused");
        }
        return loaded;
    } catch (const std::exception& error) {
        throw Error(ErrorKind::InvalidRequest, path() + " is malformed, correct it: " + error.what());
    }
}

void PresetAuthenticator::start() {
    auto loaded = load();
    const std::lock_guard lock(mutex_);
    credentials_ = std::move(loaded);
}

void PresetAuthenticator::reload() {
    try {
        start();
        log_.log(LogLevel::Info, "Read " + path() + " again");
    } catch (const std::exception& error) {
        log_.log(LogLevel::Error, std::string(error.what()) + "; the credentials that were read before stay");
    }
}

std::shared_ptr<const PresetCredentials> PresetAuthenticator::credentials() const {
    const std::lock_guard lock(mutex_);
    return credentials_;
}

Identity PresetAuthenticator::authenticate(const HttpRequest& request) {
    const auto given = basic_credentials(request);
    if (!given) return {};
    const auto known = credentials();
    const auto found = known->by_key.find(given->key);
    if (found == known->by_key.end()) return {};
    const auto& credential = found->second;
    const bool is_right = credential.secret_hash.empty() ? equal_secrets(given->secret.text(), credential.secret.text())
                                                         : matches_hash(given->secret.text(), credential.secret_hash);
    return is_right ? credential.identity : Identity{};
}

bool PresetAuthenticator::may_block(const HttpRequest& request) const {
    const auto given = basic_credentials(request);
    if (!given) return false;
    const auto known = credentials();
    const auto found = known->by_key.find(given->key);
    return found != known->by_key.end() && !found->second.secret_hash.empty();
}

std::pair<std::string, std::string> PresetAuthenticator::credentials_for_url(const std::string& url) {
    const std::string base = settings_.text("HTTPCSSURL");
    if (base.empty() || !url.starts_with(base)) return {};
    const auto known = credentials();
    return {known->css_key, known->css_secret.text()};
}

}  // namespace edgesync::security
