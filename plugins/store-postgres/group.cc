#include "group.h"

namespace edgesync::postgres {
namespace {

/// Ends the function at its first question.
class Interview : public Writes {
public:
    using Writes::Writes;
    void prefetch(const Prefetch& names) override { end(names); }
    // Numbers are issued to those who use them. Who begins with one asks nothing.
    InstanceId next_instance_id(TimePoint /*now*/, InstanceId /*floor*/) override { end({}); }
    std::uint64_t enqueue_work(const std::string& /*kind*/, const std::string& /*payload*/, TimePoint /*not_before*/) override { end({}); }
    std::optional<Prefetch>& first() { return first_; }

private:
    [[noreturn]] void end(const Prefetch& names) {
        if (!first_) first_ = names;
        throw Conflict("The function is asked what it wants to know");
    }

    std::optional<Prefetch> first_;
};

/// True: what happened is known.
bool run_in(Connection& connection, std::vector<Member>& group, const WritersNeeds& needs) {
    Transaction transaction(connection, Isolation::Group);
    Writes writes(transaction, needs.blobs, needs.sources);
    try {
        std::vector<Prefetch> questions;
        questions.reserve(group.size());
        for (Member& member : group) questions.push_back(std::move(member.question));
        writes.prefetch_all(questions);
        for (Member& member : group) {
            const std::uint64_t before = writes.changes();
            try {
                member.job.f(writes);
            } catch (...) {
                member.failure = std::current_exception();
                if (writes.changes() != before || transaction.has_failed()) return false;
            }
        }
        writes.commit();
        if (writes.has_told()) needs.feed.told();
        return true;
    } catch (...) {
        if (connection.is_usable() || !transaction.was_committing()) return false;
        needs.feed.in_doubt();
        for (Member& member : group) member.failure = std::current_exception();
        return true;
    }
}

}  // namespace

std::optional<Prefetch> first_question(const Job& job, const WritersNeeds& needs) noexcept {
    try {
        Transaction nowhere;
        Interview interview(nowhere, needs.blobs, needs.sources);
        try {
            job.f(interview);
        } catch (...) {
            // It says so again when it runs.
        }
        if (interview.first()) return std::move(interview.first());
        if (!nowhere.has_failed() && !nowhere.has_changes()) return Prefetch{};
    } catch (...) {
        // Then it runs alone.
    }
    return std::nullopt;
}

bool run_together(std::vector<Member>& group, const WritersNeeds& needs) noexcept {
    try {
        auto connection = needs.pool.take();
        return run_in(*connection, group, needs);
    } catch (...) {  // No connection, for nobody.
        for (Member& member : group) member.failure = std::current_exception();
    }
    return true;
}

}  // namespace edgesync::postgres
