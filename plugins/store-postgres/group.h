// Several write functions in one transaction: they share its round trips, its statements and its wait for the disk.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "feed.h"
#include "writes.h"

namespace edgesync::postgres {

/// What was submitted.
struct Job {
    std::function<void(WriteTransaction&)> f;
    std::function<void(std::exception_ptr)> done;
    int attempts = 0;  ///< That were lost.
};

/// What the transactions need.
struct WritersNeeds {
    ConnectionPool& pool;
    Blobs& blobs;
    Sources sources;
    Feed& feed;
    Log& log;
};

/// A job of a group.
struct Member {
    Job job;
    Prefetch question;
    std::exception_ptr failure;
};

/// What the function wants to know first; nullopt: nothing that could be asked for several functions together, so it runs alone. Calls
/// the function up to its first question, without a database.
std::optional<Prefetch> first_question(const Job& job, const WritersNeeds& needs) noexcept;

/// Runs all in the order of the group, each on what the ones before it changed. True: it is over, and each member's `failure` says how.
/// False: nothing was kept, and each has to run alone, so that nobody's failure is another one's.
bool run_together(std::vector<Member>& group, const WritersNeeds& needs) noexcept;

}  // namespace edgesync::postgres
