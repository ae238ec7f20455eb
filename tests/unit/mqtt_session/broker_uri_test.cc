#include "plugins/mqtt-session/broker_uri.h"

#include <gtest/gtest.h>

#include "edgesync/sdk/error.h"

namespace edgesync::mqtt_session {
namespace {

struct Row {
    const char* uri;
    const char* text;  ///< As the library gets it.
    const char* host;
};

TEST(BrokerUri, SchemesPortsAndAddressesAreUnderstood) {
    const Row rows[] = {
        {"ssl://broker:8883", "ssl://broker:8883", "broker"},
        {"tcp://broker:1883", "tcp://broker:1883", "broker"},
        {"mqtts://broker", "ssl://broker:8883", "broker"},
        {"MQTT://Broker.example.com", "tcp://Broker.example.com:1883", "Broker.example.com"},
        {"tcp://10.0.0.1:65535", "tcp://10.0.0.1:65535", "10.0.0.1"},
        {"ssl://[2001:db8::1]:8883", "ssl://[2001:db8::1]:8883", "2001:db8::1"},
        {"ssl://[::1]", "ssl://[::1]:8883", "::1"},
        {"tcp://broker:1883/", "tcp://broker:1883", "broker"},
        {"ws://broker", "ws://broker:80", "broker"},
        {"wss://broker/mqtt", "wss://broker:443/mqtt", "broker"},
    };
    for (const Row& row : rows) {
        const BrokerUri uri = parse_broker_uri(row.uri);
        EXPECT_EQ(uri.text(uri.host), row.text) << row.uri;
        EXPECT_EQ(uri.host, row.host) << row.uri;
    }
    EXPECT_EQ(parse_broker_uri("ssl://broker:1").text("2001:db8::1"), "ssl://[2001:db8::1]:1");
}

TEST(BrokerUri, WhatIsNoneIsRefused) {
    for (const char* uri :
         {"", "broker", "broker:1883", "http://broker", "ssl://", "ssl://:8883", "ssl://broker:", "ssl://broker:0", "ssl://broker:65536",
          "ssl://broker:88x", "ssl://broker:8883/path", "ssl://[::1", "tcp://bro ker:1", "ws://broker?x", "ssl://a:1:2"}) {
        EXPECT_THROW(parse_broker_uri(uri), Error) << uri;
    }
}

TEST(BrokerUri, CredentialsAreRefusedAndNotRepeated) {
    try {
        parse_broker_uri("ssl://user:secret@broker:8883");
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(std::string(error.what()).find("secret"), std::string::npos);
    }
}

TEST(BrokerUri, IsMadeOfHostAndPort) {
    EXPECT_EQ(broker_uri(true, "broker", 8883), "ssl://broker:8883");
    EXPECT_EQ(broker_uri(false, "::1", 1883), "tcp://[::1]:1883");
    EXPECT_EQ(broker_uri(false, "[::1]", 1883), "tcp://[::1]:1883");
}

}  // namespace
}  // namespace edgesync::mqtt_session
