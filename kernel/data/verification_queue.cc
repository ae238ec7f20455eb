#include "kernel/data/verification_queue.h"

#include <algorithm>

#include "edgesync/sdk/error.h"
#include "kernel/security/signature.h"

namespace edgesync::data {
namespace {

/// The store's lists give no more at once.
constexpr std::size_t kMostScanned = 10000;

std::string name_of(const ObjectKey& key) { return key.org + "/" + key.type + "/" + key.id; }

}  // namespace

VerificationQueue::VerificationQueue(const rules::NodeContext& context, rules::Operations& operations, Log& log, std::size_t most_waiting)
    : context_(context), operations_(operations), log_(log), most_waiting_(std::max<std::size_t>(most_waiting, 1)),
      pool_(1, most_waiting_) {}

VerificationQueue::~VerificationQueue() { stop(); }

void VerificationQueue::add(const ObjectKey& key) {
    {
        const std::lock_guard lock(mutex_);
        if (is_stopped_ || !waiting_.insert(key).second) return;
    }
    const bool is_taken = pool_.try_post([this, key] {
        bool has_overflown = false;
        {
            const std::lock_guard lock(mutex_);
            waiting_.erase(key);
            has_overflown = waiting_.empty() && has_overflown_;
            if (has_overflown) has_overflown_ = false;
        }
        try {
            if (!is_stopped_) judge(key);
            if (has_overflown && !is_stopped_) scan();
        } catch (const std::exception& error) {
            if (is_stopped_) return;
            log_.log(LogLevel::Error, "The signature of " + name_of(key) + " cannot be checked for now: " + error.what());
        }
    });
    if (is_taken) return;
    const std::lock_guard lock(mutex_);
    waiting_.erase(key);
    has_overflown_ = true;
}

void VerificationQueue::scan() {
    std::vector<ObjectKey> keys;
    operations_.store().read([&](ReadTransaction& txn) { keys = waiting_objects(txn, std::min(most_waiting_, kMostScanned)); });
    for (const auto& key : keys) add(key);
}

void VerificationQueue::judge(const ObjectKey& key) {
    std::optional<Verification> upload;
    operations_.store().read([&](ReadTransaction& txn) { upload = waiting_verification(txn, key); });
    const bool is_valid = upload && is_genuine(*upload);
    operations_.run_and_wait<rules::Done>([&](WriteTransaction& txn, rules::Effects& effects) {
        end_verification(context_, txn, key, upload, is_valid, effects);
        return rules::Done{};
    });
}

bool VerificationQueue::is_genuine(const Verification& upload) {
    const auto blob = operations_.store().blobs().reopen(upload.blob);
    const auto fail = [&](const std::string& problem) {
        log_.log(LogLevel::Warning, "The uploaded data of " + name_of(upload.key) + " was dropped: " + problem);
        return false;
    };
    if (!blob) return fail("it cannot be read");
    std::int64_t seen = 0;
    const auto read = [&](std::int64_t offset, std::span<std::byte> out) {
        if (is_stopped_) throw Error(ErrorKind::NotConnected, "The node is stopping");
        const auto wanted = static_cast<std::size_t>(std::min<std::int64_t>(static_cast<std::int64_t>(out.size()), upload.size - offset));
        const std::size_t count = wanted == 0 ? 0 : blob->read(offset, out.first(wanted));
        seen += static_cast<std::int64_t>(count);
        return count;
    };
    try {
        const auto result = security::verify(upload.meta.hash_algorithm, upload.meta.public_key, upload.meta.signature, read);
        if (!result) return fail("it does not fit its signature: " + result.problem);
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::Io && error.kind() != ErrorKind::Corrupt) throw;
        return fail(error.what());
    }
    return seen == upload.size || fail("it ends before its size");
}

void VerificationQueue::stop() noexcept {
    is_stopped_ = true;
    pool_.stop();
}

}  // namespace edgesync::data
