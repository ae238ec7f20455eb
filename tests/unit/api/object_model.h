// The life of objects in small: what any sequence of calls of applications and messages of the peer leaves, said independently of the
// rules of the service. Strings are those that clients see.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "edgesync/sdk/settings.h"

namespace edgesync::api::model {

enum class Action {
    PutMetadata,  ///< Without data.
    PutData,      ///< With data in the body.
    Upload,
    FirstChunk,  ///< The first or last three of six octets.
    LastChunk,
    Delete,
    MarkConsumed,
    MarkReceived,
    ConfirmDeleted,
    Activate,
    MarkPolicyReceived,
    // Messages of the peer: the node camera/cam7 on a CSS, the CSS on an ESS.
    Announce,     ///< A new version; Trait::NoData: complete at once.
    Deliver,      ///< Its data.
    PeerDelete,   ///< The origin deleted its object.
    AckConsumed,  ///< The origin acknowledges what was reported about its object.
    AckDeleted,
    ReportReceived,  ///< The destination reports about an own object.
    ReportConsumed,
    AckDelete,
};
inline constexpr int kActions = 19;
inline constexpr int kObjects = 3;

/// Of what is put or announced.
enum Trait : std::uint8_t { NoData = 1, MetaOnly = 2, Inactive = 4, TwoConsumers = 8, BadSignature = 16 };

struct Step {
    Action action = Action::PutMetadata;
    int object = 0;
    std::uint8_t traits = 0;
};
std::string to_string(const Step& step);

struct Object {
    bool exists = false;
    bool is_own = true;
    std::string status;
    std::optional<std::string> data;
    bool has_no_data_flag = false;
    bool is_inactive = false;
    bool has_bad_signature = false;
    bool is_deleted = false;
    bool has_staged[2] = {false, false};
    int consumers = 1;
    int remaining_consumers = 1;
    int remaining_receivers = 1;
    std::string delivery;  ///< CSS: of the only destination; empty: there is none.
    int version = 0;       ///< Raised with each version that gets a new instance id.
};

class Model {
public:
    /// `has_node`: what a CSS publishes has the node as its destination.
    Model(NodeRole role, bool has_node) : is_css_(role == NodeRole::Css), has_node_(has_node) {}

    /// The status code that the API answers; 0 for a message of the peer.
    int apply(const Step& step);
    const Object& object(int index) const { return objects_.at(static_cast<std::size_t>(index)); }
    /// GET .../data: 200 with it, or 404.
    std::optional<std::string> readable_data(int index) const;

private:
    int put(Object& object, std::uint8_t traits, bool has_data);
    int upload(Object& object, const std::string& data);
    int chunk(Object& object, int which);
    int remove(Object& object) const;
    int mark(Object& object, int& remaining, const char* final_status);
    int confirm_deleted(Object& object) const;
    int activate(Object& object) const;
    void peer_message(Object& object, const Step& step);
    void announce(Object& object, std::uint8_t traits);
    void delete_by_peer(Object& object) const;
    void report(Object& object, Action action) const;
    /// Gives an own object its data, or what the failed check leaves.
    void take_data(Object& object, const std::string& data) const;
    void distribute(Object& object) const;

    const bool is_css_;
    const bool has_node_;
    std::array<Object, kObjects> objects_;
};

}  // namespace edgesync::api::model
