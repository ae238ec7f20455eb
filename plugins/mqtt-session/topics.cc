#include "topics.h"

#include <algorithm>
#include <vector>

#include "edgesync/sdk/error.h"

namespace edgesync::mqtt_session {
namespace {

using Family = TopicRules::Family;

constexpr char kCommand[] = "sync-cmd";
constexpr char kLeaderCommand[] = "sync-cmd-leader";
constexpr char kConnectorPrefix[] = "$IBUS-1/src/SYNC/dst/CC_DNS/type/app/topic/";

const std::string& checked(const std::string& name, const char* what) {
    if (is_topic_name(name)) return name;
    throw Error(ErrorKind::InvalidRequest,
                std::string("The ") + what + " \"" + name + "\" cannot be part of a topic: it is empty or has +, #, / or NUL");
}

const char* command(bool for_leader) { return for_leader ? kLeaderCommand : kCommand; }

std::string uplink(Family family, const std::string& type, const std::string& id, bool for_leader) {
    if (family == Family::MessagingGroups) return "iotintdev-1/type/" + type + "/id/" + id + "/sync/" + command(for_leader);
    return "iot-2/type/" + type + "/id/" + id + "/evt/" + command(for_leader) + "/fmt/bin";
}

std::string uplink_filter(const TopicRules& rules, bool for_leader) {
    const std::string all = uplink(rules.family, "+", "+", for_leader);
    if (rules.family == Family::MessagingGroups) return "$SharedSubscription/sync-service/" + all;
    return rules.is_shared ? "$share/sync-service/" + all : all;
}

std::vector<std::string_view> levels(std::string_view topic) {
    std::vector<std::string_view> out;
    for (;;) {
        const auto slash = topic.find('/');
        out.push_back(topic.substr(0, slash));
        if (slash == std::string_view::npos) return out;
        topic.remove_prefix(slash + 1);
    }
}

/// Whether `topic` has the form `pattern`, in which "O", "T" and "D" stand for organization, type and id.
bool matches(std::string_view topic, std::string_view pattern, NodeKey& node) {
    const auto given = levels(topic);
    const auto wanted = levels(pattern);
    if (given.size() != wanted.size()) return false;
    for (std::size_t i = 0; i < given.size(); ++i) {
        std::string* name = wanted[i] == "O" ? &node.org : wanted[i] == "T" ? &node.type : wanted[i] == "D" ? &node.id : nullptr;
        if (name == nullptr && given[i] != wanted[i]) return false;
        if (name != nullptr && !is_topic_name(given[i])) return false;
        if (name != nullptr) *name = given[i];
    }
    return true;
}

struct Form {
    Family family;
    Direction direction;
    bool is_leader;
    std::string_view pattern;
};

constexpr Form kForms[] = {
    {Family::Plain, Direction::Uplink, false, "iot-2/type/T/id/D/evt/sync-cmd/fmt/bin"},
    {Family::Plain, Direction::Uplink, true, "iot-2/type/T/id/D/evt/sync-cmd-leader/fmt/bin"},
    {Family::Plain, Direction::Downlink, false, "iot-2/type/T/id/D/cmd/sync-cmd/fmt/bin"},
    {Family::MessagingGroups, Direction::Uplink, false, "iotintdev-1/type/T/id/D/sync/sync-cmd"},
    {Family::MessagingGroups, Direction::Uplink, true, "iotintdev-1/type/T/id/D/sync/sync-cmd-leader"},
    {Family::MessagingGroups, Direction::Downlink, false, "iotint-1/O/type/T/id/D/sync/sync-cmd"},
};

}  // namespace

bool is_topic_name(std::string_view name) {
    return !name.empty() && name.find_first_of(std::string_view("+#/\0", 4)) == std::string_view::npos;
}

std::string uplink_topic(const TopicRules& rules, const NodeKey& self, bool for_leader) {
    const std::string topic = uplink(rules.family, checked(self.type, "destination type"), checked(self.id, "destination id"), for_leader);
    return rules.via_edge_connector ? kConnectorPrefix + topic : topic;
}

std::string downlink_topic(const TopicRules& rules, const NodeKey& node) {
    const std::string name = "type/" + checked(node.type, "destination type") + "/id/" + checked(node.id, "destination id");
    if (rules.family == Family::Plain) return "iot-2/" + name + "/cmd/" + kCommand + "/fmt/bin";
    return "iotint-1/" + checked(node.org, "organization") + "/" + name + "/sync/" + kCommand;
}

std::string common_filter(const TopicRules& rules) { return uplink_filter(rules, false); }

std::string leader_filter(const TopicRules& rules) { return uplink_filter(rules, true); }

std::string ess_filter(const TopicRules& rules, const NodeKey& self) { return downlink_topic(rules, self); }

std::optional<ParsedTopic> parse_topic(const TopicRules& rules, std::string_view topic, const std::string& connection_org) {
    for (const Form& form : kForms) {
        NodeKey node{connection_org, {}, {}};
        if (form.family != rules.family || !matches(topic, form.pattern, node)) continue;
        if (!connection_org.empty() && node.org != connection_org) return std::nullopt;
        return ParsedTopic{form.direction, std::move(node), form.is_leader};
    }
    return std::nullopt;
}

}  // namespace edgesync::mqtt_session
