// The application REST API, /api/v1/: requests are parsed, rules are called, results are answered. No rule lives here.
#pragma once

#include <atomic>
#include <memory>

#include "edgesync/sdk/http.h"
#include "kernel/api/admin_handler.h"
#include "kernel/api/call.h"
#include "kernel/api/context.h"
#include "kernel/api/destinations_handler.h"
#include "kernel/api/hooks_handler.h"
#include "kernel/api/lists_handler.h"
#include "kernel/api/objects_handler.h"
#include "kernel/api/operations_handler.h"
#include "kernel/api/organizations_handler.h"
#include "kernel/api/placement_handler.h"
#include "kernel/api/queries_handler.h"
#include "kernel/api/security_handler.h"

namespace edgesync::api {

/// Serves everything below "/api/v1/" (mount the prefix "/api/v1/", and "/" may go here, too: the rest is 404). Thread-safe; outlives
/// all requests and operations.
class Api : public HttpHandler {
public:
    explicit Api(ApiContext context);

    /// Once, before the first request, with the store open. Blocks on it; what fails is logged and done at the next start.
    void start();

    /// PUT of an object: room for MaxInlineObjectSize in Base64; everything else 1 MiB. Uploads of data are streamed.
    /// Of more than 64 KiB nothing is collected before the credentials were checked.
    std::int64_t body_limit(const HttpRequest& request) const override;
    std::unique_ptr<HttpBodySink> stream(const HttpRequest& request, const std::shared_ptr<HttpResponder>& responder) override;
    void handle(HttpRequest request, std::shared_ptr<HttpResponder> responder) override;

    /// HTTP requests taken since the start.
    std::uint64_t client_requests() const { return client_requests_.load(std::memory_order_relaxed); }

private:
    void dispatch(const CallPtr& call);
    void handle_objects(const CallPtr& call, std::string_view rest);
    void handle_type(const CallPtr& call);
    void handle_object(const CallPtr& call);
    void handle_operation(const CallPtr& call);
    /// Says who calls, with his rights ready. False: nobody who may use this API.
    bool authenticate(Call& call) const;
    /// The same without his rights, which are in the store.
    bool identify(Call& call) const;
    /// The answer to a large body that is not to be collected: before that, its sender must be known.
    std::optional<HttpResponse> judge_large(Call& call, Resource resource, std::optional<HttpResponse> path_refusal) const;

    const ApiContext context_;
    const Environment environment_;
    const ObjectsHandler objects_;
    const OperationsHandler operations_;
    const ListsHandler lists_;
    const QueriesHandler queries_;
    const PlacementHandler placement_;
    const HooksHandler hooks_;
    const SecurityHandler security_;
    const OrganizationsHandler organizations_;
    const DestinationsHandler destinations_;
    const AdminHandler admin_;
    const std::int64_t object_body_limit_;
    std::atomic<std::uint64_t> client_requests_{0};
};

}  // namespace edgesync::api
