#include "plugins/mqtt-session/topics.h"

#include <gtest/gtest.h>

#include "edgesync/sdk/error.h"

namespace edgesync::mqtt_session {
namespace {

using Family = TopicRules::Family;

const TopicRules kPlain{};
const TopicRules kGroups{Family::MessagingGroups, false, false};
const TopicRules kPlainByConnector{Family::Plain, true, false};
const TopicRules kGroupsByConnector{Family::MessagingGroups, true, false};
const TopicRules kShared{Family::Plain, false, true};
const NodeKey kNode{"acme", "camera", "cam 7"};

TEST(Topics, AnEdgeNodePublishesToItsOwnTopic) {
    EXPECT_EQ(uplink_topic(kPlain, kNode, false), "iot-2/type/camera/id/cam 7/evt/sync-cmd/fmt/bin");
    EXPECT_EQ(uplink_topic(kPlain, kNode, true), "iot-2/type/camera/id/cam 7/evt/sync-cmd-leader/fmt/bin");
    EXPECT_EQ(uplink_topic(kGroups, kNode, false), "iotintdev-1/type/camera/id/cam 7/sync/sync-cmd");
    EXPECT_EQ(uplink_topic(kGroups, kNode, true), "iotintdev-1/type/camera/id/cam 7/sync/sync-cmd-leader");
}

TEST(Topics, AnEdgeConnectorGetsAPrefix) {
    EXPECT_EQ(uplink_topic(kPlainByConnector, kNode, true),
              "$IBUS-1/src/SYNC/dst/CC_DNS/type/app/topic/iot-2/type/camera/id/cam 7/evt/sync-cmd-leader/fmt/bin");
    EXPECT_EQ(uplink_topic(kGroupsByConnector, kNode, false),
              "$IBUS-1/src/SYNC/dst/CC_DNS/type/app/topic/iotintdev-1/type/camera/id/cam 7/sync/sync-cmd");
    EXPECT_EQ(ess_filter(kPlainByConnector, kNode), "iot-2/type/camera/id/cam 7/cmd/sync-cmd/fmt/bin");
}

TEST(Topics, TheCloudPublishesToTheNodesTopicWhichTheNodeSubscribes) {
    EXPECT_EQ(downlink_topic(kPlain, kNode), "iot-2/type/camera/id/cam 7/cmd/sync-cmd/fmt/bin");
    EXPECT_EQ(downlink_topic(kGroups, kNode), "iotint-1/acme/type/camera/id/cam 7/sync/sync-cmd");
    EXPECT_EQ(ess_filter(kPlain, kNode), downlink_topic(kPlain, kNode));
    EXPECT_EQ(ess_filter(kGroups, kNode), downlink_topic(kGroups, kNode));
}

TEST(Topics, TheCloudSubscribesForAllNodes) {
    EXPECT_EQ(common_filter(kPlain), "iot-2/type/+/id/+/evt/sync-cmd/fmt/bin");
    EXPECT_EQ(leader_filter(kPlain), "iot-2/type/+/id/+/evt/sync-cmd-leader/fmt/bin");
    EXPECT_EQ(common_filter(kGroups), "$SharedSubscription/sync-service/iotintdev-1/type/+/id/+/sync/sync-cmd");
    EXPECT_EQ(leader_filter(kGroups), "$SharedSubscription/sync-service/iotintdev-1/type/+/id/+/sync/sync-cmd-leader");
    EXPECT_EQ(common_filter(kShared), "$share/sync-service/iot-2/type/+/id/+/evt/sync-cmd/fmt/bin");
    EXPECT_EQ(leader_filter(kShared), "$share/sync-service/iot-2/type/+/id/+/evt/sync-cmd-leader/fmt/bin");
}

TEST(Topics, NamesThatWouldChangeATopicNeverReachIt) {
    for (const std::string& bad : {std::string(), std::string("a+b"), std::string("#"), std::string("a/b"), std::string("a\0b", 3)}) {
        EXPECT_FALSE(is_topic_name(bad)) << bad;
        EXPECT_THROW(uplink_topic(kPlain, {"acme", bad, "id"}, false), Error) << bad;
        EXPECT_THROW(uplink_topic(kGroups, {"acme", "type", bad}, true), Error) << bad;
        EXPECT_THROW(downlink_topic(kPlain, {"acme", "type", bad}), Error) << bad;
        EXPECT_THROW(downlink_topic(kGroups, {bad, "type", "id"}), Error) << bad;
        EXPECT_THROW(ess_filter(kPlain, {"acme", bad, "id"}), Error) << bad;
    }
    EXPECT_TRUE(is_topic_name("$a b.c-d_e:f"));
}

struct Row {
    TopicRules rules;
    const char* topic;
    const char* connection_org;
    std::optional<ParsedTopic> meaning;
};

std::optional<ParsedTopic> from(const char* org, bool is_leader = false) {
    return ParsedTopic{Direction::Uplink, {org, "camera", "cam7"}, is_leader};
}
std::optional<ParsedTopic> to(const char* org) { return ParsedTopic{Direction::Downlink, {org, "camera", "cam7"}, false}; }

TEST(Topics, ATopicSaysWhoSentOrGetsAMessage) {
    const Row rows[] = {
        {kPlain, "iot-2/type/camera/id/cam7/evt/sync-cmd/fmt/bin", "acme", from("acme")},
        {kPlain, "iot-2/type/camera/id/cam7/evt/sync-cmd-leader/fmt/bin", "", from("", true)},
        {kPlain, "iot-2/type/camera/id/cam7/cmd/sync-cmd/fmt/bin", "acme", to("acme")},
        {kGroups, "iotintdev-1/type/camera/id/cam7/sync/sync-cmd", "", from("")},
        {kGroups, "iotintdev-1/type/camera/id/cam7/sync/sync-cmd-leader", "acme", from("acme", true)},
        {kGroups, "iotint-1/acme/type/camera/id/cam7/sync/sync-cmd", "", to("acme")},
        {kGroups, "iotint-1/acme/type/camera/id/cam7/sync/sync-cmd", "acme", to("acme")},
        {kGroups, "iotint-1/acme/type/camera/id/cam7/sync/sync-cmd", "other", {}},
        {kShared, "iot-2/type/camera/id/cam7/evt/sync-cmd/fmt/bin", "acme", from("acme")},
        // Of the other family.
        {kGroups, "iot-2/type/camera/id/cam7/evt/sync-cmd/fmt/bin", "acme", {}},
        {kPlain, "iotintdev-1/type/camera/id/cam7/sync/sync-cmd", "acme", {}},
        // There is no leader's form of what a node receives.
        {kPlain, "iot-2/type/camera/id/cam7/cmd/sync-cmd-leader/fmt/bin", "acme", {}},
        {kGroups, "iotint-1/acme/type/camera/id/cam7/sync/sync-cmd-leader", "", {}},
        // Part of one, more than one, or nearly one.
        {kPlain, "", "acme", {}},
        {kPlain, "iot-2", "acme", {}},
        {kPlain, "iot-2/type/camera/id/cam7/evt/sync-cmd/fmt", "acme", {}},
        {kPlain, "iot-2/type/camera/id/cam7/evt/sync-cmd/fmt/bin/", "acme", {}},
        {kPlain, "/iot-2/type/camera/id/cam7/evt/sync-cmd/fmt/bin", "acme", {}},
        {kPlain, "iot-2/type/camera/id/cam7/evt/sync-cmd/fmt/json", "acme", {}},
        {kPlain, "iot-2/type/camera/id/cam7/evt/sync-cmdx/fmt/bin", "acme", {}},
        {kPlain, "iot-2/Type/camera/id/cam7/evt/sync-cmd/fmt/bin", "acme", {}},
        {kPlain, "iot-2/type//id/cam7/evt/sync-cmd/fmt/bin", "acme", {}},
        {kPlain, "iot-2/type/camera/id//evt/sync-cmd/fmt/bin", "acme", {}},
        {kPlain, "iot-2/type/+/id/cam7/evt/sync-cmd/fmt/bin", "acme", {}},
        {kPlain, "iot-2/type/camera/id/#/evt/sync-cmd/fmt/bin", "acme", {}},
        {kPlain, "iot-2/type/camera/id/a/b/evt/sync-cmd/fmt/bin", "acme", {}},
        {kGroups, "iotint-1//type/camera/id/cam7/sync/sync-cmd", "", {}},
        {kGroups, "$SharedSubscription/sync-service/iotintdev-1/type/camera/id/cam7/sync/sync-cmd", "", {}},
    };
    for (const Row& row : rows) {
        const auto parsed = parse_topic(row.rules, row.topic, row.connection_org);
        ASSERT_EQ(parsed.has_value(), row.meaning.has_value()) << row.topic;
        if (!parsed) continue;
        EXPECT_EQ(parsed->direction, row.meaning->direction) << row.topic;
        EXPECT_EQ(parsed->node, row.meaning->node) << row.topic;
        EXPECT_EQ(parsed->is_leader, row.meaning->is_leader) << row.topic;
    }
}

TEST(Topics, WhatIsPublishedIsUnderstood) {
    for (const TopicRules& rules : {kPlain, kGroups}) {
        for (const bool is_leader : {false, true}) {
            const auto sender = parse_topic(rules, uplink_topic(rules, kNode, is_leader), "acme");
            ASSERT_TRUE(sender);
            EXPECT_EQ(sender->node, kNode);
            EXPECT_EQ(sender->is_leader, is_leader);
        }
        const auto addressee = parse_topic(rules, downlink_topic(rules, kNode), "acme");
        ASSERT_TRUE(addressee);
        EXPECT_EQ(addressee->node, kNode);
    }
}

}  // namespace
}  // namespace edgesync::mqtt_session
