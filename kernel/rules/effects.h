// What must happen after a transaction became durable. A transaction's function fills one anew in every run.
#pragma once

#include <string>
#include <vector>

#include "edgesync/sdk/object.h"

namespace edgesync::rules {

struct ExchangeKey {
    ObjectKey object;
    NodeKey peer;
    auto operator<=>(const ExchangeKey&) const = default;
};

struct Effects {
    std::vector<NodeKey> wake;         ///< Polled peers for which something became pending.
    std::vector<ExchangeKey> send;     ///< Notifications to send now, by their record.
    std::vector<ExchangeKey> fetch;    ///< Transfers to start (receiver).
    std::vector<ObjectKey> verify;     ///< Uploads that are complete and wait for the check of their signature.
    std::vector<ObjectKey> arrived;    ///< Objects of types with webhooks that became completely received.
    std::vector<std::string> acls_of;  ///< Organizations whose access control lists changed.
    bool has_unused_files = false;     ///< Received objects let go of files that must be removed.
    bool has_work = false;             ///< Items were put into the work queue.

    void clear() { *this = Effects{}; }
};

}  // namespace edgesync::rules
