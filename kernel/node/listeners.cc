#include "kernel/node/listeners.h"

#include <filesystem>

#include "edgesync/sdk/error.h"
#include "kernel/security/server_certificate.h"

namespace edgesync::node {

std::function<bool(const HttpRequest&)> blocking_requests(bool reads_block, std::function<bool(const HttpRequest&)> waits_for_credentials) {
    // Whether the process lives is asked most when all workers wait for a database that does not answer.
    if (reads_block) return [](const HttpRequest& request) { return request.path != "/livez"; };
    // Health asks the plugins, and one may keep the thread that asks.
    return [waits = std::move(waits_for_credentials)](const HttpRequest& request) {
        return request.path == "/api/v1/health" || request.path == "/readyz" || waits(request);
    };
}

std::vector<std::unique_ptr<http::Listener>> make_listeners(const Settings& settings, std::function<bool(const HttpRequest&)> may_block,
                                                            http::Router& router, http::IoContext& io, ops::WorkerPool& workers, Log& log) {
    const std::string type = settings.text("ListeningType");
    http::ListenerOptions options;
    options.host = settings.text("ListeningAddress");
    options.max_connections = static_cast<std::size_t>(settings.integer("MaxConnections"));
    options.header_timeout = std::chrono::seconds(settings.integer("HTTPServerReadHeaderTimeout"));
    options.may_block = std::move(may_block);
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
        const auto pair = security::server_certificate(settings, log);
        options.certificate = pair.certificate;
        options.key = pair.key;
        listeners.push_back(std::make_unique<http::Listener>(options, router, io, workers));
    }
    return listeners;
}

void reload_certificates(const Settings& settings, const std::vector<std::unique_ptr<http::Listener>>& listeners, Log& log) {
    try {
        for (const auto& listener : listeners) {
            if (!listener->is_tls()) continue;
            const auto pair = security::server_certificate(settings, log);
            listener->reload_certificates(pair.certificate, pair.key);
        }
    } catch (const std::exception& error) {
        log.log(LogLevel::Error, std::string(error.what()) + "; the certificate that was read before stays");
    }
}

void reload_certificates_daily(rules::Scheduler& scheduler, const Settings& settings,
                               const std::vector<std::unique_ptr<http::Listener>>& listeners, Log& log) {
    scheduler.after(std::chrono::hours(24), [&] {
        // Without a free worker it waits for tomorrow: there are 30 days.
        scheduler.work([&] { reload_certificates(settings, listeners, log); });
        reload_certificates_daily(scheduler, settings, listeners, log);
    });
}

}  // namespace edgesync::node
