// The development handler: the form of the app key decides, secrets are ignored (security 1.3).
#pragma once

#include <set>
#include <string>

#include "kernel/security/authenticator.h"

namespace edgesync::security {

/// Lists of <PersistenceRootPath>sync/dummy-auth.json.
struct DummyUsers {
    std::set<std::string, std::less<>> regular_users;
    std::set<std::string, std::less<>> sync_admins;
    std::set<std::string, std::less<>> exchange_admins;
};

/// What the app key says about its bearer.
Identity identity_of_key(std::string_view key, const DummyUsers& users);

class DummyAuthenticator final : public Authenticator {
public:
    DummyAuthenticator(const Settings& settings, Log& log) : settings_(settings), log_(log) {}

    /// A missing file leaves all lists empty. @throws Error{InvalidRequest} malformed file
    void start() override;
    Identity authenticate(const HttpRequest& request) override;
    /// Key "OrgID/DestinationType/DestinationID", empty secret.
    std::pair<std::string, std::string> credentials_for_url(const std::string& url) override;
    bool is_cacheable() const override { return false; }

private:
    const Settings& settings_;
    Log& log_;
    DummyUsers users_;
};

}  // namespace edgesync::security
