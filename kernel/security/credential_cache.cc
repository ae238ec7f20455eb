#include "kernel/security/credential_cache.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "edgesync/sdk/error.h"

namespace edgesync::security {

CredentialCache::CredentialCache(std::unique_ptr<Authenticator> inner, std::function<Clock::time_point()> now)
    : inner_(std::move(inner)), now_(std::move(now)) {
    if (RAND_bytes(salt_.data(), static_cast<int>(salt_.size())) != 1) throw Error(ErrorKind::Internal, "Cannot get random numbers");
}

CredentialCache::Mac CredentialCache::mac_of(const std::string& secret) const {
    Mac mac{};
    HMAC(EVP_sha256(), salt_.data(), static_cast<int>(salt_.size()), reinterpret_cast<const unsigned char*>(secret.data()), secret.size(),
         mac.data(), nullptr);
    return mac;
}

const CredentialCache::Entry* CredentialCache::Entries::find(const std::string& key) {
    const auto found = by_key.find(key);
    if (found == by_key.end()) return nullptr;
    order.splice(order.begin(), order, found->second);
    return &order.front();
}

void CredentialCache::Entries::put(Entry entry) {
    if (const auto found = by_key.find(entry.key); found != by_key.end()) {
        order.erase(found->second);
        by_key.erase(found);
    }
    if (order.size() >= kMostEntries) {
        by_key.erase(order.back().key);
        order.pop_back();
    }
    order.push_front(std::move(entry));
    by_key[order.front().key] = order.begin();
}

void CredentialCache::Entries::erase(const std::string& key) {
    const auto found = by_key.find(key);
    if (found == by_key.end()) return;
    order.erase(found->second);
    by_key.erase(found);
}

void CredentialCache::reload() {
    inner_->reload();
    const std::lock_guard lock(mutex_);
    for (Entry& entry : known_.order) entry.until = Clock::time_point::min();
    for (Entry& entry : refused_.order) entry.until = Clock::time_point::min();
    ++reloads_;
}

bool CredentialCache::has_secret(const Entry* entry, const Mac& mac) const {
    return entry != nullptr && CRYPTO_memcmp(entry->mac.data(), mac.data(), mac.size()) == 0;
}

std::optional<Identity> CredentialCache::remembered(const std::string& key, const Mac& mac) const {
    const auto now = now_();
    const Entry* known = known_.find(key);
    const bool was_right = has_secret(known, mac);
    if (was_right && known->until > now) return known->identity;
    const Entry* refused = refused_.find(key);
    // Who comes with what was the right secret does not guess.
    if (!was_right && refused != nullptr && refused->until > now) return Identity{};
    return std::nullopt;
}

bool CredentialCache::may_block(const HttpRequest& request) const {
    if (!inner_->may_block(request)) return false;
    const auto given = basic_credentials(request);
    if (!given) return false;
    const Mac mac = mac_of(given->secret.text());
    const std::lock_guard lock(mutex_);
    return !remembered(given->key, mac);
}

Identity CredentialCache::authenticate(const HttpRequest& request) {
    const auto given = basic_credentials(request);
    if (!given) return {};
    const Mac mac = mac_of(given->secret.text());
    std::uint64_t seen = 0;
    {
        const std::lock_guard lock(mutex_);
        if (auto identity = remembered(given->key, mac)) return std::move(*identity);
        seen = reloads_;
    }
    Identity identity = inner_->authenticate(request);
    const std::lock_guard lock(mutex_);
    if (seen != reloads_) return identity;
    if (identity.code == AuthCode::Failed) {
        refused_.put({given->key, {}, {}, now_() + kRefusedFor});
        if (has_secret(known_.find(given->key), mac)) known_.erase(given->key);
    } else {
        known_.put({given->key, mac, identity, now_() + kKept});
    }
    return identity;
}

}  // namespace edgesync::security
