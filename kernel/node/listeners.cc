#include "kernel/node/listeners.h"

#include <filesystem>

#include "edgesync/sdk/error.h"

namespace edgesync::node {
namespace {

/// A file's name relative to the persistence root, or PEM text as it is.
std::string pem_or_path(const Settings& settings, const char* key) {
    std::string value = settings.text(key);
    if (value.find("-----BEGIN") != std::string::npos || value.empty() || value.front() == '/') return value;
    return (std::filesystem::path(settings.persistence_root()) / value).string();
}

}  // namespace

std::vector<std::unique_ptr<http::Listener>> make_listeners(const Settings& settings, bool store_reads_block, http::Router& router,
                                                            http::IoContext& io, ops::WorkerPool& workers, Log& log) {
    const std::string type = settings.text("ListeningType");
    http::ListenerOptions options;
    options.host = settings.text("ListeningAddress");
    options.max_connections = static_cast<std::size_t>(settings.integer("MaxConnections"));
    options.header_timeout = std::chrono::seconds(settings.integer("HTTPServerReadHeaderTimeout"));
    options.handle_on_workers = store_reads_block;
    options.log = [&log](LogLevel level, std::string_view text) { log.log(level, text); };
    const bool is_unix = type == "unix" || type == "secure-unix";
    if (is_unix) {
        const std::filesystem::path socket(settings.text("ListeningAddress"));
        options.host.clear();
        options.unix_path = (socket.is_absolute() ? socket : std::filesystem::path(settings.persistence_root()) / socket).string();
        options.unix_mode = static_cast<unsigned>(std::stoul(settings.text("UnixSocketFilePermissions"), nullptr, 8));
    }
    std::vector<std::unique_ptr<http::Listener>> listeners;
    if (type == "unsecure" || type == "both" || type == "unix") {
        options.port = static_cast<std::uint16_t>(settings.integer("UnsecureListeningPort"));
        listeners.push_back(std::make_unique<http::Listener>(options, router, io, workers));
    }
    if (type == "secure" || type == "both" || type == "secure-unix") {
        options.port = static_cast<std::uint16_t>(settings.integer("SecureListeningPort"));
        options.is_tls = true;
        options.certificate = pem_or_path(settings, "ServerCertificate");
        options.key = pem_or_path(settings, "ServerKey");
        if (options.certificate.empty() || options.key.empty()) {
            throw Error(ErrorKind::InvalidRequest,
                        "ListeningType '" + type +
                            "' needs ServerCertificate and ServerKey; this version does not make a self-signed certificate "
                            "yet (use ListeningType unsecure or unix without one)");
        }
        listeners.push_back(std::make_unique<http::Listener>(options, router, io, workers));
    }
    return listeners;
}

}  // namespace edgesync::node
