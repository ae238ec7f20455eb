// Credentials from a file: <PersistenceRootPath>sync/preset-auth.json (security 1.4).
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "kernel/security/authenticator.h"

namespace edgesync::security {

/// What the file says.
struct PresetCredentials {
    struct Credential {
        Identity identity;        ///< Failed for a type that is unknown.
        SecretText secret;        ///< Empty if there is a hash.
        std::string secret_hash;  ///< See secret_hash.h.
    };
    std::map<std::string, Credential, std::less<>> by_key;
    std::string css_key;  ///< ESS: what it sends to the CSS.
    SecretText css_secret;
};

/// @throws Error{InvalidRequest} with what is wrong
PresetCredentials preset_credentials_from_json(const std::string& json);

class PresetAuthenticator final : public Authenticator {
public:
    PresetAuthenticator(const Settings& settings, Log& log) : settings_(settings), log_(log) {}

    /// Without the file nobody authenticates. @throws Error{InvalidRequest} malformed file
    void start() override;
    void reload() override;
    Identity authenticate(const HttpRequest& request) override;
    /// For the keys that have a hash, which takes its time by design.
    bool may_block(const HttpRequest& request) const override;
    std::pair<std::string, std::string> credentials_for_url(const std::string& url) override;
    bool is_cacheable() const override { return true; }

private:
    std::string path() const { return settings_.persistence_root() + "sync/preset-auth.json"; }
    std::shared_ptr<const PresetCredentials> load() const;
    std::shared_ptr<const PresetCredentials> credentials() const;

    const Settings& settings_;
    Log& log_;
    mutable std::mutex mutex_;
    std::shared_ptr<const PresetCredentials> credentials_ = std::make_shared<PresetCredentials>();
};

}  // namespace edgesync::security
