#include "plugins/store-postgres/connection_settings.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

#include "edgesync/sdk/error.h"
#include "tests/unit/temporary_folder.h"

namespace edgesync::postgres {
namespace {

class GivenSettings : public Settings {
public:
    GivenSettings(std::map<std::string, std::string> given, std::string root) : values_(std::move(given)), root_(std::move(root)) {
        for (const auto& one : declared_settings()) values_.emplace(one.key, one.default_value);
    }
    std::string text(std::string_view key) const override { return values_.at(std::string(key)); }
    bool boolean(std::string_view key) const override { return text(key) == "true"; }
    std::int64_t integer(std::string_view key) const override { return std::stoll(text(key)); }
    std::vector<std::string> list(std::string_view key) const override {
        std::vector<std::string> out;
        std::istringstream items(text(key));
        for (std::string item; std::getline(items, item, ',');) out.push_back(item);
        return out;
    }
    bool is_set(std::string_view) const override { return true; }
    NodeRole role() const override { return NodeRole::Css; }
    std::string persistence_root() const override { return root_ + "/"; }

private:
    std::map<std::string, std::string> values_;
    const std::string root_;
};

using Given = std::map<std::string, std::string>;

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
        {"a complete string", {{"PostgresConnection", "postgresql://u@h/d"}, {"PostgresUsername", "x"}}, "postgresql://u@h/d"},
    };
    for (const Case& one : cases) {
        const auto settings = connection_settings(GivenSettings(one.given, "/root-of-test"));
        EXPECT_NE(settings.connection.find(one.expected), std::string::npos) << one.name << ": " << settings.connection;
        EXPECT_EQ(settings.address.find("a\\b c"), std::string::npos) << "the address is shown, the password never";
    }
}

TEST(ConnectionSettings, RefuseWhatCannotBeMeant) {
    for (const Given& given : {Given{{"PostgresAddressCsv", ""}}, Given{{"PostgresAddressCsv", "a:0"}},
                               Given{{"PostgresAddressCsv", "a:x"}}, Given{{"PostgresSchema", ""}},
                               Given{{"PostgresPasswordFile", "/missing/file"}}, Given{{"PostgresPinnedCertFingerprints", "00"}}}) {
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
    EXPECT_NE(settings.connection.find("password='secret'"), std::string::npos);
    const std::string ca = folder.path().string() + "/sync/local/postgres-ca.pem";
    EXPECT_NE(settings.connection.find("sslrootcert='" + ca + "'"), std::string::npos) << settings.connection;
    EXPECT_NE(settings.connection.find("sslcert='" + folder.path().string() + "/client.pem'"), std::string::npos);
    std::string text;
    std::getline(std::ifstream(ca), text);
    EXPECT_EQ(text, "-----BEGIN CERTIFICATE-----");
    EXPECT_EQ(std::filesystem::status(ca).permissions() & std::filesystem::perms::others_read, std::filesystem::perms::none);
}

}  // namespace
}  // namespace edgesync::postgres
