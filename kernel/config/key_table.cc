#include "kernel/config/key_table.h"

#include <array>

namespace edgesync::config {
namespace {

using Type = SettingDeclaration::Type;
using Keys = std::vector<SettingDeclaration>;

constexpr std::int64_t kPortMaximum = 65535;
constexpr std::int64_t kInt32Maximum = INT32_MAX;
constexpr std::int64_t kMiB = 1024 * 1024;

SettingDeclaration text(const char* key, const char* environment, const char* default_value, const char* help) {
    return {key, environment, Type::Text, default_value, help};
}

SettingDeclaration secret(const char* key, const char* environment, const char* default_value, const char* help) {
    return {key, environment, Type::Text, default_value, help, true};
}

SettingDeclaration flag(const char* key, const char* environment, bool default_value, const char* help) {
    return {key, environment, Type::Bool, default_value ? "true" : "false", help};
}

SettingDeclaration number(const char* key, const char* environment, std::int64_t default_value, std::int64_t minimum, std::int64_t maximum,
                          const char* help) {
    return {key, environment, Type::Integer, std::to_string(default_value), help, false, minimum, maximum};
}

SettingDeclaration list(const char* key, const char* environment, const char* default_value, const char* help) {
    return {key, environment, Type::List, default_value, help};
}

void add(Keys& keys, std::initializer_list<SettingDeclaration> more) { keys.insert(keys.end(), more); }

void add_node_keys(Keys& keys) {
    add(keys,
        {
            text("NodeType", "NODE_TYPE", "CSS", "Role of this node: CSS (cloud) or ESS (edge)."),
            text("DestinationType", "DESTINATION_TYPE", "", "ESS: type of this node; a CSS is always Cloud."),
            text("DestinationID", "DESTINATION_ID", "", "ESS: name of this node, unique with its type in the organization."),
            text("OrgID", "ORG_ID", "", "ESS: its organization. CSS: serve only this organization."),
            text("ListeningType", "LISTENING_TYPE", "",
                 "unsecure, secure, both; on an ESS also unix, secure-unix. Default: ESS secure, CSS unsecure."),
            text("ListeningAddress", "LISTENING_ADDRESS", "", "Address to listen on (empty: all), or the Unix socket's file."),
            text("UnixSocketFilePermissions", "UNIX_SOCKET_FILE_PERMISSIONS", "0660", "Mode of the Unix socket, octal."),
            number("SecureListeningPort", "SECURE_LISTENING_PORT", 8443, 0, kPortMaximum, "HTTPS port."),
            number("UnsecureListeningPort", "UNSECURE_LISTENING_PORT", 8080, 0, kPortMaximum, "HTTP port."),
            secret("ServerCertificate", "SERVER_CERTIFICATE", "",
                   "Server certificate: file below PersistenceRootPath, absolute file, or PEM text."),
            secret("ServerKey", "SERVER_KEY", "", "Private key of the server certificate: file or PEM text."),
            text("AuthenticationHandler", "AUTHENTICATION_HANDLER", "dummy", "Who checks credentials: dummy (development) or preset."),
            number("HTTPServerReadHeaderTimeout", "HTTPServerReadHeaderTimeout", 60, 0, kInt32Maximum,
                   "Seconds for a request's header; 0: no limit."),
            number("ShutdownQuiesceTime", "SHUTDOWN_QUIESCE_TIME", 60, 0, kInt32Maximum, "Seconds to wait for tasks when stopping."),
        });
}

void add_communication_keys(Keys& keys) {
    add(keys,
        {
            list("CommunicationProtocol", "COMMUNICATION_PROTOCOL", "mqtt",
                 "Transports between CSS and ESS: http, mqtt, wiotp, or X for the plugin transport-X."),
            text("HTTPCSSHost", "HTTP_CSS_HOST", "", "ESS: host of the CSS."),
            number("HTTPCSSPort", "HTTP_CSS_PORT", 0, 0, kPortMaximum, "ESS: port of the CSS."),
            flag("HTTPCSSUseSSL", "HTTP_CSS_USE_SSL", false, "ESS: use https to the CSS."),
            text("HTTPCSSURL", "", "", "Derived from the three above; a value given here is replaced."),
            secret("HTTPCSSCACertificate", "HTTP_CSS_CA_CERTIFICATE", "", "CA of the CSS instead of the system's: file or PEM text."),
            list("HTTPCSSPinnedCertFingerprints", "HTTP_CSS_PINNED_CERT_FINGERPRINTS", "",
                 "ESS: SHA-256 fingerprints of certificates of which the CSS must show one; empty: any valid one."),
            number("HTTPPollingInterval", "HTTP_POLLING_INTERVAL", 10, 1, kPortMaximum, "ESS: longest pause between polls, seconds."),
            number("HTTPESSClientTimeout", "HTTPESSClientTimeout", 120, 0, kInt32Maximum,
                   "Seconds for a whole request to the CSS, except downloads; 0: no limit."),
            number("HTTPESSObjClientTimeout", "HTTPESSObjClientTimeout", 600, 0, kInt32Maximum,
                   "Seconds for a whole download; 0: no limit."),
            number("HTTPCSSObjDownloadConcurrencyMultiplier", "HTTPCSSObjDownloadConcurrencyMultiplier", 1, INT32_MIN, kInt32Maximum,
                   "Unused (downloads are streamed; MaxConnections bounds them); accepted for old files."),
            flag("AllowPrivateIPs", "ALLOW_PRIVATE_IPS", true, "Allow outgoing requests to private and loopback addresses."),
            flag("HTTPPush", "HTTP_PUSH", true, "ESS: ask the CSS to hold polls open until there is something to send."),
            number("HTTPMaxWait", "HTTP_MAX_WAIT", 55, 1, 300, "CSS: longest time a poll is held open, seconds."),
            number("HTTPMaxParked", "HTTP_MAX_PARKED", 50000, 0, 10'000'000,
                   "CSS: polls held open at once; beyond it they are answered at once."),
            flag("EnableDataChunk", "ENABLE_DATA_CHUNK", true, "Transfer data in chunks; always on with mqtt."),
            number("MaxDataChunkSize", "MAX_DATA_CHUNK_SIZE", 5242880, 1024, 256 * kMiB, "Size of a transfer chunk, bytes."),
            number("MaxInflightChunks", "MAX_INFLIGHT_CHUNKS", 1, INT32_MIN, kInt32Maximum,
                   "Parallel chunk requests with MQTT; at most 64 on a CSS."),
            number("ResendInterval", "RESEND_INTERVAL", 10, 1, kInt32Maximum,
                   "Seconds between looks for unacknowledged notifications; each repeats after 6 times this."),
            number("ESSCallSPIRetryInterval", "ESS_CALL_SPI_RETRY_INTERVAL", 2, 0, kInt32Maximum,
                   "Seconds between retries of a request to the CSS."),
            number("ESSSPIMaxRetry", "ESSSPIMaxRetry", 1000, 0, kInt32Maximum,
                   "Unused (what the CSS has not got is sent again until it has); accepted for old files."),
            number("ESSPingInterval", "ESS_PING_INTERVAL", 1, 0, kPortMaximum, "Hours between pings to the CSS; 0: none."),
            number("RemoveESSRegistrationTime", "REMOVE_ESS_REGISTRATION_TIME", 30, 0, kPortMaximum,
                   "CSS: days until a silent node is removed; 0: never."),
            number("ObjectQueueBufferSize", "OBJECT_QUEUE_BUFFER_SIZE", 0, 0, kInt32Maximum,
                   "Unused (the queue is in the store); accepted for old files."),
            number("VerifyQueueBufferSize", "VERIFY_QUEUE_BUFFER_SIZE", 500, 0, kInt32Maximum, "Length of the verification queue; 0: 500."),
        });
}

void add_mqtt_keys(Keys& keys) {
    add(keys, {
                  text("MQTTClientID", "MQTT_CLIENT_ID", "", "MQTT client id; empty: derived."),
                  secret("MQTTUserName", "MQTT_USER_NAME", "", "MQTT user."),
                  secret("MQTTPassword", "MQTT_PASSWORD", "", "MQTT password."),
                  flag("MQTTUseSSL", "MQTT_USE_SSL", true, "TLS to the broker."),
                  secret("MQTTCACertificate", "MQTT_CA_CERTIFICATE", "broker/ca/ca.cert.pem", "CA of the broker: file or PEM text."),
                  secret("MQTTSSLCert", "MQTT_SSL_CERT", "", "Client certificate for the broker: file or PEM text."),
                  secret("MQTTSSLKey", "MQTT_SSL_KEY", "", "Private key of the client certificate: file or PEM text."),
                  flag("MQTTAllowInvalidCertificates", "MQTT_ALLOW_INVALID_CERTIFICATES", false,
                       "Development: do not check the broker's certificate; ignored on a CSS."),
                  list("MQTTPinnedCertFingerprints", "MQTT_PINNED_CERT_FINGERPRINTS", "",
                       "SHA-256 fingerprints of which the broker must present one."),
                  number("MQTTBrokerConnectTimeout", "MQTT_BROKER_CONNECT_TIMEOUT", 300, 0, kInt32Maximum,
                         "Seconds to try to reach the broker at start. Without effect here: a node never gives up."),
                  text("MQTTParallelMode", "PARALLEL_MQTT_MODE", "", "Parallel handling of MQTT messages: none, small, medium, large."),
                  text("BrokerAddress", "BROKER_ADDRESS", "", "Host of the broker; default for mqtt: localhost."),
                  number("BrokerPort", "BROKER_PORT", 0, 0, kPortMaximum, "Port of the broker; 0: mqtt 1883, wiotp 8883."),
                  flag("CSSOnWIoTP", "CSS_ON_WIOTP", false, "CSS works with a Watson IoT broker."),
                  flag("UsingEdgeConnector", "USING_EDGE_CONNECTOR", false, "ESS talks to an edge connector."),
                  number("MessagingGroupCacheExpiration", "MESSAGING_GROUP_CACHE_EXPIRATION", 60, 0, kPortMaximum,
                         "Unused; accepted for old files."),
              });
}

void add_storage_keys(Keys& keys) {
    add(keys,
        {
            text("PersistenceRootPath", "PERSISTENCE_ROOT_PATH", "/var/edge-sync-service/persist", "Root folder of everything persistent."),
            text("StorageProvider", "STORAGE_PROVIDER", "",
                 "Store: postgres, lmdb, memory, or X for the plugin store-X. Default: CSS postgres, ESS lmdb."),
            list("PluginPath", "PLUGIN_PATH", "",
                 "Folders of plugins, all of them: name the folder installed beside the program, too; empty: that one alone."),
            number("PluginWatchdogTime", "PLUGIN_WATCHDOG_TIME", 180, 0, 86400,
                   "Seconds after which a call into a plugin that does not come back is reported in log and health; 0: never."),
            number("StorageMaintenanceInterval", "STORAGE_MAINTENANCE_INTERVAL", 30, 1, kInt32Maximum,
                   "Seconds between looks for expired objects."),
            number("ObjectActivationInterval", "OBJECT_ACTIVATION_INTERVAL", 30, 1, kInt32Maximum,
                   "Seconds between looks for objects to activate."),
            number("ESSConsumedObjectsKept", "ESS_CONSUMED_OBJECTS_KEPT", 1000, 0, kInt32Maximum,
                   "ESS: consumed objects that are remembered."),
            text("ObjectsDataPath", "OBJECTS_DATA_PATH", "",
                 "Store lmdb only: folder in which received data is kept, one file per object that local applications may read; empty: "
                 "none."),
            number("DatabaseConnectTimeout", "DATABASE_CONNECT_TIMEOUT", 300, 0, kInt32Maximum,
                   "Seconds to try to reach the database at start."),
            number("LeadershipTimeout", "LEADERSHIP_TIMEOUT", 45, 6, kInt32Maximum, "Seconds until a silent leader is replaced."),
            list("AllowedDataFileExtensions", "ALLOWED_DATA_FILE_EXTENSIONS", "",
                 "Extensions of files that data URIs may name, with dot; empty: all."),
            list("AllowedCertificateExtensions", "ALLOWED_CERTIFICATE_EXTENSIONS", ".pem,.crt,.cert", "Extensions of certificate files."),
            list("AllowedKeyExtensions", "ALLOWED_KEY_EXTENSIONS", ".pem,.key", "Extensions of private key files."),
        });
}

void add_log_keys(Keys& keys) {
    add(keys, {
                  text("LogLevel", "LOG_LEVEL", "INFO", "NONE, STATUS, FATAL, ERROR, WARNING, INFO, DEBUG, TRACE."),
                  text("TraceLevel", "TRACE_LEVEL", "INFO", "The same for the developers' stream."),
                  text("LogRootPath", "LOG_ROOT_PATH", "/var/edge-sync-service/log", "Folder of the log."),
                  text("TraceRootPath", "TRACE_ROOT_PATH", "/var/edge-sync-service/trace", "Folder of the trace."),
                  text("LogFileName", "LOG_FILE_NAME", "sync-service", "Log file, without .log."),
                  text("TraceFileName", "TRACE_FILE_NAME", "sync-service", "Trace file, without .log."),
                  list("LogTraceDestination", "LOG_TRACE_DESTINATION", "file", "file, stdout, syslog, glog (standard error)."),
                  number("LogTraceFileSizeKB", "LOG_TRACE_FILE_SIZE_KB", 20000, 1, kInt32Maximum,
                         "Size at which files rotate, KiB; the default is limited to 1 % of the file system."),
                  number("MaxCompressedlLogTraceFilesNumber", "MAX_COMPRESSED_LOG_TRACE_FILES_NUMBER", 50, 0, kInt32Maximum,
                         "Rotated files that are kept."),
                  number("LogTraceMaintenanceInterval", "LOG_TRACE_MAINTENANCE_INTERVAL", 60, 0, kInt32Maximum,
                         "Unused (the size is watched at every line); accepted for old files."),
              });
}

void add_database_keys(Keys& keys) {
    add(keys,
        {
            list("PostgresAddressCsv", "POSTGRES_ADDRESS_CSV", "localhost:5432", "host:port of the database servers, tried in order."),
            secret("PostgresConnection", "POSTGRES_CONNECTION", "", "Complete connection string instead of the parts."),
            text("PostgresDbName", "POSTGRES_DB_NAME", "d_edge", "Database."),
            text("PostgresSchema", "POSTGRES_SCHEMA", "public", "Schema."),
            secret("PostgresUsername", "POSTGRES_USERNAME", "", "Database user."),
            secret("PostgresPassword", "POSTGRES_PASSWORD", "", "Password of the database user."),
            text("PostgresPasswordFile", "POSTGRES_PASSWORD_FILE", "", "File with the password."),
            flag("PostgresUseSSL", "POSTGRES_USE_SSL", false, "TLS to the database, with check of certificate and host."),
            secret("PostgresCACertificate", "POSTGRES_CA_CERTIFICATE", "", "CA of the database: file or PEM text."),
            secret("PostgresSSLCert", "POSTGRES_SSL_CERT", "", "Client certificate for the database."),
            secret("PostgresSSLKey", "POSTGRES_SSL_KEY", "", "Private key of the client certificate."),
            flag("PostgresAllowInvalidCertificates", "POSTGRES_ALLOW_INVALID_CERTIFICATES", false,
                 "Development: do not check the database's certificate; refused on a CSS."),
            list("PostgresPinnedCertFingerprints", "POSTGRES_PINNED_CERT_FINGERPRINTS", "",
                 "SHA-256 fingerprints of which the database must present one."),
            text("PostgresBlobPath", "POSTGRES_BLOB_PATH", "",
                 "Folder that all instances share, for large data; empty: all is in the database."),
            number("PostgresBlobPathAboveKB", "POSTGRES_BLOB_PATH_ABOVE_KB", 4096, 64, kInt32Maximum,
                   "Data of more KiB than this goes to PostgresBlobPath."),
            number("PostgresPoolSize", "POSTGRES_POOL_SIZE", 8, 1, 512, "Connections to the database."),
            number("PostgresSleepTimeBetweenRetry", "POSTGRES_SLEEP_TIME_BETWEEN_RETRY", 100, 1, 60000,
                   "First pause before a retry, milliseconds."),
            number("LmdbMapSizeMB", "LMDB_MAP_SIZE_MB", 0, 0, 16'777'216,
                   "Size of the database, MiB; grows up to LmdbMaxMapSizeMB; 0: ESS 1024, CSS 8192."),
            number("LmdbMaxMapSizeMB", "LMDB_MAX_MAP_SIZE_MB", 65536, 1, 16'777'216, "Largest size of the database, MiB."),
            text("LmdbSync", "LMDB_SYNC", "full", "What a commit waits for: full, meta, none."),
            number("LmdbLogSizeMB", "LMDB_LOG_SIZE_MB", 0, 0, 1024, "Size of the log beside the database, MiB; 0: ESS 4, CSS 32."),
        });
}

void add_own_keys(Keys& keys) {
    add(keys, {
                  number("MaxInlineObjectSize", "MAX_INLINE_OBJECT_SIZE", 64 * kMiB, 0, 1024 * kMiB,
                         "Largest data inside the body of an object PUT, bytes."),
                  number("MaxObjectDataSize", "MAX_OBJECT_DATA_SIZE", 0, 0, INT64_MAX, "Largest data of an object, bytes; 0: no limit."),
                  number("MaxConnections", "MAX_CONNECTIONS", 4096, 1, 1'000'000, "Connections per listener."),
                  number("UploadStagingTimeout", "UPLOAD_STAGING_TIMEOUT", 86400, 1, kInt32Maximum,
                         "Seconds since its last chunk until an upload counts as abandoned and is removed."),
                  number("WebhookTimeout", "WEBHOOK_TIMEOUT", 10, 1, 3600, "Seconds per attempt of a webhook."),
                  flag("WebhookOnNoData", "WEBHOOK_ON_NO_DATA", true, "Call webhooks also for updates without data."),
                  list("WebhookAllowedHosts", "WEBHOOK_ALLOWED_HOSTS", "", "Hosts that webhooks may call; empty: any."),
                  list("DataURIRoots", "DATA_URI_ROOTS", "",
                       "Folders below which data URIs may name files; empty: PersistenceRootPath. Its sync/ is never one of them."),
                  flag("NotifyOnExpiration", "NOTIFY_ON_EXPIRATION", false, "Send deletes for expired objects."),
                  flag("AllowDummyAuthentication", "ALLOW_DUMMY_AUTHENTICATION", true,
                       "Allow the handler dummy on listeners that others can reach."),
                  text("OrgSecretKeyFile", "ORG_SECRET_KEY_FILE", "", "File of the key that encrypts stored broker passwords."),
                  flag("AnonymousProbes", "ANONYMOUS_PROBES", false, "Answer GET /livez and /readyz without credentials."),
                  text("AnonymousProbesFrom", "ANONYMOUS_PROBES_FROM", "local",
                       "Who AnonymousProbes answers: local (this machine) or any (also a load balancer elsewhere)."),
              });
}

void add_swagger_keys(Keys& keys) {
    add(keys,
        {
            flag("SwaggerEnabled", "SWAGGER_ENABLED", false, "Serve the API document and the page to browse it, without authentication."),
            text("SwaggerFile", "SWAGGER_FILE", "", "API document to serve; empty: the one installed with the program."),
            text("SwaggerUIPath", "SWAGGER_UI_PATH", "", "Folder of the page's files; empty: the one installed with the program."),
        });
}

constexpr std::array<KeyAlias, 5> kAliases = {{
    {"DestinationId", "", "DestinationID"},
    {"OrgId", "", "OrgID"},
    {"MQTTClientId", "", "MQTTClientID"},
    {"MQTTCertificatePinningFingerprints", "MQTT_CERTIFICATE_PINNING_FINGERPRINTS", "MQTTPinnedCertFingerprints"},
    {"MaxCompressedLogTraceFilesNumber", "", "MaxCompressedlLogTraceFilesNumber"},
}};

constexpr std::array<FormerKey, 13> kFormerKeys = {{
    {"MongoAddressCsv", "MONGO_ADDRESS_CSV", "mongodb://localhost:27017", "PostgresAddressCsv"},
    {"MongoAuthMechanism", "MONGO_AUTH_MECHANISM", "SCRAM-SHA-256", ""},
    {"MongoAuthDbName", "MONGO_AUTH_DB_NAME", "admin", ""},
    {"MongoDbName", "MONGO_DB_NAME", "d_edge", "PostgresDbName"},
    {"MongoUsername", "MONGO_USERNAME", "", "PostgresUsername"},
    {"MongoPassword", "MONGO_PASSWORD", "", "PostgresPassword"},
    {"MongoUseSSL", "MONGO_USE_SSL", "false", "PostgresUseSSL"},
    {"MongoCACertificate", "MONGO_CA_CERTIFICATE", "", "PostgresCACertificate"},
    {"MongoAllowInvalidCertificates", "MONGO_ALLOW_INVALID_CERTIFICATES", "false", "PostgresAllowInvalidCertificates"},
    {"MongoPinnedCertFingerprints", "MONGO_PINNED_CERT_FINGERPRINTS", "", "PostgresPinnedCertFingerprints"},
    {"MongoDBCertificatePinningFingerprints", "MONGODB_CERTIFICATE_PINNING_FINGERPRINTS", "", "PostgresPinnedCertFingerprints"},
    {"MongoSessionCacheSize", "MONGO_SESSION_CACHE_SIZE", "1", "PostgresPoolSize"},
    {"MongoSleepTimeBetweenRetry", "MONGO_SLEEP_TIME_BETWEEN_RETRY", "4000", "PostgresSleepTimeBetweenRetry"},
}};

constexpr std::array<KeyWithoutEffect, 6> kKeysWithoutEffect = {{
    {"ESSSPIMaxRetry", "what the CSS has not acknowledged stays in the store and is sent again, with growing pauses, until it is"},
    {"ObjectQueueBufferSize", "work that waits is kept in the store and not in a queue in memory"},
    {"LogTraceMaintenanceInterval", "the size of a log file is looked at with every line"},
    {"HTTPCSSObjDownloadConcurrencyMultiplier", "data is streamed in a fixed window per request, and MaxConnections bounds the requests"},
    {"MessagingGroupCacheExpiration", "messaging groups are not cached"},
    {"MQTTBrokerConnectTimeout", "a node starts without its broker and goes on trying to reach it"},
}};

}  // namespace

const std::vector<SettingDeclaration>& service_keys() {
    static const Keys table = [] {
        Keys keys;
        add_node_keys(keys);
        add_communication_keys(keys);
        add_mqtt_keys(keys);
        add_storage_keys(keys);
        add_log_keys(keys);
        add_database_keys(keys);
        add_own_keys(keys);
        add_swagger_keys(keys);
        return keys;
    }();
    return table;
}

std::span<const KeyAlias> key_aliases() { return kAliases; }

std::span<const FormerKey> former_keys() { return kFormerKeys; }

std::span<const KeyWithoutEffect> keys_without_effect() { return kKeysWithoutEffect; }

}  // namespace edgesync::config
