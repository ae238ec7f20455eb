// Changes that are durable in the log, and answered, but not yet committed to the database: what readers see above their snapshot.
//
// A commit copies every page that it touches, so one commit for many groups writes a fraction of the pages. Readers must neither wait for
// it nor miss what was answered.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "change_list.h"

namespace edgesync::lmdb {

/// Changes in the order of table and key, the last of each key only. Immutable.
class ChangeRun {
public:
    explicit ChangeRun(std::shared_ptr<const std::string> octets);
    /// The changes of both.
    ChangeRun(const ChangeRun& older, const ChangeRun& newer);

    std::size_t size() const { return changes_.size(); }
    /// Null: it does not change this key.
    const Change* find(Table table, std::string_view key) const;
    /// The first change at or behind the key, or `end`.
    const Change* from(Table table, std::string_view key) const;
    const Change* end() const { return changes_.data() + changes_.size(); }

private:
    std::vector<std::shared_ptr<const std::string>> octets_;  ///< In which the changes lie.
    std::vector<Change> changes_;
};

/// Immutable.
struct PendingChanges {
    std::uint64_t transaction = 0;                       ///< LMDB's number of the commit that they follow.
    std::vector<std::shared_ptr<const ChangeRun>> runs;  ///< Newer ones first.

    /// Null: the key is as in the snapshot.
    const Change* find(Table table, std::string_view key) const;
};

/// One thread changes it, any thread reads.
class Overlay {
public:
    /// To be asked before a snapshot is taken. If the snapshot is of a later transaction than `transaction`, it has all of them.
    std::shared_ptr<const PendingChanges> pending() const;
    void add(std::shared_ptr<const std::string> octets);
    /// After the commit `transaction`, which has all that was added.
    void clear(std::uint64_t transaction);

private:
    void publish(std::shared_ptr<const PendingChanges> next);

    mutable std::mutex mutex_;
    std::shared_ptr<const PendingChanges> pending_ = std::make_shared<const PendingChanges>();
};

}  // namespace edgesync::lmdb
