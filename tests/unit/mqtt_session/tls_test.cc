// Whom a session believes to be its broker, with the distribution's broker.
#include <gtest/gtest.h>

#include <fstream>

#include "edgesync/sdk/error.h"
#include "tests/system/certificate.h"
#include "tests/system/mosquitto.h"
#include "tests/unit/mqtt_session/recording_listener.h"

namespace edgesync::mqtt_session {
namespace {

using Outcome = FirstAttempt::Outcome;
using system_test::Mosquitto;
using system_test::MosquittoOptions;

MosquittoOptions tls_options() {
    MosquittoOptions out;
    out.has_tls = true;
    return out;
}

class TlsSessions : public testing::Test {
protected:
    void SetUp() override {
        if (!Mosquitto::is_installed()) GTEST_SKIP() << "mosquitto is not installed (scripts/install-deps)";
        broker_.start();
    }

    SessionOptions options(const std::string& host = "localhost") const {
        auto out = quick_options("ssl://" + host + ":" + std::to_string(broker_.port()));
        out.user = "user-of-the-session";
        out.tls.ca = broker_.file("authority.pem");
        return out;
    }
    PinnedCertificates pinned(const system_test::Certificate& certificate) const {
        return {{system_test::fingerprint(certificate)}, "MQTTPinnedCertFingerprints"};
    }
    /// That the broker never saw the credentials, and why.
    void expect_refused(const SessionOptions& given, const std::string& reason) const {
        TestSession one(given);
        const FirstAttempt attempt = one.attempt();
        EXPECT_EQ(attempt.outcome, Outcome::Unreachable);
        EXPECT_NE(attempt.reason.find(reason), std::string::npos) << attempt.reason;
        EXPECT_EQ(broker_.log().find("user-of-the-session"), std::string::npos);
    }
    void expect_works(const SessionOptions& given) const {
        TestSession one(given, {"t"});
        const FirstAttempt attempt = one.attempt();
        ASSERT_EQ(attempt.outcome, Outcome::Connected) << attempt.reason;
        ASSERT_TRUE(one.listener.waits_for_connects(1));
        one.session.publish("t", "over TLS");
        EXPECT_TRUE(one.listener.waits_for(1));
    }

    Mosquitto broker_{tls_options()};
};

TEST_F(TlsSessions, ABrokerOfTheAuthorityIsTrustedByNameAndByAddress) {
    expect_works(options());
    expect_works(options("127.0.0.1"));
}

TEST_F(TlsSessions, TheAuthorityMayBeText) {
    auto given = options();
    given.tls.ca = broker_.certificates().authority.certificate;
    expect_works(given);
}

TEST_F(TlsSessions, TheBrokersOwnCertificateMayBeTheAuthority) {
    auto given = options();
    given.tls.ca = broker_.certificates().server.certificate;
    expect_works(given);
}

TEST_F(TlsSessions, ABrokerOfAnotherAuthorityIsRefused) {
    auto given = options();
    given.tls.ca = broker_.file("other_authority.pem");
    expect_refused(given, "the broker's certificate is refused: self-signed certificate in certificate chain");
}

TEST_F(TlsSessions, WithoutAnAuthorityTheSystemDecides) {
    auto given = options();
    given.tls.ca = "";
    expect_refused(given, "the broker's certificate is refused: self-signed certificate in certificate chain");
    given.tls.ca = broker_.file("absent.pem");
    given.tls.ca_is_optional = true;
    expect_refused(given, "the broker's certificate is refused: self-signed certificate in certificate chain");
}

TEST_F(TlsSessions, APinnedCertificateMustBeInTheChain) {
    auto given = options();
    given.tls.pinned = pinned(broker_.certificates().server);
    expect_works(given);
    given.tls.pinned = pinned(broker_.certificates().authority);
    expect_works(given);
    given.tls.pinned = pinned(broker_.certificates().client);
    expect_refused(given, PinnedCertificates::kMismatch);
}

TEST_F(TlsSessions, APinDoesNotReplaceTheVerification) {
    auto given = options();
    given.tls.ca = broker_.file("other_authority.pem");
    given.tls.pinned = pinned(broker_.certificates().server);
    expect_refused(given, "the broker's certificate is refused: self-signed certificate in certificate chain");
}

TEST_F(TlsSessions, WithoutVerificationAnyBrokerWillDoAndTheLogSaysSo) {
    auto given = options();
    given.tls.ca = broker_.file("other_authority.pem");
    given.tls.allow_invalid = true;
    expect_works(given);
    TestSession one(given);
    one.connect();
    EXPECT_EQ(one.log.count_of("was not checked"), 1u);
}

TEST_F(TlsSessions, WithoutVerificationThePinDecidesForTheBrokersOwnCertificate) {
    auto given = options();
    given.tls.ca = broker_.file("other_authority.pem");
    given.tls.allow_invalid = true;
    given.tls.pinned = pinned(broker_.certificates().server);
    expect_works(given);
    given.tls.pinned = pinned(broker_.certificates().authority);
    expect_refused(given, PinnedCertificates::kMismatch);
}

TEST_F(TlsSessions, APrivateAddressIsNotSpokenTo) {
    auto given = options();
    given.allows_private = false;
    expect_refused(given, "AllowPrivateIPs");
}

TEST_F(TlsSessions, ItWorksWithVersion5AndAfterARestartOfTheBroker) {
    auto given = options();
    given.may_use_v5 = true;
    TestSession one(given, {"t"});
    one.connect();
    broker_.kill_hard();
    broker_.start();
    ASSERT_TRUE(one.listener.waits_for_connects(2));
    one.session.publish("t", "again");
    EXPECT_TRUE(one.listener.waits_for(1));
}

TEST_F(TlsSessions, LargeMessagesGoThroughWhole) {
    TestSession one(options(), {"t"});
    one.connect();
    const std::string octets(5'242'880, 'x');
    for (int i = 0; i < 5; ++i) one.session.publish("t", "head" + octets);
    ASSERT_TRUE(one.listener.waits_for(5));
    for (const auto& message : one.listener.messages()) EXPECT_EQ(message.second.size(), octets.size() + 4);
}

TEST_F(TlsSessions, APlainBrokerIsNoTlsBroker) {
    Mosquitto plain;
    plain.start();
    auto given = quick_options("ssl://localhost:" + std::to_string(plain.port()));
    TestSession one(given);
    EXPECT_EQ(one.attempt().outcome, Outcome::Unreachable);
}

TEST_F(TlsSessions, UnusableFilesRefuseTheStart) {
    const std::string garbage = "-----BEGIN CERTIFICATE-----\nbm8gY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n";
    const auto with = [&](auto&& change) {
        auto out = options();
        out.tls.certificate = broker_.file("client.pem");
        out.tls.key = broker_.file("client-key.pem");
        change(out);
        return out;
    };
    const SessionOptions rows[] = {
        with([&](auto& one) { one.tls.ca = broker_.file("absent.pem"); }),
        with([&](auto& one) { one.tls.ca = broker_.file("client-key.pem"); }),
        with([&](auto& one) { one.tls.ca = garbage; }),
        with([&](auto& one) { one.tls.ca = broker_.certificates().authority.certificate + garbage; }),
        with([&](auto& one) { one.tls.certificate = broker_.file("absent.pem"); }),
        with([&](auto& one) { one.tls.key = broker_.file("server-key.pem"); }),
        with([&](auto& one) { one.tls.key = broker_.file("client.pem"); }),
        with([&](auto& one) { one.uris = {"http://localhost"}; }),
        with([&](auto& one) { one.uris = {}; }),
    };
    for (const auto& given : rows) {
        RecordingListener listener;
        Lines log;
        try {
            const Session session(given, listener, log);
            ADD_FAILURE() << &given - rows;
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::InvalidRequest);
        }
    }
}

TEST(TlsSessionsElsewhere, ACertificateForAnotherHostIsRefused) {
    if (!Mosquitto::is_installed()) GTEST_SKIP();
    auto elsewhere = tls_options();
    elsewhere.server_names = "DNS:broker.example.com,DNS:*.example.org,IP:192.0.2.1";
    Mosquitto broker(elsewhere);
    broker.start();
    for (const std::string host : {"localhost", "127.0.0.1"}) {
        auto given = quick_options("ssl://" + host + ":" + std::to_string(broker.port()));
        given.tls.ca = broker.file("authority.pem");
        TestSession one(given);
        const FirstAttempt attempt = one.attempt();
        EXPECT_EQ(attempt.outcome, Outcome::Unreachable);
        EXPECT_NE(attempt.reason.find("mismatch"), std::string::npos) << attempt.reason;
    }
}

TEST(TlsSessionsElsewhere, AClientCertificateIsShownWhenTheBrokerWantsOne) {
    if (!Mosquitto::is_installed()) GTEST_SKIP();
    auto strict = tls_options();
    strict.requires_client_certificate = true;
    strict.lines = {"use_identity_as_username true"};
    Mosquitto broker(strict);
    broker.start();
    auto given = quick_options(broker.uri());
    given.tls.ca = broker.file("authority.pem");
    EXPECT_EQ(TestSession(given).attempt().outcome, Outcome::Unreachable);
    given.tls.certificate = broker.file("client.pem");
    given.tls.key = broker.certificates().client.key;
    TestSession one(given);
    const FirstAttempt attempt = one.attempt();
    EXPECT_EQ(attempt.outcome, Outcome::Connected) << attempt.reason;
}

}  // namespace
}  // namespace edgesync::mqtt_session
