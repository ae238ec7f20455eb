// One transaction on one connection, with as few round trips as possible: BEGIN travels with the first statement, changes wait for
// the next query or for COMMIT.
#pragma once

#include <functional>

#include "connection_pool.h"

namespace edgesync::postgres {

enum class Isolation {
    ReadSnapshot,  ///< Reads only, all of one moment.
    Snapshot,      ///< All reads of one moment; a row that somebody else changed since then makes changing it a Conflict.
    Group,         ///< As Snapshot; waiting for somebody else's lock is a Conflict after a moment, because others wait here.
    Locking,       ///< What is read by key is locked in its newest version; so it waits instead of losing.
};

/// Not thread-safe. Rolls back unless committed.
class Transaction {
public:
    Transaction(Connection& connection, Isolation isolation) : connection_(&connection), isolation_(isolation) {}
    /// Without a database: every query fails.
    Transaction() : connection_(nullptr), isolation_(Isolation::Snapshot) {}
    ~Transaction();
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;

    /// Where the transaction begins again if its connection turns out to be lost at its first query, which was seen by nobody then: it has
    /// lain idle. For those that only read. `another` gives up the former connection and throws if there is none.
    void use_instead(std::function<Connection&()> another) { another_ = std::move(another); }

    Isolation isolation() const { return isolation_; }
    /// To be run before the next query.
    void add(const std::string& statement);
    /// @throws as Connection::run
    Rows query(const std::string& statement);
    /// Durable when it returns. Nothing is sent if nothing was done. @throws as Connection::run; the former Conflict if a query had one.
    void commit();
    /// The whole transaction must run again. @throws Conflict
    [[noreturn]] void lose(const std::string& why);
    /// Runs a statement of its own after a commit, which has succeeded whatever becomes of the statement.
    void run_afterwards(const std::string& statement) noexcept;
    /// A query changed something.
    void note_change() { has_changes_ = true; }
    /// Whether `add` or `note_change` was called.
    bool has_changes() const { return has_changes_; }
    bool has_conflict() const { return has_conflict_; }
    /// A query failed, so nothing can be committed.
    bool has_failed() const { return has_failed_; }
    /// After a lost connection: whether the changes may have been committed.
    bool was_committing() const { return is_committing_; }

private:
    Rows run(const std::string& text);
    Rows begin(const std::string& text);

    Connection* connection_;  ///< nullptr: there is none.
    std::function<Connection&()> another_;
    const Isolation isolation_;
    std::string waiting_;
    bool has_begun_ = false;
    bool has_changes_ = false;
    bool is_over_ = false;
    bool has_conflict_ = false;
    bool has_failed_ = false;
    bool is_committing_ = false;
};

}  // namespace edgesync::postgres
