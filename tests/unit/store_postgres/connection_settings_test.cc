#include "plugins/store-postgres/connection_settings.h"

#include <gtest/gtest.h>

#include <fstream>

#include "edgesync/sdk/error.h"
#include "tests/unit/store_postgres/given_settings.h"
#include "tests/unit/temporary_folder.h"

namespace edgesync::postgres {
namespace {

struct Case {
    const char* name;
    Given given;
    const char* expected;  ///< Part of the connection string.
};

TEST(ConnectionSettings, TellTheLibraryWhatTheKeysSay) {
    const std::vector<Case> cases = {
        {"defaults", {}, "host='localhost' port='5432' dbname='d_edge' sslmode='prefer'"},
        {"several servers", {{"PostgresAddressCsv", "a:1, b ,[::1]:3,::1"}}, "host='a,b,::1,::1' port='1,5432,3,5432'"},
        {"a socket", {{"PostgresAddressCsv", "/run/postgresql:5433"}}, "host='/run/postgresql' port='5433'"},
        {"quotes", {{"PostgresUsername", "o'x"}, {"PostgresPassword", "a\\b c"}}, "user='o\\'x' password='a\\\\b c'"},
        {"tls", {{"PostgresUseSSL", "true"}}, "sslmode='verify-full'"},
        {"no check of certificates", {{"PostgresUseSSL", "true"}, {"PostgresAllowInvalidCertificates", "true"}}, "sslmode='require'"},
        {"a complete string", {{"PostgresConnection", "postgresql://u@h/d"}, {"PostgresUsername", "x"}}, "user='u' dbname='d' host='h'"},
    };
    for (const Case& one : cases) {
        const auto settings = connection_settings(GivenSettings(one.given, "/root-of-test"));
        EXPECT_NE(settings.server.text.find(one.expected), std::string::npos) << one.name << ": " << settings.server.text;
        EXPECT_EQ(settings.address.find("a\\b c"), std::string::npos) << "the address is shown, the password never";
    }
}

constexpr char kDefaults[] =
    "connect_timeout='10' keepalives_idle='30' keepalives_interval='10' keepalives_count='3' tcp_user_timeout='30000' "
    "target_session_attrs='read-write' fallback_application_name='edge-sync-service'";

TEST(ConnectionSettings, BoundTheWaitForAServerThatFellSilentHoweverItIsNamed) {
    for (const Given& given : {Given{}, Given{{"PostgresConnection", "postgresql://u:p%27w@h:1,g:2/d"}},
                               Given{{"PostgresConnection", "host=h dbname=d user=u"}}}) {
        const auto settings = connection_settings(GivenSettings(given, "/root-of-test"));
        EXPECT_NE(settings.server.text.find(kDefaults), std::string::npos) << settings.server.text;
    }
}

TEST(ConnectionSettings, LeaveWhatACompleteStringNamesAsItIs) {
    const Given given = {
        {"PostgresConnection",
         "postgresql://u:p%27w@h:1,g:2/d?connect_timeout=3&tcp_user_timeout=500&target_session_attrs=any&sslmode=disable"}};
    const std::string text = connection_settings(GivenSettings(given, "/root-of-test")).server.text;
    for (const char* part : {"password='p\\'w'", "host='h,g'", "port='1,2'", "connect_timeout='3'", "tcp_user_timeout='500'",
                             "target_session_attrs='any'", "sslmode='disable'", "keepalives_idle='30'"})
        EXPECT_NE(text.find(part), std::string::npos) << part << ": " << text;
    for (const char* part : {"connect_timeout='10'", "tcp_user_timeout='30000'", "read-write"})
        EXPECT_EQ(text.find(part), std::string::npos) << part << ": " << text;
}

TEST(ConnectionSettings, DoNotShowThePasswordOfAStringThatIsWrong) {
    for (const char* given : {"postgresql://u:secret@h/d?wrong=secret", "user=u password=secret secret", "secret"}) {
        try {
            connection_settings(GivenSettings({{"PostgresConnection", given}}, "/root-of-test"));
            ADD_FAILURE() << given;
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::InvalidRequest);
            EXPECT_EQ(std::string(error.what()).find("secret"), std::string::npos) << error.what();
        }
    }
}

constexpr char kFingerprint[] = "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF";

TEST(ConnectionSettings, BindThePasswordToAPinnedCertificate) {
    Given given = {{"PostgresUseSSL", "true"}, {"PostgresPinnedCertFingerprints", kFingerprint}};
    EXPECT_EQ(connection_settings(GivenSettings(given, "/root-of-test")).server.text.find("channel_binding"), std::string::npos);
    given["PostgresPassword"] = "secret";
    const auto settings = connection_settings(GivenSettings(given, "/root-of-test"));
    EXPECT_NE(settings.server.text.find("channel_binding='require'"), std::string::npos) << settings.server.text;
    EXPECT_FALSE(settings.server.pins.empty());
}

TEST(ConnectionSettings, RefuseWhatCannotBeMeant) {
    for (const Given& given :
         {Given{{"PostgresAddressCsv", ""}}, Given{{"PostgresAddressCsv", "a:0"}}, Given{{"PostgresAddressCsv", "a:x"}},
          Given{{"PostgresSchema", ""}}, Given{{"PostgresPasswordFile", "/missing/file"}}, Given{{"PostgresPinnedCertFingerprints", "00"}},
          Given{{"PostgresPinnedCertFingerprints", kFingerprint}}, Given{{"PostgresBlobPath", "relative"}}}) {
        EXPECT_THROW(connection_settings(GivenSettings(given, "/root-of-test")), Error) << given.begin()->first;
    }
}

TEST(ConnectionSettings, LeaveRoomForTheSecondConnectionOfATransaction) {
    EXPECT_EQ(connection_settings(GivenSettings({{"PostgresPoolSize", "1"}}, "/root-of-test")).pool_size, 2U);
    EXPECT_EQ(connection_settings(GivenSettings({{"PostgresPoolSize", "20"}}, "/root-of-test")).pool_size, 20U);
}

TEST(ConnectionSettings, ReadThePasswordAndKeepCertificatesGivenAsText) {
    const TemporaryFolder folder;
    std::ofstream(folder.path() / "password") << "secret\r\nmore";
    const Given given = {{"PostgresPasswordFile", (folder.path() / "password").string()},
                         {"PostgresUseSSL", "true"},
                         {"PostgresCACertificate", "-----BEGIN CERTIFICATE-----"},
                         {"PostgresSSLCert", "client.pem"}};
    const auto settings = connection_settings(GivenSettings(given, folder.path().string()));
    EXPECT_NE(settings.server.text.find("password='secret'"), std::string::npos);
    const std::string ca = folder.path().string() + "/sync/local/postgres-ca.pem";
    EXPECT_NE(settings.server.text.find("sslrootcert='" + ca + "'"), std::string::npos) << settings.server.text;
    EXPECT_NE(settings.server.text.find("sslcert='" + folder.path().string() + "/client.pem'"), std::string::npos);
    EXPECT_FALSE(std::filesystem::exists(folder.path() / "sync")) << "to read settings touches nothing";
    keep_pem_texts(settings);
    std::string text;
    std::getline(std::ifstream(ca), text);
    EXPECT_EQ(text, "-----BEGIN CERTIFICATE-----");
    EXPECT_EQ(std::filesystem::status(ca).permissions() & std::filesystem::perms::others_read, std::filesystem::perms::none);
}

}  // namespace
}  // namespace edgesync::postgres
