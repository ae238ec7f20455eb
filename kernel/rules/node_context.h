// What the rules know about the node they run on. Rules are functions of (context, transaction, input); nothing here changes after start.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "edgesync/sdk/settings.h"
#include "edgesync/sdk/store.h"

namespace edgesync::rules {

/// Type and id under which every CSS is known to its nodes.
inline constexpr char kCloud[] = "Cloud";

struct NodeContext {
    NodeRole role = NodeRole::Css;
    NodeKey self;                           ///< CSS: {configured org or "", "Cloud", "Cloud"}.
    std::int32_t max_chunk_size = 5242880;  ///< Written into the metadata of own objects, bytes.
    bool chunks_data = true;                ///< EnableDataChunk
    std::int64_t chunks_in_flight = 1;      ///< MaxInflightChunks: of one object, asked for and not yet arrived.
    std::chrono::seconds resend_interval{10};
    std::int64_t inline_limit = 65536;  ///< Largest data kept inside the transaction, bytes.
    bool is_storage_persistent = true;
    bool is_store_shared = false;  ///< Transactions may run at the same time, so that one that lists nodes may lack one that registers.
    std::uint64_t consumed_objects_kept = 1000;
    bool notifies_on_expiration = false;
    bool hooks_on_no_data = true;   ///< Webhooks are called also for updates without data.
    std::string objects_data_path;  ///< ObjectsDataPath, ends with '/'; empty: none.
    bool pushes_data = true;        ///< ESS: the transport uploads after an accepted update (HTTP).
    std::function<TimePoint()> now;
    /// Nodes with one of these fetch their messages (HTTP); their notifications wait as "...Pending".
    std::vector<std::string> polled_protocols;

    bool is_css() const { return role == NodeRole::Css; }
    bool is_polled(const std::string& protocol) const {
        return std::find(polled_protocols.begin(), polled_protocols.end(), protocol) != polled_protocols.end();
    }
    /// For work that waits for no time: long past, so that it does not wait for a clock that went back either (a database's, after a
    /// failover to another server), but in the order of the clock.
    TimePoint at_once() const { return TimePoint(now().time_since_epoch() / 1000); }
    /// When an unanswered message is repeated: six resend intervals from now.
    TimePoint resend_at() const { return now() + 6 * resend_interval; }
    /// The CSS as this ESS addresses it.
    NodeKey cloud() const { return {self.org, kCloud, kCloud}; }
};

}  // namespace edgesync::rules
