// Single records that a transaction had read ahead, until it changes them.
#pragma once

#include <span>

#include "change_buffer.h"
#include "connection.h"

namespace edgesync::postgres {

/// Valid while the database does not show anything newer: in a snapshot, or of records that are held. nullopt: there is no such record;
/// that there is still none, an insertion finds out. Not thread-safe.
class Prefetched {
public:
    /// Deliveries of an object, or nodes of a type, that are read with it.
    static constexpr std::size_t kFew = 33;

    Changes<ObjectRecord> objects;
    Changes<DeliveryRecord> deliveries;
    Changes<NotificationRecord> notifications;
    Changes<DestinationRecord> destinations;

    /// The call that reads what is not known yet; nullopt: everything is.
    std::optional<std::string> call_for(std::span<const Prefetch> questions);
    /// The calls that hold what is asked for, whether it is known or not, in the order in which everybody holds it.
    static std::vector<std::string> hold_calls_for(std::span<const Prefetch> questions);
    /// Takes what the last call found.
    void take(const Rows& rows);

    /// The first page of an object's deliveries, if it is known.
    std::optional<Page<DeliveryRecord>> first_page(const std::string& object, std::size_t limit) const;

    /// The same of the nodes whose keys start with `prefix`.
    std::optional<Page<DestinationRecord>> first_nodes(const std::string& prefix, std::size_t limit) const;

    void forget_delivery(const std::string& name);
    void forget_deliveries();
    void forget_destination(const std::string& name);

private:
    /// The first records of some ranges, in order, by what the keys of a range start with.
    template <typename Record>
    struct Few {
        std::map<std::string, std::vector<Record>> known;
        std::vector<std::string> asked;  ///< By the last call.
    };

    Few<DeliveryRecord> few_deliveries_;  ///< Of objects.
    Few<DestinationRecord> few_nodes_;    ///< Of organizations and types.
};

}  // namespace edgesync::postgres
