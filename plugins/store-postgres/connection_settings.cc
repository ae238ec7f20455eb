#include "connection_settings.h"

#include <fcntl.h>
#include <libpq-fe.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <sstream>
#include <utility>

#include "edgesync/sdk/error.h"

namespace edgesync::postgres {
namespace {

using Type = SettingDeclaration::Type;

/// `name='value'` as in libpq's connection strings.
void add_option(std::string& out, const std::string& name, const std::string& value) {
    if (!out.empty()) out += ' ';
    out += name + "='";
    for (const char c : value) {
        if (c == '\'' || c == '\\') out += '\\';
        out += c;
    }
    out += '\'';
}

/// "host:port", "[address]:port" or "/folder-of-the-socket:port"; the port may be left out.
void add_address(std::string_view entry, std::string& hosts, std::string& ports) {
    while (!entry.empty() && entry.front() == ' ') entry.remove_prefix(1);
    while (!entry.empty() && entry.back() == ' ') entry.remove_suffix(1);
    std::string host(entry);
    std::string port = "5432";
    const auto colon = host.rfind(':');
    if (colon != std::string::npos && host.find(']', colon) == std::string::npos && (host.front() == '[' || host.find(':') == colon)) {
        port = host.substr(colon + 1);
        host.resize(colon);
    }
    const bool is_port = !port.empty() && port.size() <= 5 && port.find_first_not_of("0123456789") == std::string::npos &&
                         std::stoi(port) >= 1 && std::stoi(port) <= 65535;
    if (host.empty() || !is_port)
        throw Error(ErrorKind::InvalidRequest, "PostgresAddressCsv: '" + std::string(entry) + "' is not host:port");
    if (host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
    hosts += (hosts.empty() ? "" : ",") + host;
    ports += (ports.empty() ? "" : ",") + port;
}

std::string password_of(const Settings& settings) {
    const std::string file = settings.text("PostgresPasswordFile");
    if (file.empty()) return settings.text("PostgresPassword");
    std::ifstream in(file);
    std::string line;
    if (!in || !std::getline(in, line)) throw Error(ErrorKind::InvalidRequest, "PostgresPasswordFile " + file + " cannot be read");
    if (!line.empty() && line.back() == '\r') line.pop_back();
    return line;
}

/// The file that a certificate or key is in. PEM text is to be kept below the persistence root.
std::string file_of(const Settings& settings, const char* key, const char* name, ConnectionSettings& out) {
    const std::string value = settings.text(key);
    if (value.find("-----BEGIN") == std::string::npos) {
        return value.empty() || value.front() == '/' ? value : settings.persistence_root() + value;
    }
    std::string file = (std::filesystem::path(settings.persistence_root()) / "sync" / "local" / name).string();
    out.pem_texts.push_back({key, file, value});
    return file;
}

void add_tls(const Settings& settings, ConnectionSettings& out) {
    std::string& text = out.server.text;
    if (!settings.boolean("PostgresUseSSL")) {
        add_option(text, "sslmode", "prefer");
        return;
    }
    add_option(text, "sslmode", settings.boolean("PostgresAllowInvalidCertificates") ? "require" : "verify-full");
    const std::string ca = file_of(settings, "PostgresCACertificate", "postgres-ca.pem", out);
    const std::string certificate = file_of(settings, "PostgresSSLCert", "postgres-client.pem", out);
    const std::string key = file_of(settings, "PostgresSSLKey", "postgres-client-key.pem", out);
    if (!ca.empty()) add_option(text, "sslrootcert", ca);
    if (!certificate.empty()) add_option(text, "sslcert", certificate);
    if (!key.empty()) add_option(text, "sslkey", key);
}

PinnedCertificates pins_of(const Settings& settings) {
    std::vector<std::string> fingerprints;
    for (const std::string& one : settings.list("PostgresPinnedCertFingerprints")) {
        if (!one.empty()) fingerprints.push_back(one);
    }
    PinnedCertificates pins(fingerprints, "PostgresPinnedCertFingerprints");
    if (!pins.empty() && settings.text("PostgresConnection").empty() && !settings.boolean("PostgresUseSSL"))
        throw Error(ErrorKind::InvalidRequest, "PostgresPinnedCertFingerprints needs PostgresUseSSL true");
    return pins;
}

/// Bounds on how long a server that fell silent is waited for, and which of several servers is used. What a session itself is allowed
/// (statements.cc) does not depend on these.
constexpr std::pair<const char*, const char*> kDefaults[] = {
    {"connect_timeout", "10"},
    {"keepalives_idle", "30"},
    {"keepalives_interval", "10"},
    {"keepalives_count", "3"},
    {"tcp_user_timeout", "30000"},
    {"target_session_attrs", "read-write"},
    {"fallback_application_name", "edge-sync-service"},
};

void add_defaults(std::string& out, const std::set<std::string>& named = {}) {
    for (const auto& [name, value] : kDefaults) {
        if (!named.contains(name)) add_option(out, name, value);
    }
}

/// What the operator's own string says, whichever of the two forms it has, and the defaults for what it does not name. What libpq finds
/// wrong is not repeated, because it quotes the string, which has a password.
std::string completed(const std::string& given) {
    const std::unique_ptr<PQconninfoOption, decltype(&::PQconninfoFree)> options(::PQconninfoParse(given.c_str(), nullptr),
                                                                                 ::PQconninfoFree);
    if (!options) {
        throw Error(
            ErrorKind::InvalidRequest,
            "PostgresConnection is not a connection URI, postgresql://user@host/database?name=value&name=value, with names that libpq "
            "knows");
    }
    std::string out;
    std::set<std::string> named;
    for (const PQconninfoOption* one = options.get(); one->keyword != nullptr; ++one) {
        if (one->val == nullptr) continue;
        named.insert(one->keyword);
        add_option(out, one->keyword, one->val);
    }
    add_defaults(out, named);
    return out;
}

}  // namespace

std::vector<SettingDeclaration> declared_settings() {
    const auto text = [](const char* key, const char* environment, const char* value, const char* help, Type type = Type::Text) {
        return SettingDeclaration{key, environment, type, value, help, false, INT64_MIN, INT64_MAX};
    };
    const auto secret = [&](const char* key, const char* environment, const char* help) {
        SettingDeclaration one = text(key, environment, "", help);
        one.is_secret = true;
        return one;
    };
    const auto number = [](const char* key, const char* environment, const char* value, std::int64_t least, std::int64_t most,
                           const char* help) {
        return SettingDeclaration{key, environment, Type::Integer, value, help, false, least, most};
    };
    return {
        text("PostgresAddressCsv", "POSTGRES_ADDRESS_CSV", "localhost:5432", "host:port of the database servers, tried in order",
             Type::List),
        secret("PostgresConnection", "POSTGRES_CONNECTION", "Complete connection string instead of the parts"),
        text("PostgresDbName", "POSTGRES_DB_NAME", "d_edge", "Database"),
        text("PostgresSchema", "POSTGRES_SCHEMA", "public", "Schema; created if it is missing"),
        secret("PostgresUsername", "POSTGRES_USERNAME", "Database user"),
        secret("PostgresPassword", "POSTGRES_PASSWORD", "Password of the database user"),
        text("PostgresPasswordFile", "POSTGRES_PASSWORD_FILE", "", "File with the password in its first line"),
        text("PostgresUseSSL", "POSTGRES_USE_SSL", "false", "TLS to the database, with check of certificate and host", Type::Bool),
        secret("PostgresCACertificate", "POSTGRES_CA_CERTIFICATE", "CA of the database: file or PEM text"),
        secret("PostgresSSLCert", "POSTGRES_SSL_CERT", "Client certificate for the database: file or PEM text"),
        secret("PostgresSSLKey", "POSTGRES_SSL_KEY", "Private key of the client certificate: file or PEM text"),
        text("PostgresAllowInvalidCertificates", "POSTGRES_ALLOW_INVALID_CERTIFICATES", "false",
             "Development: do not check the database's certificate; refused on a CSS", Type::Bool),
        text("PostgresPinnedCertFingerprints", "POSTGRES_PINNED_CERT_FINGERPRINTS", "",
             "SHA-256 fingerprints of which the database must present one", Type::List),
        text("PostgresBlobPath", "POSTGRES_BLOB_PATH", "",
             "Folder that all instances share, for large data; empty: all is in the database"),
        number("PostgresBlobPathAboveKB", "POSTGRES_BLOB_PATH_ABOVE_KB", "4096", 64, INT32_MAX,
               "Data of more KiB than this goes to PostgresBlobPath"),
        number("PostgresPoolSize", "POSTGRES_POOL_SIZE", "8", 1, 512, "Connections to the database"),
        number("PostgresSleepTimeBetweenRetry", "POSTGRES_SLEEP_TIME_BETWEEN_RETRY", "100", 1, 60000,
               "First pause before a retry, milliseconds"),
        number("DatabaseConnectTimeout", "DATABASE_CONNECT_TIMEOUT", "300", 0, INT32_MAX, "Seconds to try to reach the database at start"),
    };
}

ConnectionSettings connection_settings(const Settings& settings) {
    ConnectionSettings out;
    out.server.pins = pins_of(settings);
    out.blob_path = settings.text("PostgresBlobPath");
    out.blob_path_above = settings.integer("PostgresBlobPathAboveKB") * 1024;
    if (!out.blob_path.empty() && out.blob_path.front() != '/')
        throw Error(ErrorKind::InvalidRequest,
                    "PostgresBlobPath " + out.blob_path + " is not absolute: all instances must mean the same folder");
    out.schema = settings.text("PostgresSchema");
    if (out.schema.empty() || out.schema.size() > 63) throw Error(ErrorKind::InvalidRequest, "PostgresSchema must have 1 to 63 octets");
    // A transaction that needs new numbers takes a second connection for a moment.
    out.pool_size = std::max<std::size_t>(2, static_cast<std::size_t>(settings.integer("PostgresPoolSize")));
    out.retry_pause = std::chrono::milliseconds(settings.integer("PostgresSleepTimeBetweenRetry"));
    out.connect_timeout = std::chrono::seconds(settings.integer("DatabaseConnectTimeout"));
    if (const std::string given = settings.text("PostgresConnection"); !given.empty()) {
        out.server.text = completed(given);
        out.address = "the server of PostgresConnection";
        return out;
    }
    std::string hosts;
    std::string ports;
    for (const std::string& entry : settings.list("PostgresAddressCsv")) add_address(entry, hosts, ports);
    if (hosts.empty()) throw Error(ErrorKind::InvalidRequest, "PostgresAddressCsv is empty; give host:port of the database");
    out.address = hosts + " port " + ports;
    add_option(out.server.text, "host", hosts);
    add_option(out.server.text, "port", ports);
    add_option(out.server.text, "dbname", settings.text("PostgresDbName"));
    if (const std::string user = settings.text("PostgresUsername"); !user.empty()) add_option(out.server.text, "user", user);
    if (const std::string password = password_of(settings); !password.empty()) {
        add_option(out.server.text, "password", password);
        // The password is proven before the certificate can be compared; bound to the certificate, the proof is worth nothing to another
        // server.
        if (!out.server.pins.empty()) add_option(out.server.text, "channel_binding", "require");
    }
    add_tls(settings, out);
    add_defaults(out.server.text);
    return out;
}

void keep_pem_texts(const ConnectionSettings& settings) {
    for (const PemText& pem : settings.pem_texts) {
        std::error_code unused;  // Then the file cannot be opened either.
        std::filesystem::create_directories(std::filesystem::path(pem.file).parent_path(), unused);
        const int fd = ::open(pem.file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        const bool is_written = fd >= 0 && ::write(fd, pem.text.data(), pem.text.size()) == static_cast<ssize_t>(pem.text.size());
        const int error = errno;
        if (fd >= 0) ::close(fd);
        if (!is_written)
            throw Error(ErrorKind::Io, "Cannot write the text of " + pem.key + " to " + pem.file + ": " + std::strerror(error));
    }
}

}  // namespace edgesync::postgres
