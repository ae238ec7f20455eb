// The changes of one transaction that the database has not been told yet: the last state of each record, to be sent as one statement
// per table.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "edgesync/sdk/store.h"
#include "transaction.h"

namespace edgesync::postgres {

/// Records by their key; nullopt: erased.
template <typename Record>
using Changes = std::map<std::string, std::optional<Record>>;

/// A blob's record, and its octets if they go into its row.
struct BlobChange {
    BlobRecord record;
    std::optional<std::string> small;
};

/// A notification, and the number of its put: the database numbers them in that order.
struct NotificationChange {
    NotificationRecord record;
    std::uint64_t order = 0;
};

/// What was found by reading: decides whether a change must be an insertion, and what must not change before the commit.
struct Observations {
    std::set<std::string> objects;  ///< Keys of records that were found.
    std::set<std::string> destinations;
    std::set<std::string> decided;  ///< Objects whose deliveries or notifications were looked at together.
    std::set<std::string> absent;   ///< Table, ':' and key of records that were looked for in vain.
};

/// Makes the commit fail if what the transaction decided by has changed. Of two transactions that each look whether the other nodes of
/// an object are done, and change nothing in common, one must see the other: so the object counts as changed by both.
void keep_observations(Transaction& transaction, const Observations& seen);

/// Not thread-safe.
class ChangeBuffer {
public:
    Changes<ObjectRecord> objects;
    Changes<DeliveryRecord> deliveries;
    Changes<NotificationChange> notifications;
    Changes<DestinationRecord> destinations;
    Changes<BlobChange> blobs;
    Changes<std::string> entries;  ///< As in reads.h.
    std::vector<WorkItem> work;    ///< New ones.
    std::uint64_t puts_of_notifications = 0;

    /// Hands everything to the transaction, in an order of tables and keys that is always the same, so that two transactions seldom
    /// wait for each other in a circle; then it is empty.
    void move_to(Transaction& transaction, Observations& seen);
    bool is_empty() const;

private:
    void move_objects(Transaction& transaction, Observations& seen);
    void move_blobs(Transaction& transaction, Observations& seen);
    void move_work(Transaction& transaction);
};

}  // namespace edgesync::postgres
