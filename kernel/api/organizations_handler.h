// Organizations of a CSS: /api/v1/organizations (rest-api 5).
#pragma once

#include <string_view>

#include "kernel/api/call.h"
#include "kernel/security/org_secrets.h"

namespace edgesync::api {

class OrganizationsHandler {
public:
    /// @throws Error if OrgSecretKeyFile cannot be used.
    explicit OrganizationsHandler(const Environment& environment)
        : environment_(environment), secrets_(environment.context.settings, environment.context.log) {}

    /// The caller is authenticated, or `Failed`. `rest`: raw, behind "organizations/".
    void handle(const CallPtr& call, std::string_view rest) const;
    /// Encrypts the passwords that were stored before there was a key. Blocks on the store. @throws Error of the store
    void seal_passwords() const;

private:
    void list(const CallPtr& call) const;
    void put(const CallPtr& call, const std::string& org) const;
    void remove(const CallPtr& call, const std::string& org) const;
    bool is_single_org() const;
    bool seal_password(const std::string& org) const;

    const Environment& environment_;
    const security::OrgSecrets secrets_;
};

}  // namespace edgesync::api
