#include "spi_side.h"

#include "kernel/security/node_identity.h"

namespace edgesync::api {
namespace {

node::HostParts parts_of(const ApiContext& context, delivery::PendingIndex& pending) {
    node::HostParts parts;
    parts.context = &context.node;
    parts.operations = &context.operations;
    parts.scheduler = &context.scheduler;
    parts.pending = &pending;
    parts.digests = &context.digests;
    parts.settings = &context.settings;
    parts.log = &context.log;
    parts.is_running = context.is_running;
    parts.authenticate_node = [&authenticator = context.authenticator, &acls = context.acls](const HttpRequest& request) {
        return security::node_identity(authenticator, request, acls);
    };
    return parts;
}

}  // namespace

SpiSide::SpiSide(const ApiContext& context)
    : pending_(context.node, context.operations.store(), context.scheduler, {}, [](const auto&) {}), host_(parts_of(context, pending_)),
      server_(host_) {}

}  // namespace edgesync::api
