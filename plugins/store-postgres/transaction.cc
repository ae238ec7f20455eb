#include "transaction.h"

namespace edgesync::postgres {
namespace {

const char* begin_of(Isolation isolation) {
    switch (isolation) {
        case Isolation::ReadSnapshot: return "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;";
        case Isolation::Snapshot: return "BEGIN ISOLATION LEVEL REPEATABLE READ;";
        case Isolation::Group: return "BEGIN ISOLATION LEVEL REPEATABLE READ;SET LOCAL lock_timeout TO '100ms';";
        case Isolation::Locking: break;
    }
    return "BEGIN ISOLATION LEVEL READ COMMITTED;";
}

}  // namespace

Transaction::~Transaction() {
    if (!has_begun_ || is_over_ || connection_ == nullptr || !connection_->is_usable()) return;
    // Nobody waits for it: a read is over with its last row.
    connection_->send("ROLLBACK");
}

void Transaction::add(const std::string& statement) {
    waiting_ += statement;
    waiting_ += ';';
    has_changes_ = true;
}

Rows Transaction::run(const std::string& text) {
    try {
        if (connection_ == nullptr) throw Conflict("There is no database to ask");
        return connection_->run(text);
    } catch (const Conflict&) {
        has_conflict_ = has_failed_ = true;
        throw;
    } catch (...) {
        has_failed_ = true;
        throw;
    }
}

Rows Transaction::begin(const std::string& text) {
    has_begun_ = true;
    try {
        return run(text);
    } catch (const Error&) {
        if (!another_ || connection_ == nullptr || connection_->is_usable()) throw;
    }
    connection_ = nullptr;
    connection_ = &another_();
    has_failed_ = false;
    return run(text);
}

Rows Transaction::query(const std::string& statement) {
    std::string text = has_begun_ ? "" : begin_of(isolation_);
    text += waiting_;
    text += statement;
    waiting_.clear();
    return has_begun_ ? run(text) : begin(text);
}

void Transaction::commit() {
    if (has_conflict_) throw Conflict("The transaction had lost against another one");
    if (has_failed_) throw Error(ErrorKind::Io, "A query of the transaction had failed");
    if (!has_begun_ && waiting_.empty()) return;
    is_committing_ = !waiting_.empty() || isolation_ != Isolation::ReadSnapshot;
    query("COMMIT");
    is_over_ = true;
}

void Transaction::lose(const std::string& why) {
    has_conflict_ = true;
    throw Conflict(why);
}

void Transaction::run_afterwards(const std::string& statement) noexcept {
    try {
        connection_->run(statement);
    } catch (const std::exception&) {
        // A connection that is lost is found by who takes it next.
    }
}

}  // namespace edgesync::postgres
