// Remembers who authenticated, so that an expensive authenticator is asked rarely (security 1.2).
#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "kernel/security/authenticator.h"

namespace edgesync::security {

/// Secrets are kept as HMAC-SHA-256 under a random key of the process. Thread-safe.
class CredentialCache final : public Authenticator {
public:
    using Clock = std::chrono::steady_clock;
    static constexpr std::chrono::minutes kKept{15};
    static constexpr std::chrono::seconds kRefusedFor{2};  ///< After a failure, so that guessing is slow.
    static constexpr std::size_t kMostEntries = 10000;     ///< Of either kind; the least recently used goes.

    explicit CredentialCache(std::unique_ptr<Authenticator> inner, std::function<Clock::time_point()> now = Clock::now);

    void start() override { inner_->start(); }
    /// Also asks the authenticator again about everybody.
    void reload() override;
    /// A failure does not make it forget who authenticated before, nor does it hold up his secret when that must be checked again:
    /// otherwise anybody could lock out anybody.
    Identity authenticate(const HttpRequest& request) override;
    /// No more for what is remembered.
    bool may_block(const HttpRequest& request) const override;
    std::pair<std::string, std::string> credentials_for_url(const std::string& url) override { return inner_->credentials_for_url(url); }
    bool is_cacheable() const override { return false; }

private:
    using Mac = std::array<unsigned char, 32>;
    struct Entry {
        std::string key;
        Mac mac{};
        Identity identity;
        Clock::time_point until;
    };
    /// Most recently used first.
    struct Entries {
        std::list<Entry> order;
        std::unordered_map<std::string, std::list<Entry>::iterator> by_key;

        const Entry* find(const std::string& key);
        void put(Entry entry);
        void erase(const std::string& key);
    };
    bool has_secret(const Entry* entry, const Mac& mac) const;
    Mac mac_of(const std::string& secret) const;
    /// With the lock held. nullopt: the authenticator must be asked.
    std::optional<Identity> remembered(const std::string& key, const Mac& mac) const;

    const std::unique_ptr<Authenticator> inner_;
    const std::function<Clock::time_point()> now_;
    std::array<unsigned char, 24> salt_{};
    mutable std::mutex mutex_;
    mutable Entries known_;  ///< A look changes the order.
    mutable Entries refused_;
    std::uint64_t reloads_ = 0;  ///< What was decided before a reload must not be kept after it.
};

}  // namespace edgesync::security
