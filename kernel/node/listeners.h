// The listeners that the configuration asks for.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "edgesync/sdk/log.h"
#include "edgesync/sdk/settings.h"
#include "kernel/http/io_context.h"
#include "kernel/http/listener.h"
#include "kernel/http/router.h"
#include "kernel/ops/worker_pool.h"
#include "kernel/rules/scheduler.h"

namespace edgesync::node {

/// Which requests are handled on a worker, because an I/O thread must not wait. `waits_for_credentials`: to know their caller may take
/// long.
std::function<bool(const HttpRequest&)> blocking_requests(bool reads_block, std::function<bool(const HttpRequest&)> waits_for_credentials);

/// Not yet started. `may_block`: see http::ListenerOptions. @throws Error for a certificate that cannot be read.
std::vector<std::unique_ptr<http::Listener>> make_listeners(const Settings& settings, std::function<bool(const HttpRequest&)> may_block,
                                                            http::Router& router, http::IoContext& io, ops::WorkerPool& workers, Log& log);

/// Gives the listeners the certificate that the configuration names now; a self-signed one is renewed in time. Connections go on. What
/// fails is logged. Blocks on disk.
void reload_certificates(const Settings& settings, const std::vector<std::unique_ptr<http::Listener>>& listeners, Log& log);

/// Does that every day, on a worker. The parameters live as long as the scheduler calls.
void reload_certificates_daily(rules::Scheduler& scheduler, const Settings& settings,
                               const std::vector<std::unique_ptr<http::Listener>>& listeners, Log& log);

}  // namespace edgesync::node
