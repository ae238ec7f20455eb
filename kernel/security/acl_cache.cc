#include "kernel/security/acl_cache.h"

#include <algorithm>
#include <array>

#include "kernel/security/acl_list.h"

namespace edgesync::security {
namespace {

constexpr std::size_t kPage = 1000;

}  // namespace

struct AclCache::Lists {
    using Names = std::map<std::string, std::optional<AclRole>, std::less<>>;
    /// By key, for users and for nodes.
    using Keys = std::map<std::string, std::array<Names, 2>, std::less<>>;
    Keys objects;
    Keys destinations;

    static const Names* names(const Keys& keys, const std::string& key, AclUserType type) {
        const auto found = keys.find(key);
        return found == keys.end() ? nullptr : &found->second.at(static_cast<std::size_t>(type));
    }
};

std::shared_ptr<const AclCache::Lists> AclCache::load(const std::string& org) const {
    auto lists = std::make_shared<Lists>();
    store_.read([&](ReadTransaction& txn) {
        *lists = {};
        for (const AclKind kind : {AclKind::Objects, AclKind::Destinations}) {
            Lists::Keys& keys = kind == AclKind::Objects ? lists->objects : lists->destinations;
            std::string cursor;
            do {
                const auto page = acl_entries(txn, org, kind, std::nullopt, cursor, kPage);
                for (const auto& item : page.items)
                    keys[item.key].at(static_cast<std::size_t>(item.entry.user_type))[item.entry.name] = item.entry.role;
                cursor = page.next;
            } while (!cursor.empty());
        }
    });
    return lists;
}

void AclCache::prepare(const std::string& org) {
    const auto now = std::chrono::steady_clock::now();
    std::uint64_t seen = 0;
    {
        const std::lock_guard lock(mutex_);
        const auto found = orgs_.find(org);
        if (found != orgs_.end() && now - found->second.at < kMaxAge) return;
        seen = changes_;
    }
    auto lists = load(org);
    const std::lock_guard lock(mutex_);
    if (orgs_.size() >= kMostOrgs && !orgs_.contains(org)) {
        // Not just any: a request that has prepared its lists a moment ago is about to use them.
        orgs_.erase(std::min_element(orgs_.begin(), orgs_.end(), [](const auto& a, const auto& b) { return a.second.at < b.second.at; }));
    }
    // Lists from before a change are good for this request, which began before it, and not for the next.
    orgs_[org] = {std::move(lists), seen == changes_ ? now : now - kMaxAge};
}

void AclCache::invalidate(const std::string& org) {
    const std::lock_guard lock(mutex_);
    ++changes_;
    if (const auto found = orgs_.find(org); found != orgs_.end()) found->second.at -= kMaxAge;
}

void AclCache::invalidate_all() {
    const std::lock_guard lock(mutex_);
    ++changes_;
    for (auto& [org, loaded] : orgs_) loaded.at -= kMaxAge;
}

std::shared_ptr<const AclCache::Lists> AclCache::find(const std::string& org) const {
    const std::lock_guard lock(mutex_);
    const auto found = orgs_.find(org);
    return found == orgs_.end() ? nullptr : found->second.lists;
}

std::optional<AclRole> AclCache::object_role(const AclUser& user, const std::string& object_type) const {
    const auto lists = find(user.org);
    if (!lists) return std::nullopt;
    for (const std::string& key : {object_type, std::string(kAllTypes)}) {
        const auto* names = Lists::names(lists->objects, key, user.type);
        if (names == nullptr) continue;
        if (const auto named = names->find(user.name); named != names->end()) return named->second;
        if (const auto everybody = names->find(kEverybody); everybody != names->end()) return everybody->second;
    }
    return std::nullopt;
}

bool AclCache::may_address(const AclUser& user, const std::string& destination_type) const {
    const auto lists = find(user.org);
    if (!lists) return false;
    for (const std::string& key : {destination_type, std::string(kAllTypes)}) {
        const auto* names = key.empty() ? nullptr : Lists::names(lists->destinations, key, user.type);
        if (names != nullptr && (names->contains(user.name) || names->contains(kEverybody))) return true;
    }
    return false;
}

Identity AclAuthenticator::authenticate(const HttpRequest& request) {
    Identity identity = inner_->authenticate(request);
    if (identity.code == AuthCode::User || identity.code == AuthCode::NodeUser) acls_.prepare(identity.org);
    return identity;
}

}  // namespace edgesync::security
