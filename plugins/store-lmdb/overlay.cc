#include "overlay.h"

#include <algorithm>
#include <utility>

namespace edgesync::lmdb {
namespace {

bool is_before(const Change& a, const Change& b) { return a.table != b.table ? a.table < b.table : a.key < b.key; }
bool is_same(const Change& a, const Change& b) { return a.table == b.table && a.key == b.key; }

}  // namespace

ChangeRun::ChangeRun(std::shared_ptr<const std::string> octets) {
    ChangeList::for_each(*octets, [this](const Change& change) { changes_.push_back(change); });
    octets_.push_back(std::move(octets));
    // The newest of a key comes first, and stays.
    std::reverse(changes_.begin(), changes_.end());
    std::stable_sort(changes_.begin(), changes_.end(), is_before);
    changes_.erase(std::unique(changes_.begin(), changes_.end(), is_same), changes_.end());
}

ChangeRun::ChangeRun(const ChangeRun& older, const ChangeRun& newer) : octets_(older.octets_) {
    octets_.insert(octets_.end(), newer.octets_.begin(), newer.octets_.end());
    changes_.reserve(older.size() + newer.size());
    // Of equals, the union takes that of the first range.
    std::set_union(newer.changes_.begin(), newer.changes_.end(), older.changes_.begin(), older.changes_.end(), std::back_inserter(changes_),
                   is_before);
}

const Change* ChangeRun::from(Table table, std::string_view key) const {
    const Change wanted{table, false, key, {}};
    return changes_.data() + (std::lower_bound(changes_.begin(), changes_.end(), wanted, is_before) - changes_.begin());
}

const Change* ChangeRun::find(Table table, std::string_view key) const {
    const Change* found = from(table, key);
    return found != end() && found->table == table && found->key == key ? found : nullptr;
}

const Change* PendingChanges::find(Table table, std::string_view key) const {
    for (const auto& run : runs) {
        if (const Change* change = run->find(table, key)) return change;
    }
    return nullptr;
}

std::shared_ptr<const PendingChanges> Overlay::pending() const {
    const std::lock_guard lock(mutex_);
    return pending_;
}

void Overlay::add(std::shared_ptr<const std::string> octets) {
    auto next = std::make_shared<PendingChanges>(*pending_);
    auto added = std::make_shared<const ChangeRun>(std::move(octets));
    // Runs of like size become one, so that a reader has few to look through.
    while (!next->runs.empty() && next->runs.front()->size() < 2 * added->size()) {
        added = std::make_shared<const ChangeRun>(*next->runs.front(), *added);
        next->runs.erase(next->runs.begin());
    }
    next->runs.insert(next->runs.begin(), std::move(added));
    publish(std::move(next));
}

void Overlay::clear(std::uint64_t transaction) {
    auto next = std::make_shared<PendingChanges>();
    next->transaction = transaction;
    publish(std::move(next));
}

void Overlay::publish(std::shared_ptr<const PendingChanges> next) {
    const std::lock_guard lock(mutex_);
    pending_.swap(next);
}

}  // namespace edgesync::lmdb
