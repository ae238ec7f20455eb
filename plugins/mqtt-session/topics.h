// The topics of the node protocol over MQTT: their names, the filters that receive them, and their meaning.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "edgesync/sdk/object.h"

namespace edgesync::mqtt_session {

struct TopicRules {
    enum class Family {
        Plain,            ///< "iot-2/...": a broker of one's own, or the platform with the CSS outside.
        MessagingGroups,  ///< "iotint-1/...", "iotintdev-1/...": the platform with the CSS inside.
    };
    Family family = Family::Plain;
    bool via_edge_connector = false;  ///< ESS: what it publishes goes through an edge connector, which takes a prefix off.
    /// CSS, `Plain`: one of several instances on a broker with shared subscriptions, each message for one of them. The filters of
    /// `MessagingGroups` are always shared.
    bool is_shared = false;
};

/// Whether a type, id or organization may be part of a topic: not empty, no '+', '#', '/' or NUL.
bool is_topic_name(std::string_view name);

/// What the ESS `self` publishes to. `for_leader`: the message must reach the leading CSS instance.
/// @throws Error{InvalidRequest} for a name that may not be part of a topic.
std::string uplink_topic(const TopicRules& rules, const NodeKey& self, bool for_leader);
/// What a CSS publishes to reach `node`. @throws as `uplink_topic`.
std::string downlink_topic(const TopicRules& rules, const NodeKey& node);

/// What every CSS instance subscribes.
std::string common_filter(const TopicRules& rules);
/// What the leading CSS instance subscribes as well.
std::string leader_filter(const TopicRules& rules);
/// What the ESS `self` subscribes. @throws as `uplink_topic`.
std::string ess_filter(const TopicRules& rules, const NodeKey& self);

enum class Direction { Uplink, Downlink };

/// What the topic of a message says.
struct ParsedTopic {
    Direction direction = Direction::Uplink;
    NodeKey node;  ///< Uplink: the sender. Downlink: the addressee. Without an organization unless the topic or the connection has one.
    bool is_leader = false;  ///< Uplink: meant for the leading instance.
};

/// nullopt: none of ours. `connection_org` is the organization of the connection if it has one; a topic that names another is none of ours.
std::optional<ParsedTopic> parse_topic(const TopicRules& rules, std::string_view topic, const std::string& connection_org = {});

}  // namespace edgesync::mqtt_session
