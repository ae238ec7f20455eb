// The API document and its browsable page: /swagger, /swagger.json, /swagger-ui/.
#pragma once

#include <memory>
#include <string>

#include "edgesync/sdk/http.h"
#include "edgesync/sdk/log.h"
#include "edgesync/sdk/settings.h"
#include "kernel/swagger/ui_folder.h"

namespace edgesync::swagger {

/// Serves without authentication what everybody may know: mount exactly "/swagger" and "/swagger.json", and the prefix "/swagger-ui".
/// Reads only. Immutable, thread-safe.
class Site : public HttpHandler {
public:
    struct Document {
        std::string text;
        std::string content_type;
    };
    Site(Document document, const std::filesystem::path& ui_folder);

    bool has_page() const { return ui_.has("index.html"); }
    std::int64_t body_limit(const HttpRequest&) const override { return 0; }
    void handle(HttpRequest request, std::shared_ptr<HttpResponder> responder) override;

private:
    HttpResponse answer(const HttpRequest& request) const;

    const Document document_;
    const UiFolder ui_;
};

/// By SwaggerEnabled, SwaggerFile and SwaggerUIPath; null: switched off, or there are only Unix sockets to serve it on. Blocks on disk.
/// @throws Error{InvalidRequest} for a document that cannot be read, one line for the operator.
std::unique_ptr<Site> make_site(const Settings& settings, Log& log);

}  // namespace edgesync::swagger
