#include "range.h"

namespace edgesync::lmdb {
namespace {

std::string_view view(const MDB_val& value) { return {static_cast<const char*>(value.mv_data), value.mv_size}; }

}  // namespace

Range::Range(MDB_txn* txn, MDB_dbi dbi, Table table, const std::string& prefix, std::string_view after, const PendingChanges* pending)
    : prefix_(prefix), table_(table) {
    check(mdb_cursor_open(txn, dbi, &cursor_), "opening a cursor");
    const std::string start = prefix + std::string(after);
    stored_key_ = {start.size(), const_cast<char*>(start.data())};
    has_stored_ = move_cursor(start.empty() ? MDB_FIRST : MDB_SET_RANGE);
    if (pending != nullptr) {
        for (const auto& run : pending->runs) runs_.push_back({run->from(table, start), run->end()});
    }
    settle();
    if (is_valid_ && !after.empty() && key_ == start) next();
}

void Range::next() {
    pass(key_);
    settle();
}

bool Range::move_cursor(MDB_cursor_op where) {
    return check(mdb_cursor_get(cursor_, &stored_key_, &stored_value_, where), "reading") && view(stored_key_).starts_with(prefix_);
}

const Change* Range::first_pending() const {
    const Change* first = nullptr;
    for (const Run& run : runs_) {
        const bool is_inside = run.at != run.end && run.at->table == table_ && run.at->key.starts_with(prefix_);
        // Of equal keys that of the newest run, which comes first.
        if (is_inside && (first == nullptr || run.at->key < first->key)) first = run.at;
    }
    return first;
}

/// Goes to the smallest key that is there.
void Range::settle() {
    for (;;) {
        const Change* pending = first_pending();
        is_valid_ = has_stored_ || pending != nullptr;
        if (!is_valid_) return;
        if (has_stored_ && (pending == nullptr || view(stored_key_) < pending->key)) {
            key_ = view(stored_key_);
            value_ = view(stored_value_);
            return;
        }
        key_ = pending->key;
        value_ = pending->value;
        if (pending->is_put) return;
        pass(key_);
    }
}

void Range::pass(std::string_view key) {
    for (Run& run : runs_) {
        if (run.at != run.end && run.at->table == table_ && run.at->key == key) ++run.at;
    }
    if (has_stored_ && (runs_.empty() || view(stored_key_) == key)) has_stored_ = move_cursor(MDB_NEXT);
}

}  // namespace edgesync::lmdb
