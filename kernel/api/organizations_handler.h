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

private:
    void list(const CallPtr& call) const;
    void put(const CallPtr& call, const std::string& org) const;
    void remove(const CallPtr& call, const std::string& org) const;
    bool is_single_org() const;

    const Environment& environment_;
    const security::OrgSecrets secrets_;
};

}  // namespace edgesync::api
