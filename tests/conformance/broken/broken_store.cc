// A correct store with one thing wrong, which the setting BrokenFault names ("none": nothing); the conformance kit must find it.
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "edgesync/sdk/store.h"
#include "tests/conformance/broken/forwarding_transaction.h"
#include "tests/conformance/broken/inner_plugin.h"

namespace edgesync::broken {
namespace {

enum class Fault {
    None,
    LosesAWrite,
    Reorders,
    SkipsBetweenPages,
    IsNotAtomic,
    ClaimsTooEarly,
    IgnoresLeadership,
    ForgetsOnRestart,
    AcknowledgesEarly,
    GivesTheWrongRange,
    DestroysWhenItFails,
    DestroysUnderSnapshots,
    Blocks,
    NeverCompletes,
    Crashes,
    EndsTheProcess,
};

const std::map<std::string, Fault> kFaults = {
    {"none", Fault::None},
    {"loses-a-write", Fault::LosesAWrite},
    {"reorders", Fault::Reorders},
    {"skips-between-pages", Fault::SkipsBetweenPages},
    {"is-not-atomic", Fault::IsNotAtomic},
    {"claims-too-early", Fault::ClaimsTooEarly},
    {"ignores-leadership", Fault::IgnoresLeadership},
    {"forgets-on-restart", Fault::ForgetsOnRestart},
    {"acknowledges-early", Fault::AcknowledgesEarly},
    {"gives-the-wrong-range", Fault::GivesTheWrongRange},
    {"destroys-when-it-fails", Fault::DestroysWhenItFails},
    {"destroys-under-snapshots", Fault::DestroysUnderSnapshots},
    {"blocks", Fault::Blocks},
    {"never-completes", Fault::NeverCompletes},
    {"crashes", Fault::Crashes},
    {"ends-the-process", Fault::EndsTheProcess},
};

[[noreturn]] void sleep_for_ever() {
    for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
}

/// Beside the first octet everything is one octet off.
class ShiftedReader : public BlobReader {
public:
    explicit ShiftedReader(std::unique_ptr<BlobReader> inner) : inner_(std::move(inner)) {}
    std::int64_t size() const override { return inner_->size(); }
    std::size_t read(std::int64_t offset, std::span<std::byte> out) override {
        return inner_->read(offset > 0 && offset + 1 < size() ? offset + 1 : offset, out);
    }

private:
    const std::unique_ptr<BlobReader> inner_;
};

/// Large blobs whose octets nobody finds any more. Thread-safe.
class DestroyedBlobs {
public:
    void add(const std::vector<BlobId>& ids) {
        const std::lock_guard lock(mutex_);
        ids_.insert(ids.begin(), ids.end());
    }
    bool contains(const BlobId& id) const {
        const std::lock_guard lock(mutex_);
        return ids_.contains(id);
    }

private:
    mutable std::mutex mutex_;
    std::set<BlobId> ids_;
};

template <typename Forwarding, typename Base>
class BrokenReads : public Forwarding {
public:
    BrokenReads(Base& inner, Fault fault, const DestroyedBlobs& destroyed) : Forwarding(inner), fault_(fault), destroyed_(destroyed) {}

    Page<ObjectRecord> objects(const std::string& org, const std::string& type, const std::string& cursor, std::size_t limit) override {
        auto page = Forwarding::objects(org, type, cursor, limit);
        if (fault_ == Fault::Reorders) std::reverse(page.items.begin(), page.items.end());
        if (fault_ == Fault::SkipsBetweenPages && !page.next.empty()) page.items.pop_back();
        return page;
    }
    std::unique_ptr<BlobReader> open_blob(const BlobId& id) override {
        if (destroyed_.contains(id)) return nullptr;
        auto reader = Forwarding::open_blob(id);
        if (fault_ != Fault::GivesTheWrongRange || !reader) return reader;
        return std::make_unique<ShiftedReader>(std::move(reader));
    }

protected:
    const Fault fault_;

private:
    const DestroyedBlobs& destroyed_;
};

class BrokenWrites : public BrokenReads<ForwardingWrites, WriteTransaction> {
public:
    BrokenWrites(WriteTransaction& inner, Fault fault, bool is_wrong, const DestroyedBlobs& destroyed)
        : BrokenReads(inner, fault, destroyed), is_wrong_(is_wrong) {}

    void put_object(const ObjectRecord& record) override {
        if (fault_ == Fault::LosesAWrite && is_wrong_) return;
        ForwardingWrites::put_object(record);
    }
    void erase_blob(const BlobId& id) override {
        const auto record = blob(id);
        if (record && record->total > kLarge) erased_.push_back(id);
        ForwardingWrites::erase_blob(id);
    }
    /// Large blobs that this transaction has erased so far.
    const std::vector<BlobId>& erased() const { return erased_; }
    void erase_destination(const NodeKey& node) override {
        if (fault_ == Fault::Crashes) *static_cast<volatile int*>(nullptr) = 1;
        ForwardingWrites::erase_destination(node);
    }
    void complete_work(std::uint64_t id) override {
        if (fault_ == Fault::EndsTheProcess) std::_Exit(0);
        ForwardingWrites::complete_work(id);
    }
    std::vector<WorkItem> claim_work(TimePoint now, std::chrono::seconds lease, std::size_t limit) override {
        if (fault_ == Fault::ClaimsTooEarly) now += std::chrono::hours(24);
        return ForwardingWrites::claim_work(now, lease, limit);
    }
    void require_leadership(std::int64_t term) override {
        if (fault_ != Fault::IgnoresLeadership) ForwardingWrites::require_leadership(term);
    }

private:
    static constexpr std::int64_t kLarge = 300'000;

    const bool is_wrong_;
    std::vector<BlobId> erased_;
};

class BrokenStore : public Store {
public:
    std::vector<SettingDeclaration> declare_settings() const override { return settings_of_faults(); }
    void configure(const Settings& settings, Log& log) override {
        const auto found = kFaults.find(settings.text(kFault));
        if (found == kFaults.end()) throw Error(ErrorKind::InvalidRequest, "BrokenFault is no fault that is known");
        fault_ = found->second;
        after_ = settings.integer(kAfter);
        inner_.emplace(settings, log);
    }
    StoreTraits traits() const noexcept override {
        StoreTraits traits = inner().traits();
        if (fault_ == Fault::ForgetsOnRestart) traits.is_persistent = true;
        return traits;
    }
    void open() override { inner().open(); }
    void close() noexcept override { inner().close(); }
    void read(const std::function<void(ReadTransaction&)>& f) override {
        inner().read([&](ReadTransaction& t) {
            BrokenReads<ForwardingReads<ReadTransaction>, ReadTransaction> broken(t, fault_, destroyed_);
            f(broken);
        });
    }
    void submit(std::function<void(WriteTransaction&)> f, std::function<void(std::exception_ptr)> done) override {
        const bool is_wrong = ++submits_ % (after_ + 1) == 0;
        if (fault_ == Fault::Blocks && is_wrong) sleep_for_ever();
        if (fault_ == Fault::NeverCompletes && is_wrong) done = [](std::exception_ptr) {};
        if (fault_ == Fault::IsNotAtomic) return submit_in_halves(std::move(f), std::move(done));
        if (fault_ == Fault::AcknowledgesEarly) return submit_and_acknowledge(std::move(f), std::move(done));
        if (fault_ == Fault::DestroysWhenItFails || fault_ == Fault::DestroysUnderSnapshots) {
            return submit_and_destroy(std::move(f), std::move(done));
        }
        inner().submit(
            [this, f = std::move(f), is_wrong](WriteTransaction& t) {
                BrokenWrites broken(t, fault_, is_wrong, destroyed_);
                f(broken);
            },
            std::move(done));
    }
    BlobStore& blobs() override { return inner().blobs(); }
    StoreHealth health() const override { return inner().health(); }
    void listen(Hear hear) override { inner().listen(std::move(hear)); }
    TimePoint now() const override { return inner_ ? inner().now() : Store::now(); }
    std::optional<std::int64_t> lead(const std::string& holder, std::chrono::seconds timeout) override {
        return inner().lead(holder, timeout);
    }
    void resign(const std::string& holder) noexcept override { inner().resign(holder); }
    void wipe() override { inner().wipe(); }

private:
    /// What was done before the failure stays.
    void submit_in_halves(std::function<void(WriteTransaction&)> f, std::function<void(std::exception_ptr)> done) {
        auto failure = std::make_shared<std::exception_ptr>();
        inner().submit(
            [f = std::move(f), failure](WriteTransaction& t) {
                *failure = nullptr;
                try {
                    f(t);
                } catch (...) {
                    *failure = std::current_exception();
                }
            },
            [failure, done = std::move(done)](std::exception_ptr other) { done(other ? other : *failure); });
    }
    /// Some time before it is durable.
    void submit_and_acknowledge(std::function<void(WriteTransaction&)> f, std::function<void(std::exception_ptr)> done) {
        auto is_told = std::make_shared<bool>(false);
        inner().submit(
            [f = std::move(f), done, is_told](WriteTransaction& t) {
                f(t);
                if (!std::exchange(*is_told, true)) done(nullptr);
                std::this_thread::sleep_for(std::chrono::milliseconds(2));
            },
            [done, is_told](std::exception_ptr failure) {
                if (!*is_told) done(failure);
            });
    }
    /// Octets of what is erased go although the transaction failed, or at once when it is committed.
    void submit_and_destroy(std::function<void(WriteTransaction&)> f, std::function<void(std::exception_ptr)> done) {
        auto erased = std::make_shared<std::vector<BlobId>>();
        inner().submit(
            [this, f = std::move(f), erased](WriteTransaction& t) {
                BrokenWrites broken(t, fault_, false, destroyed_);
                try {
                    f(broken);
                } catch (...) {
                    *erased = broken.erased();
                    throw;
                }
                *erased = broken.erased();
            },
            [this, erased, done = std::move(done)](std::exception_ptr failure) {
                if ((failure != nullptr) == (fault_ == Fault::DestroysWhenItFails)) destroyed_.add(*erased);
                done(failure);
            });
    }
    Store& inner() const { return **inner_; }

    std::optional<Inner<Store>> inner_;
    Fault fault_ = Fault::None;
    std::int64_t after_ = 0;
    DestroyedBlobs destroyed_;
    std::atomic<std::int64_t> submits_{0};
};

}  // namespace
}  // namespace edgesync::broken

EDGESYNC_PLUGIN(Store, "broken", "1.0.0", edgesync::broken::BrokenStore);
