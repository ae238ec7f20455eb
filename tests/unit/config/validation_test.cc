#include "kernel/config/validation.h"

#include <gmock/gmock.h>

#include "kernel/config/path_rule.h"
#include "kernel/config/plugin_names.h"
#include "tests/unit/config/given.h"

namespace edgesync::config {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

struct Row {
    const char* name;
    std::string lines;
    std::string text;  ///< Of the first problem.
};

std::string row_name(const testing::TestParamInfo<Row>& tested) { return tested.param.name; }

class Checks : public testing::TestWithParam<Row> {};

TEST_P(Checks, NameTheProblemInTheEstablishedWords) {
    const auto configuration = validated(GetParam().lines);
    ASSERT_FALSE(configuration.problems().empty());
    EXPECT_THAT(configuration.problems()[0].text, testing::StartsWith(GetParam().text));
    EXPECT_EQ(configuration.exit_code(), 98);
}

std::string css(const std::string& more) { return "NodeType CSS\nStorageProvider lmdb\n" + more; }
std::string http_css(const std::string& more) { return kGoodCss + more; }
std::string ess(const std::string& more) { return kGoodEss + more; }
std::string mqtt_ess(const std::string& more) {
    return "NodeType ESS\nOrgID acme\nDestinationType camera\nDestinationID cam7\nCommunicationProtocol mqtt\n" + more;
}

INSTANTIATE_TEST_SUITE_P(
    Node, Checks,
    testing::Values(
        Row{"NodeType", "NodeType XSS\n", "The node type specified in the configuration file (XSS) is incorrect. It must be CSS or ESS."},
        Row{"NoType", "NodeType ESS\nOrgID a\nDestinationID b\nCommunicationProtocol http\nHTTPCSSHost h\nHTTPCSSPort 1\n",
            "Please specify the destination type in the configuration file"},
        Row{"BadType", "NodeType ESS\nOrgID a\nDestinationType a/b\nDestinationID b\n", "Destination type contains invalid characters"},
        Row{"NoId", "NodeType ESS\nOrgID a\nDestinationType t\n", "Please specify the destination id in the configuration file"},
        Row{"BadId", "NodeType ESS\nOrgID a\nDestinationType t\nDestinationID a:b\n", "Destination ID contains invalid characters"},
        Row{"NoOrg", "NodeType ESS\nDestinationType t\nDestinationID b\n", "Please specify the organization id in the configuration file"},
        Row{"BadOrg", "NodeType ESS\nOrgID a%b\nDestinationType t\nDestinationID b\n", "Organization ID contains invalid characters"},
        Row{"ListeningType", http_css("ListeningType open\n"), "ListeningType must be both, secure, unsecure, unix, or secure-unix"},
        Row{"UnsecurePort", http_css("UnsecureListeningPort 0\n"),
            "Have requested unsecure API serving, but the UnsecureListeningPort is zero."},
        Row{"SecurePort", ess("SecureListeningPort 0\n"), "Have requested secure API serving, but the SecureListeningPort is zero."},
        Row{"Probes", http_css("AnonymousProbesFrom everywhere\n"), "AnonymousProbesFrom must be local or any"},
        Row{"Certificate", http_css("ListeningType secure\nServerKey k.pem\n"),
            "Have requested secure API serving, but no server certificate has been specified."},
        Row{"Key", http_css("ListeningType both\nServerCertificate c.pem\n"),
            "Have requested secure API serving, but no server private key has been specified."},
        Row{"UnixOnCss", http_css("ListeningType unix\nListeningAddress s\n"), "Only an ESS can listen via Unix Sockets"},
        Row{"UnixAddress", ess("ListeningType secure-unix\n"),
            "When Listening via Unix Sockets, you must specify the Socket file using the ListeningAddress property"},
        Row{"SocketMode", ess("ListeningType unix\nListeningAddress s\nUnixSocketFilePermissions 0688\n"),
            "UnixSocketFilePermissions must be a valid octal number (e.g., 0660)."},
        Row{"SocketPath", ess("ListeningType unix\nListeningAddress ../s\n"), "Invalid ListeningAddress (Unix socket) path: "},
        Row{"SamePorts", http_css("ListeningType both\nServerCertificate c.pem\nServerKey k.pem\nSecureListeningPort 8080\n"),
            "SecureListeningPort and UnsecureListeningPort are both 8080"},
        Row{"NoLogDestination", http_css("LogTraceDestination paper\n"), "LogTraceDestination names no destination that exists"}),
    row_name);

INSTANTIATE_TEST_SUITE_P(
    Communication, Checks,
    testing::Values(
        Row{"NoProtocol", css("CommunicationProtocol\n"), "Invalid communication protocol, please choose either HTTP or MQTT or WIoTP"},
        Row{"NoPluginName", css("CommunicationProtocol a/b\n"),
            "Invalid communication protocol, please choose either HTTP or MQTT or WIoTP"},
        Row{"TwoOnEss", ess("").replace(ess("").find("Protocol http"), 13, "Protocol http,mqtt"),
            "Invalid communication protocol, please choose one of HTTP, MQTT or WIoTP"},
        Row{"MqttAndWiotp", css("CommunicationProtocol mqtt,wiotp\n"),
            "Invalid communication protocol, please choose either MQTT or WIoTP"},
        Row{"MqttOnWiotp", css("CommunicationProtocol mqtt\nCSSOnWIoTP true\nBrokerAddress [{}]\n"),
            "CSS on Watson IoTP should use wiotp protocol"},
        Row{"MqttUser", mqtt_ess("MQTTPassword p\n"), "Please specify the user name for MQTT communication in the configuration file"},
        Row{"BrokerList", css("CommunicationProtocol wiotp\nCSSOnWIoTP true\nBrokerAddress h\n"),
            "Please specify the broker addresses for messaging groups"},
        Row{"OneBrokerCss", css("CommunicationProtocol mqtt\nBrokerAddress [{}]\n"),
            "Please provide one broker address for CSS outside WIoTP"},
        Row{"OneBrokerEss", mqtt_ess("BrokerAddress [{}]\n"), "Please provide one broker address"},
        Row{"WiotpPassword", "NodeType ESS\nOrgID a\nDestinationType t\nDestinationID b\nCommunicationProtocol wiotp\n",
            "Please provide password for MQTT connection"},
        Row{"NoHost", "NodeType ESS\nOrgID a\nDestinationType t\nDestinationID b\nCommunicationProtocol HTTP\nHTTPCSSPort 1\n",
            "Please specify the host and port of CSS for HTTP communication in the configuration file"},
        Row{"ParallelMode", http_css("MQTTParallelMode huge\n"),
            "Invalid MQTTParallelMode, please specify any off: 'none', 'small', 'medium', 'large', or leave as empty string"}),
    row_name);

INSTANTIATE_TEST_SUITE_P(
    Storage, Checks,
    testing::Values(
        Row{"CssProvider", "CommunicationProtocol http\nStorageProvider a/b\n",
            "Invalid StorageProvider, for CSS please specify any of: 'postgres', 'lmdb', or leave as empty string"},
        Row{"EssProvider", ess("StorageProvider postgres\n"),
            "Invalid StorageProvider, for ESS please specify any of: 'inmemory', 'lmdb', or leave as empty string"},
        Row{"Mongo", "CommunicationProtocol http\nStorageProvider Mongo\n", "StorageProvider 'mongo' is not supported, use 'postgres'"},
        Row{"MongoSettings", "CommunicationProtocol http\nMongoUsername me\n", "Mongo settings found but PostgreSQL is not configured"},
        Row{"ObjectsDataPath", ess("StorageProvider inmemory\nObjectsDataPath /d\n"),
            "Invalid ObjectsDataPath, it can only be set when StorageProvider is 'lmdb'"},
        Row{"PostgresInvalidCertificates", "CommunicationProtocol http\nPostgresAllowInvalidCertificates 1\n",
            "PostgresAllowInvalidCertificates is not allowed on a CSS"},
        Row{"CertificatePath", http_css("ServerCertificate /c.txt\n"), "Invalid ServerCertificate path: "},
        Row{"CaPath", std::string(kGoodEss) + "HTTPCSSCACertificate ../../ca.pem\n", "Invalid HTTPCSSCACertificate path: "},
        Row{"OrgKeyPath", http_css("OrgSecretKeyFile ../../org.key\n"), "Invalid OrgSecretKeyFile path: "},
        Row{"KeyPath", http_css("ServerKey /k.crt\n"), "Invalid ServerKey path: "},
        Row{"MqttCa", mqtt_ess("MQTTCACertificate /c.txt\n"), "Invalid MQTTCACertificate path: "},
        Row{"MqttCert", mqtt_ess("MQTTSSLCert ../c.pem\n"), "Invalid MQTTSSLCert path: "},
        Row{"MqttKey", mqtt_ess("MQTTSSLKey k\n"), "Invalid MQTTSSLKey path: "},
        Row{"PostgresCa", "CommunicationProtocol http\nPostgresCACertificate /c.doc\n", "Invalid PostgresCACertificate path: "},
        Row{"LmdbSizes", http_css("LmdbMapSizeMB 10\nLmdbMaxMapSizeMB 5\n"), "LmdbMapSizeMB is larger than LmdbMaxMapSizeMB"},
        Row{"LmdbSync", http_css("LmdbSync often\n"), "LmdbSync must be full, meta or none"},
        Row{"Leadership", http_css("LeadershipTimeout 5\n"), "LeadershipTimeout 5 is out of range 6..2147483647"},
        Row{"ChunkSize", http_css("MaxDataChunkSize 1023\n"), "MaxDataChunkSize 1023 is out of range 1024..268435456"},
        Row{"MaxWait", http_css("HTTPMaxWait 301\n"), "HTTPMaxWait 301 is out of range 1..300"}),
    row_name);

TEST(Validation, ListsAllProblemsInOneGo) {
    const auto configuration = validated("NodeType ESS\nListeningType unix\nCommunicationProtocol http\nStorageProvider mongo\n");
    EXPECT_EQ(configuration.problems().size(), 6u);
    for (const auto& problem : configuration.problems()) EXPECT_FALSE(problem.advice.empty()) << problem.text;
}

TEST(Validation, AnUnknownAuthenticationHandlerEndsWithTheLoadCode) {
    const auto configuration = validated(http_css("AuthenticationHandler ldap\n"));
    EXPECT_EQ(configuration.exit_code(), 99);
    EXPECT_EQ(validated(http_css("AuthenticationHandler Preset\n")).text("AuthenticationHandler"), "preset");
}

TEST(Validation, AcceptsAMinimalCssAndEss) {
    EXPECT_THAT(problem_texts(validated(kGoodCss)), IsEmpty());
    EXPECT_THAT(problem_texts(validated(kGoodEss)), IsEmpty());
    EXPECT_THAT(problem_texts(validated("NodeType css\n")), IsEmpty());
}

TEST(Validation, ACssIsAlwaysCloud) {
    const auto configuration = validated(std::string(kGoodCss) + "DestinationType x\n");
    EXPECT_EQ(configuration.text("DestinationType"), "Cloud");
    EXPECT_EQ(configuration.text("DestinationID"), "Cloud");
    EXPECT_THAT(configuration.changes(), ElementsAre("DestinationType: 'x' became 'Cloud': a CSS is always Cloud"));
    EXPECT_FALSE(configuration.is_single_org());
    EXPECT_TRUE(validated(std::string(kGoodCss) + "OrgID acme\n").is_single_org());
}

TEST(Validation, ListeningTypeDependsOnTheRole) {
    EXPECT_EQ(validated(kGoodCss).text("ListeningType"), "unsecure");
    EXPECT_EQ(validated(kGoodEss).text("ListeningType"), "secure");
}

TEST(Validation, DerivesTheUrlOfTheCss) {
    EXPECT_EQ(validated(kGoodEss).text("HTTPCSSURL"), "http://css.example.com:443");
    EXPECT_EQ(validated(std::string(kGoodEss) + "HTTPCSSUseSSL true\n").text("HTTPCSSURL"), "https://css.example.com:443");
}

TEST(Validation, MakesThePersistenceRootAbsolute) {
    EXPECT_EQ(validated(std::string(kGoodCss) + "PersistenceRootPath ./p\n").persistence_root(), "/here/p/");
    EXPECT_EQ(validated(std::string(kGoodCss) + "PersistenceRootPath ../p/\n").persistence_root(), "/p/");
    EXPECT_EQ(validated(std::string(kGoodCss) + "PersistenceRootPath p\n").persistence_root(), "/here/p/");
    EXPECT_EQ(validated(kGoodCss).persistence_root(), "/var/edge-sync-service/persist/");
}

TEST(Validation, MakesTheFoldersOfDataAbsolute) {
    const auto values = validated(std::string(kGoodEss) + "StorageProvider lmdb\nObjectsDataPath o\nDataURIRoots d,/e/../f\n");
    EXPECT_EQ(values.text("ObjectsDataPath"), "/here/o/");
    EXPECT_THAT(values.list("DataURIRoots"), ::testing::ElementsAre("/here/d", "/f"));
}

TEST(Validation, GivesExtensionsOfDataFilesTheirDot) {
    const auto values = validated(std::string(kGoodEss) + "AllowedDataFileExtensions bin,.json\n");
    EXPECT_THAT(values.list("AllowedDataFileExtensions"), ::testing::ElementsAre(".bin", ".json"));
    EXPECT_TRUE(validated(kGoodEss).list("AllowedDataFileExtensions").empty());
}

TEST(Validation, BoundsAndDefaultsThatDependOnTheRole) {
    const auto css_values = validated(std::string(kGoodCss) + "MaxInflightChunks 100\nVerifyQueueBufferSize 0\n");
    EXPECT_EQ(css_values.integer("MaxInflightChunks"), 64);
    EXPECT_EQ(css_values.integer("VerifyQueueBufferSize"), 500);
    EXPECT_EQ(css_values.integer("LmdbMapSizeMB"), 8192);
    const auto ess_values = validated(std::string(kGoodEss) + "MaxInflightChunks 100\n");
    EXPECT_EQ(ess_values.integer("MaxInflightChunks"), 100);
    EXPECT_EQ(ess_values.integer("LmdbMapSizeMB"), 1024);
    EXPECT_EQ(validated(std::string(kGoodEss) + "MaxInflightChunks -3\n").integer("MaxInflightChunks"), 1);
}

struct UnusedKey {
    const char* key;
    const char* environment;
    const char* reason;
};

class KeysWithoutEffect : public testing::TestWithParam<UnusedKey> {};

TEST_P(KeysWithoutEffect, AreNamedOnceWithTheReasonWhenTheyAreSet) {
    const auto& [key, environment, reason] = GetParam();
    const auto line = std::string(key) + " has no effect: ";
    for (const std::string good : {kGoodCss, kGoodEss}) {
        EXPECT_THAT(validated(good).changes(), Not(Contains(HasSubstr(line)))) << "not set";
        for (const auto& configuration : {validated(good + key + " 7\n"), validated(good, {{environment, "7"}}),
                                          validated(good + key + " 7\n", {{environment, "8"}})}) {
            EXPECT_THAT(configuration.changes(), Contains(testing::AllOf(testing::StartsWith(line), HasSubstr(reason))).Times(1));
            EXPECT_THAT(configuration.warnings(), IsEmpty()) << "files of the Go service set it";
            EXPECT_THAT(problem_texts(configuration), IsEmpty());
        }
    }
    EXPECT_EQ(validated(std::string(kGoodCss) + key + " x\n").exit_code(), 99) << "it is still checked";
}

INSTANTIATE_TEST_SUITE_P(All, KeysWithoutEffect,
                         testing::Values(UnusedKey{"ESSSPIMaxRetry", "ESSSPIMaxRetry", "sent again"},
                                         UnusedKey{"ObjectQueueBufferSize", "OBJECT_QUEUE_BUFFER_SIZE", "kept in the store"},
                                         UnusedKey{"LogTraceMaintenanceInterval", "LOG_TRACE_MAINTENANCE_INTERVAL", "every line"},
                                         UnusedKey{"HTTPCSSObjDownloadConcurrencyMultiplier", "HTTPCSSObjDownloadConcurrencyMultiplier",
                                                   "MaxConnections"},
                                         UnusedKey{"MessagingGroupCacheExpiration", "MESSAGING_GROUP_CACHE_EXPIRATION", "not cached"},
                                         UnusedKey{"MQTTBrokerConnectTimeout", "MQTT_BROKER_CONNECT_TIMEOUT", "starts without its broker"}),
                         [](const auto& tested) { return std::string(tested.param.key); });

TEST(Validation, MqttDerivesWhatItNeeds) {
    const auto configuration = validated(mqtt_ess("EnableDataChunk false\n"));
    EXPECT_TRUE(configuration.boolean("EnableDataChunk"));
    EXPECT_EQ(configuration.integer("BrokerPort"), 1883);
    EXPECT_EQ(configuration.text("BrokerAddress"), "localhost");
    EXPECT_EQ(configuration.text("MQTTClientID"), "ESS-42");
    const auto wiotp =
        validated("NodeType ESS\nOrgID a\nDestinationType t\nDestinationID b\nCommunicationProtocol wiotp\nMQTTPassword p\n");
    EXPECT_EQ(wiotp.text("MQTTClientID"), "g:a:t:b");
    EXPECT_EQ(wiotp.text("MQTTUserName"), "use-token-auth");
    EXPECT_EQ(wiotp.integer("BrokerPort"), 8883);
}

TEST(Validation, FormerDatabaseKeysAreIgnoredWithoutShowingTheirValues) {
    const auto configuration =
        validated("CommunicationProtocol http\nPostgresAddressCsv db:1\nMongoPassword s3cret\n", {{"MONGO_AUTH_MECHANISM", "x"}});
    EXPECT_THAT(configuration.warnings(), testing::UnorderedElementsAre("MongoPassword is ignored; use PostgresPassword",
                                                                        "MongoAuthMechanism is ignored; it has no counterpart"));
    EXPECT_EQ(configuration.exit_code(), 0);
}

TEST(Validation, FormerDatabaseKeysWithTheirDefaultsDoNotStopTheStart) {
    EXPECT_THAT(problem_texts(validated("CommunicationProtocol http\nMongoDbName d_edge\n")), IsEmpty());
}

TEST(Validation, SecretsDoNotAppearInMessages) {
    const auto configuration = validated(http_css("ServerKey /private.txt\nMQTTPassword 1 2\n"));
    for (const auto& problem : configuration.problems()) EXPECT_THAT(problem.line(), Not(HasSubstr("/private")));
    for (const auto& warning : configuration.warnings()) EXPECT_THAT(warning, Not(HasSubstr("12")));
}

TEST(Validation, AnUnknownLogLevelBecomesInfo) {
    const auto configuration = validated(std::string(kGoodCss) + "LogLevel loud\n");
    EXPECT_EQ(configuration.text("LogLevel"), "INFO");
    EXPECT_THAT(configuration.changes(), ElementsAre(HasSubstr("LogLevel: 'loud' became 'INFO'")));
}

TEST(StoreChoice, FollowsTheTable) {
    const auto choose = [](const char* name, NodeRole role) { return choose_store(name, role).plugin.value_or("-"); };
    EXPECT_EQ(choose("", NodeRole::Css), "postgres");
    EXPECT_EQ(choose("", NodeRole::Ess), "lmdb");
    EXPECT_EQ(choose("PostgreSQL", NodeRole::Css), "postgres");
    EXPECT_EQ(choose("postgres", NodeRole::Ess), "-");
    EXPECT_EQ(choose("bolt", NodeRole::Css), "lmdb");
    EXPECT_EQ(choose("InMemory", NodeRole::Ess), "memory");
    EXPECT_EQ(choose("memory", NodeRole::Css), "memory");
    EXPECT_EQ(choose("mongo", NodeRole::Ess), "-");
    EXPECT_EQ(choose("SQLite", NodeRole::Ess), "sqlite");
    EXPECT_FALSE(choose_store("bolt", NodeRole::Ess).warning.empty());
    EXPECT_FALSE(choose_store("memory", NodeRole::Css).warning.empty());
    EXPECT_TRUE(choose_store("memory", NodeRole::Ess).warning.empty());
}

TEST(TransportChoice, FollowsTheTable) {
    EXPECT_THAT(choose_transports({"HTTP", "nats", "http"}, NodeRole::Css).plugins, ElementsAre("http", "nats"));
    EXPECT_THAT(choose_transports({"http", "mqtt"}, NodeRole::Css).problem, IsEmpty());
    EXPECT_THAT(choose_transports({"nats"}, NodeRole::Ess).problem, IsEmpty());
    EXPECT_THAT(validated("CommunicationProtocol\n", {{"COMMUNICATION_PROTOCOL", "http, mqtt"}}).transport_plugins(),
                ElementsAre("http", "mqtt"));
}

TEST(Names, AreLettersDigitsAndSomePunctuation) {
    for (const auto* good : {"a", "Cam-7", "x|!@#$^*-_.~", "\xC3\xA4"}) EXPECT_TRUE(is_plain_name(good)) << good;
    for (const auto* bad : {"", "a b", "a/b", "a:b", "a%b", "a+b", "\xC3", "\xFFx", "a\n"}) EXPECT_FALSE(is_plain_name(bad)) << bad;
    EXPECT_FALSE(is_plain_name(std::string(1025, 'a')));
}

TEST(PathRule, RelativePathsStayBelowTheBaseEvenThroughLinks) {
    PrivateFolder folder;
    const auto base = folder.path() / "root";
    std::filesystem::create_directory(base);
    std::filesystem::create_directory_symlink("/usr", base / "out");
    std::filesystem::create_directory_symlink(base, folder.path() / "alias");
    EXPECT_FALSE(path_problem("certs/c.pem", base, {".pem"}));
    EXPECT_FALSE(path_problem("certs/c.pem", folder.path() / "alias/", {".pem"}));
    EXPECT_FALSE(path_problem("C.PEM", base, {".pem"}));
    EXPECT_TRUE(path_problem("../c.pem", base, {}));
    EXPECT_TRUE(path_problem("out/c.pem", base, {}));
    EXPECT_TRUE(path_problem(std::string("a\0b", 3), base, {}));
    EXPECT_FALSE(path_problem("/anywhere/c.pem", base, {".pem"}));
}

}  // namespace
}  // namespace edgesync::config
