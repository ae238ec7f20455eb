#include "tests/system/wiotp_rules.h"

#include <gtest/gtest.h>

namespace edgesync::system_test {
namespace {

using Kind = WiotpClient::Kind;

constexpr char kRefused[] = "refused";

const WiotpClient kGateway{Kind::Gateway, "g:acme:camera:cam1", "acme", "camera", "cam1", {"lens/l1"}};
const WiotpClient kDevice{Kind::Device, "d:acme:lens:l1", "acme", "lens", "l1", {}};
const WiotpClient kApplication{Kind::Application, "a:acme:app", "acme", {}, "app", {}};
const WiotpClient kScalable{Kind::ScalableApplication, "A:acme:CSS", "acme", {}, "CSS", {}};
const WiotpClient kService{Kind::Service, "css", {}, {}, "css", {}};
const WiotpClient kConnector{Kind::Connector, "a:sync-service", "acme", {}, "sync-service", {}};

struct Row {
    const WiotpClient& client;
    const char* topic;
    const char* expected;
};

TEST(WiotpRules, WhatMayBePublishedAndWhereTheBrokerHasIt) {
    const Row rows[] = {
        {kGateway, "iot-2/type/camera/id/cam1/evt/e/fmt/bin", "acme/iot-2/type/camera/id/cam1/evt/e/fmt/bin"},
        {kGateway, "iot-2/type/lens/id/l1/evt/e/fmt/bin", "acme/iot-2/type/lens/id/l1/evt/e/fmt/bin"},
        {kGateway, "iot-2/type/camera/id/cam2/evt/e/fmt/bin", kRefused},
        {kGateway, "iot-2/type/camera/id/cam1/cmd/e/fmt/bin", kRefused},
        {kGateway, "iot-2/type/camera/id/cam1/evt/e/fmt/bin/more", kRefused},
        {kGateway, "iotintdev-1/type/camera/id/cam1/sync/sync-cmd", "iotintdev-1/type/camera/id/cam1/sync/sync-cmd"},
        {kGateway, "iotintdev-1/type/camera/id/cam2/sync/sync-cmd", kRefused},
        {kGateway, "iotint-1/acme/type/camera/id/cam1/sync/sync-cmd", kRefused},
        {kGateway, "acme/iot-2/type/camera/id/cam1/evt/e/fmt/bin", kRefused},
        {kDevice, "iot-2/evt/e/fmt/json", "acme/iot-2/type/lens/id/l1/evt/e/fmt/json"},
        {kDevice, "iot-2/type/lens/id/l1/evt/e/fmt/json", kRefused},
        {kApplication, "iot-2/type/camera/id/cam1/cmd/c/fmt/bin", "acme/iot-2/type/camera/id/cam1/cmd/c/fmt/bin"},
        {kScalable, "iot-2/type/camera/id/cam1/evt/e/fmt/bin", "acme/iot-2/type/camera/id/cam1/evt/e/fmt/bin"},
        {kScalable, "iot-2/type/+/id/cam1/cmd/c/fmt/bin", kRefused},
        {kScalable, "iot-2/type//id/cam1/cmd/c/fmt/bin", kRefused},
        {kScalable, "iotint-1/acme/type/camera/id/cam1/sync/sync-cmd", kRefused},
        {kService, "iotint-1/acme/type/camera/id/cam1/sync/sync-cmd", "iotint-1/acme/type/camera/id/cam1/sync/sync-cmd"},
        {kService, "iot-2/type/camera/id/cam1/cmd/c/fmt/bin", kRefused},
        {kConnector, "$IBUS-1/src/SYNC/dst/CC_DNS/type/app/topic/iot-2/type/t/id/d/evt/e/fmt/bin", "acme/iot-2/type/t/id/d/evt/e/fmt/bin"},
        {kConnector, "iot-2/type/t/id/d/evt/e/fmt/bin", kRefused},
    };
    for (const Row& row : rows)
        EXPECT_EQ(published_as(row.client, row.topic).value_or(kRefused), row.expected) << row.client.client_id << " " << row.topic;
}

TEST(WiotpRules, WhatMayBeSubscribedAndAsWhichFilter) {
    const Row rows[] = {
        {kGateway, "iot-2/type/camera/id/cam1/cmd/c/fmt/bin", "acme/iot-2/type/camera/id/cam1/cmd/c/fmt/bin"},
        {kGateway, "iot-2/type/camera/id/cam1/cmd/+/fmt/+", "acme/iot-2/type/camera/id/cam1/cmd/+/fmt/+"},
        {kGateway, "iot-2/type/+/id/+/cmd/+/fmt/+", kRefused},
        {kGateway, "iot-2/type/camera/id/cam1/evt/e/fmt/bin", kRefused},
        {kGateway, "iotint-1/acme/type/camera/id/cam1/sync/sync-cmd", "iotint-1/acme/type/camera/id/cam1/sync/sync-cmd"},
        {kGateway, "iotint-1/other/type/camera/id/cam1/sync/sync-cmd", kRefused},
        {kDevice, "iot-2/cmd/c/fmt/json", "acme/iot-2/type/lens/id/l1/cmd/c/fmt/json"},
        {kApplication, "iot-2/type/+/id/+/evt/+/fmt/+", "acme/iot-2/type/+/id/+/evt/+/fmt/+"},
        {kScalable, "iot-2/type/+/id/+/evt/e/fmt/bin", "$share/A:acme:CSS/acme/iot-2/type/+/id/+/evt/e/fmt/bin"},
        {kScalable, "$share/x/iot-2/type/+/id/+/evt/e/fmt/bin", kRefused},
        {kScalable, "#", kRefused},
        {kService, "$SharedSubscription/sync-service/iotintdev-1/type/+/id/+/sync/sync-cmd",
         "$share/sync-service/iotintdev-1/type/+/id/+/sync/sync-cmd"},
        {kService, "iotintdev-1/type/+/id/+/sync/sync-cmd", kRefused},
        {kConnector, "iot-2/type/t/id/d/cmd/c/fmt/bin", "acme/iot-2/type/t/id/d/cmd/c/fmt/bin"},
    };
    for (const Row& row : rows)
        EXPECT_EQ(subscribed_as(row.client, row.topic).value_or(kRefused), row.expected) << row.client.client_id << " " << row.topic;
}

TEST(WiotpRules, WhatArrivesHasTheTopicOfTheReceiversSide) {
    const Row rows[] = {
        {kGateway, "acme/iot-2/type/camera/id/cam1/cmd/c/fmt/bin", "iot-2/type/camera/id/cam1/cmd/c/fmt/bin"},
        {kGateway, "iotint-1/acme/type/camera/id/cam1/sync/sync-cmd", "iotint-1/acme/type/camera/id/cam1/sync/sync-cmd"},
        {kDevice, "acme/iot-2/type/lens/id/l1/cmd/c/fmt/json", "iot-2/cmd/c/fmt/json"},
        {kScalable, "acme/iot-2/type/camera/id/cam1/evt/e/fmt/bin", "iot-2/type/camera/id/cam1/evt/e/fmt/bin"},
        {kService, "iotintdev-1/type/camera/id/cam1/sync/sync-cmd", "iotintdev-1/type/camera/id/cam1/sync/sync-cmd"},
    };
    for (const Row& row : rows) EXPECT_EQ(delivered_as(row.client, row.topic), row.expected) << row.client.client_id << " " << row.topic;
}

TEST(WiotpRules, WhoIsLetIn) {
    WiotpAccounts accounts;
    accounts.tokens = {{"g:acme:camera:cam1", "token"}, {"d:acme:lens:l1", "device-token"}};
    accounts.keys = {{"a-acme-key", "key-token"}};
    accounts.services = {{"css", "css-password"}};
    WiotpAccounts connector;
    connector.connector_org = "acme";
    connector.connector_user = "edge";
    connector.connector_password = "edge-password";
    struct Account {
        const WiotpAccounts& accounts;
        const char* client_id;
        const char* user;
        const char* password;
        std::optional<Kind> expected;
    };
    const Account rows[] = {
        {accounts, "g:acme:camera:cam1", "use-token-auth", "token", Kind::Gateway},
        {accounts, "d:acme:lens:l1", "use-token-auth", "device-token", Kind::Device},
        {accounts, "g:acme:lens:l1", "use-token-auth", "device-token", std::nullopt},
        {accounts, "g:acme:camera:cam1", "use-token-auth", "device-token", std::nullopt},
        {accounts, "g:acme:camera:cam1", "someone", "token", std::nullopt},
        {accounts, "g:acme:camera:cam9", "use-token-auth", "", std::nullopt},
        {accounts, "cam1", "use-token-auth", "token", std::nullopt},
        {accounts, "a:acme:app", "a-acme-key", "key-token", Kind::Application},
        {accounts, "A:acme:CSS", "a-acme-key", "key-token", Kind::ScalableApplication},
        {accounts, "A:other:CSS", "a-acme-key", "key-token", std::nullopt},
        {accounts, "A:acme:CSS", "a-acme-key", "token", std::nullopt},
        {accounts, "anything", "css", "css-password", Kind::Service},
        {accounts, "anything", "css", "", std::nullopt},
        {connector, "a:sync-service", "edge", "edge-password", Kind::Connector},
        {connector, "a:sync-service", "edge", "x", std::nullopt},
        {connector, "g:acme:camera:cam1", "edge", "edge-password", std::nullopt},
    };
    for (const Account& row : rows) {
        const auto client = wiotp_client(row.accounts, row.client_id, row.user, row.password);
        const auto kind = client ? std::optional(client->kind) : std::nullopt;
        EXPECT_TRUE(kind == row.expected) << row.client_id << " " << row.user;
    }
}

}  // namespace
}  // namespace edgesync::system_test
