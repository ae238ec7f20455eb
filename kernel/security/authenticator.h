// Who is calling: the credentials of a request become an identity (security 1).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "edgesync/sdk/http.h"
#include "edgesync/sdk/log.h"
#include "edgesync/sdk/settings.h"
#include "kernel/security/wipe.h"

namespace edgesync::security {

/// The classes of callers. The numbers are those of the traditional service.
enum class AuthCode : std::uint8_t {
    Failed = 0,
    EdgeNode = 1,     ///< An ESS; user_id "destType/destID".
    Admin = 2,        ///< Administrator of an organization.
    ObjectAdmin = 3,  ///< Administrator of the objects of an organization.
    User = 4,
    SyncAdmin = 5,  ///< Administrator of the service, for all organizations; org may be empty.
    Service = 6,    ///< An edge service on an ESS; user_id "serviceOrg/version/serviceName".
    NodeUser = 7,   ///< A node that acts as an API client; user_id is its name.
};

struct Identity {
    AuthCode code = AuthCode::Failed;
    std::string org;
    std::string user_id;
    bool operator==(const Identity&) const = default;
};

/// Thread-safe after `start`. A deployment may bring its own.
class Authenticator {
public:
    virtual ~Authenticator() = default;
    /// Once, before serving; reads its files. @throws Error: the start of the node stops.
    virtual void start() = 0;
    /// At SIGHUP: reads the files again; what cannot be read is reported and what was read before stays. Thread-safe.
    virtual void reload() {}
    /// Headers and URL are complete, the body may be missing. Called on I/O threads unless `may_block` says otherwise. Never throws for bad
    /// credentials.
    virtual Identity authenticate(const HttpRequest& request) = 0;
    /// Who is calling and no more: for answers that must not depend on the store.
    virtual Identity identify(const HttpRequest& request) { return authenticate(request); }
    /// Whether `authenticate` would take so long now that an I/O thread must not wait for it. Cheap; on any thread.
    virtual bool may_block(const HttpRequest& request) const {
        (void)request;
        return false;
    }
    /// ESS: key and secret for calls to the CSS; both empty if `url` does not start with the CSS's base URL.
    virtual std::pair<std::string, std::string> credentials_for_url(const std::string& url) = 0;
    /// True if the result depends on key and secret alone and is worth keeping.
    virtual bool is_cacheable() const = 0;
};

struct BasicCredentials {
    std::string key;
    SecretText secret;
};

/// Of the Authorization header; nullopt if it is absent or malformed.
std::optional<BasicCredentials> basic_credentials(const HttpRequest& request);

/// The authenticator that `AuthenticationHandler` names. `settings` and `log` outlive it.
/// @throws Error{InvalidRequest} if there is none of that name, or it must not be used on these listeners.
std::unique_ptr<Authenticator> make_authenticator(const Settings& settings, Log& log);

}  // namespace edgesync::security
