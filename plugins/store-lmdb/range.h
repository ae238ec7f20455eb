// A walk over the entries of a table.
#pragma once

#include <lmdb.h>

#include <string>
#include <string_view>
#include <vector>

#include "overlay.h"

namespace edgesync::lmdb {

/// The entries within a prefix, in key order: those that are pending hide those of LMDB's transaction. What is returned is valid until the
/// next call, and while the transaction and the pending changes are.
class Range {
public:
    /// Begins behind `prefix + after`. `pending`: null: nothing.
    Range(MDB_txn* txn, MDB_dbi dbi, Table table, const std::string& prefix, std::string_view after, const PendingChanges* pending);
    ~Range() { mdb_cursor_close(cursor_); }
    Range(const Range&) = delete;
    Range& operator=(const Range&) = delete;

    bool is_valid() const { return is_valid_; }
    std::string_view suffix() const { return key_.substr(prefix_.size()); }
    std::string_view value() const { return value_; }
    void next();

private:
    struct Run {
        const Change* at;
        const Change* end;
    };

    bool move_cursor(MDB_cursor_op where);
    const Change* first_pending() const;
    void settle();
    void pass(std::string_view key);

    const std::string prefix_;
    const Table table_;
    MDB_cursor* cursor_ = nullptr;
    MDB_val stored_key_{};
    MDB_val stored_value_{};
    bool has_stored_ = false;
    std::vector<Run> runs_;
    std::string_view key_;
    std::string_view value_;
    bool is_valid_ = false;
};

}  // namespace edgesync::lmdb
