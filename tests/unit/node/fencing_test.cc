// What only the leader may do carries its term into the transaction, so that the store can refuse it.
#include <gmock/gmock.h>

#include "kernel/data/chunked_upload.h"
#include "kernel/node/maintenance.h"
#include "tests/conformance/broken/forwarding_transaction.h"
#include "tests/unit/api/faulty_store.h"
#include "tests/unit/node/hand_scheduler.h"
#include "tests/unit/rules/rule_fixture.h"
#include "tests/unit/security/fake_settings.h"

namespace edgesync::node {
namespace {

using namespace std::chrono_literals;

/// A store that is led in term 8.
class LedStore : public api::FaultyStore {
public:
    using FaultyStore::FaultyStore;
    void submit(std::function<void(WriteTransaction&)> f, std::function<void(std::exception_ptr)> done) override {
        const auto with_term = [f = std::move(f)](WriteTransaction& txn) {
            Transaction led(txn);
            f(led);
        };
        FaultyStore::submit(with_term, std::move(done));
    }

private:
    class Transaction : public broken::ForwardingWrites {
    public:
        using ForwardingWrites::ForwardingWrites;
        void require_leadership(std::int64_t term) override {
            if (term != 8) throw Error(ErrorKind::Conflict, "Another instance leads now");
        }
    };
};

class Fencing : public testing::RuleTest {
protected:
    /// There is something to do for each job of the leader.
    Fencing() {
        store_ = std::make_unique<LedStore>(std::move(store_));
        operations_ = std::make_unique<rules::Operations>(*store_, *this);
        register_node(cam1_);
        now_ += 48h;
        in_transaction([&](WriteTransaction& txn, rules::Effects&) {
            for (const auto* id : {"expired", "activating"}) {
                ObjectRecord record;
                record.meta = metadata(id);
                record.status = ObjectStatus::Ready;
                record.meta.inactive = id == std::string("activating");
                (record.meta.inactive ? record.activates : record.expires) = now_ - 1s;
                txn.put_object(record);
            }
        });
        publish(metadata("uploading"));
        data::ChunkUpload::Target target;
        target.key = {"acme", "model", "uploading"};
        data::ChunkUpload chunk(context_, *operations_, digests_, std::move(target), {0, 4, 10});
        chunk.start();
        chunk.write(std::as_bytes(std::span("0123", 4)));
        chunk.finish();
        now_ += 2h;
    }
    /// Each job has its turn at an instance that believes to lead in `term`.
    void do_jobs_in(std::int64_t term) {
        fakes::FakeSettings settings;
        settings.values = {{"ResendInterval", "7"},
                           {"ObjectActivationInterval", "8"},
                           {"StorageMaintenanceInterval", "9"},
                           {"UploadStagingTimeout", "10"},
                           {"RemoveESSRegistrationTime", "1"}};
        MaintenanceOptions options = MaintenanceOptions::from(settings);
        options.term = [term] { return std::optional(term); };
        maintenance_ = std::make_unique<Maintenance>(context_, *operations_, scheduler_, log_, options);
        maintenance_->start();
        for (const std::chrono::milliseconds interval : {8s, 9s, 10s}) EXPECT_EQ(scheduler_.run_due_after(interval), 1U);
        EXPECT_EQ(scheduler_.run_due_after(1h), 1U) << "silent nodes, for the second time";
        in_transaction([](WriteTransaction&, rules::Effects&) {});  // Behind what the maintenance submitted.
    }
    /// What is left for the leader to do.
    std::vector<std::string> undone() {
        std::vector<std::string> jobs;
        const auto uploading = object("uploading");
        if (object("expired")) jobs.emplace_back("Expiration");
        if (object("activating")->meta.inactive) jobs.emplace_back("Activation");
        if (uploading->staged) jobs.emplace_back("Removing abandoned uploads");
        store_->read([&](ReadTransaction& txn) {
            if (txn.destination(cam1_)) jobs.emplace_back("Removing silent nodes");
        });
        return jobs;
    }

    data::UploadDigests digests_;
    fakes::CollectingLog log_;
    HandScheduler scheduler_;
    std::unique_ptr<Maintenance> maintenance_;
};

TEST_F(Fencing, AJobOfAnInstanceThatLeadsNoMoreChangesNothingAndSaysSo) {
    do_jobs_in(7);
    EXPECT_EQ(undone(), (std::vector<std::string>{"Expiration", "Activation", "Removing abandoned uploads", "Removing silent nodes"}));
    for (const auto& job : undone()) EXPECT_THAT(log_.lines, ::testing::Contains(job + " failed: Another instance leads now"));
}

TEST_F(Fencing, TheSameJobsOfTheLeaderAreDone) {
    do_jobs_in(8);
    EXPECT_THAT(undone(), ::testing::IsEmpty());
    EXPECT_THAT(log_.lines, ::testing::IsEmpty());
}

}  // namespace
}  // namespace edgesync::node
