// The access control lists in memory, so that decisions cost no transaction and may be made inside one.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "edgesync/sdk/store.h"
#include "kernel/security/acl.h"
#include "kernel/security/authenticator.h"

namespace edgesync::security {

/// Thread-safe. An organization's lists are as they were at its last `prepare`, at most kMaxAge ago.
class AclCache final : public AclLookup {
public:
    static constexpr std::chrono::seconds kMaxAge{60};  ///< Should the store fail to say that another instance changed them.
    static constexpr std::size_t kMostOrgs = 10000;

    explicit AclCache(Store& store) : store_(store) {}

    /// Loads the lists unless they are here and young enough. Reads the store, so not from inside a transaction.
    void prepare(const std::string& org);
    /// After a change.
    void invalidate(const std::string& org);
    /// After changes that are not known.
    void invalidate_all();

    std::optional<AclRole> object_role(const AclUser& user, const std::string& object_type) const override;
    bool may_address(const AclUser& user, const std::string& destination_type) const override;

private:
    struct Lists;
    struct Loaded {
        std::shared_ptr<const Lists> lists;
        std::chrono::steady_clock::time_point at;
    };
    std::shared_ptr<const Lists> find(const std::string& org) const;
    std::shared_ptr<const Lists> load(const std::string& org) const;

    Store& store_;
    mutable std::mutex mutex_;
    std::map<std::string, Loaded> orgs_;
    std::uint64_t changes_ = 0;  ///< Lists that were read before a change must not be kept after it.
};

/// Lets another authenticator decide, and has the lists ready for whom they concern.
class AclAuthenticator final : public Authenticator {
public:
    AclAuthenticator(std::unique_ptr<Authenticator> inner, AclCache& acls) : inner_(std::move(inner)), acls_(acls) {}
    void start() override { inner_->start(); }
    void reload() override { inner_->reload(); }
    Identity authenticate(const HttpRequest& request) override;
    std::pair<std::string, std::string> credentials_for_url(const std::string& url) override { return inner_->credentials_for_url(url); }
    bool is_cacheable() const override { return inner_->is_cacheable(); }

private:
    const std::unique_ptr<Authenticator> inner_;
    AclCache& acls_;
};

}  // namespace edgesync::security
