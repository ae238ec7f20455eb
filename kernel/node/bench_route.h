// The route that does nothing, against which the speed of the others is measured (scripts/bench). Only with EDGESYNC_BENCH_ROUTE=1.
#pragma once

#include "edgesync/sdk/http.h"

namespace edgesync::node {

class BenchRoute : public HttpHandler {
public:
    std::int64_t body_limit(const HttpRequest&) const override { return 16 * 1024 * 1024; }
    void handle(HttpRequest, std::shared_ptr<HttpResponder> responder) override {
        HttpResponse response;
        response.status = 204;
        responder->send(std::move(response));
    }
};

}  // namespace edgesync::node
