// The listeners that the configuration asks for.
#pragma once

#include <memory>
#include <vector>

#include "edgesync/sdk/log.h"
#include "edgesync/sdk/settings.h"
#include "kernel/http/io_context.h"
#include "kernel/http/listener.h"
#include "kernel/http/router.h"
#include "kernel/ops/worker_pool.h"

namespace edgesync::node {

/// Not yet started. @throws Error for a certificate that cannot be read.
std::vector<std::unique_ptr<http::Listener>> make_listeners(const Settings& settings, bool store_reads_block, http::Router& router,
                                                            http::IoContext& io, ops::WorkerPool& workers, Log& log);

/// Gives the listeners the certificate that the configuration names now; a self-signed one is renewed in time. Connections go on. What
/// fails is logged. Blocks on disk.
void reload_certificates(const Settings& settings, const std::vector<std::unique_ptr<http::Listener>>& listeners, Log& log);

}  // namespace edgesync::node
