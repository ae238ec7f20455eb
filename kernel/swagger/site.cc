#include "kernel/swagger/site.h"

#include <cerrno>
#include <fstream>
#include <sstream>
#include <system_error>

#include "edgesync/sdk/error.h"
#include "kernel/swagger/document.h"

namespace edgesync::swagger {
namespace {

constexpr std::uintmax_t kLargestDocument = 16 * 1024 * 1024;
constexpr std::string_view kUiPrefix = "/swagger-ui/";
constexpr char kPage[] = "/swagger-ui/index.html?url=%2Fswagger.json";
constexpr char kNoPage[] = "The browsable page is not installed on this node. The API document is at /swagger.json\n";
/// Nothing from and to elsewhere, no code and no styles inside the page. Its icons are data.
constexpr char kPolicy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

HttpResponse text_answer(int status, std::string text) {
    HttpResponse response;
    response.status = status;
    response.content_type = "text/plain; charset=utf-8";
    response.body = std::move(text);
    return response;
}

/// Within this server, whatever name and port a client or a proxy knows it by.
HttpResponse redirect(std::string where) {
    HttpResponse response;
    response.status = 308;
    response.headers.push_back({"Location", std::move(where)});
    return response;
}

/// "share/edge-sync-service/<name>" beside the program's folder, as installed and as built.
std::filesystem::path shared_file(const char* name) {
    std::error_code error;
    const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
    return (program.parent_path() / ".." / "share" / "edge-sync-service" / name).lexically_normal();
}

std::string read_document(const std::filesystem::path& file) {
    const auto refuse = [&](const std::string& why) {
        throw Error(ErrorKind::InvalidRequest, "Cannot read the API document '" + file.string() + "': " + why);
    };
    std::error_code error;
    const auto size = std::filesystem::file_size(file, error);
    if (error) refuse(error.message());
    if (size > kLargestDocument) refuse("it is larger than " + std::to_string(kLargestDocument) + " bytes");
    std::ifstream in(file, std::ios::binary);
    std::stringstream text;
    if (!in || !(text << in.rdbuf())) refuse(std::generic_category().message(errno));
    return text.str();
}

Site::Document document_of(const Settings& settings) {
    const std::filesystem::path given(settings.text("SwaggerFile"));
    if (given.empty()) return {document_for(settings.role(), read_document(shared_file("openapi.json"))), "application/json"};
    const bool is_yaml = given.extension() == ".yaml" || given.extension() == ".yml";
    return {read_document(given), is_yaml ? "application/yaml" : "application/json"};
}

}  // namespace

Site::Site(Document document, const std::filesystem::path& ui_folder) : document_(std::move(document)), ui_(ui_folder) {}

HttpResponse Site::answer(const HttpRequest& request) const {
    if (request.method != "GET" && request.method != "HEAD") {
        HttpResponse response = text_answer(405, "");
        response.headers.push_back({"Allow", "GET, HEAD"});
        return response;
    }
    if (request.path == "/swagger") return redirect(kPage);
    if (request.path == "/swagger.json") {
        HttpResponse response = text_answer(200, document_.text);
        response.content_type = document_.content_type;
        return response;
    }
    if (!has_page()) return text_answer(404, kNoPage);
    if (!request.path.starts_with(kUiPrefix)) return redirect(std::string(kUiPrefix));
    const std::string_view name = std::string_view(request.path).substr(kUiPrefix.size());
    HttpResponse response = ui_.answer(name.empty() ? "index.html" : name);
    return response.status == 404 ? text_answer(404, "404 page not found\n") : std::move(response);
}

void Site::handle(HttpRequest request, std::shared_ptr<HttpResponder> responder) {
    HttpResponse response = answer(request);
    response.headers.push_back({"Cache-Control", "no-cache"});
    response.headers.push_back({"Content-Security-Policy", kPolicy});
    response.headers.push_back({"X-Content-Type-Options", "nosniff"});
    response.headers.push_back({"Referrer-Policy", "no-referrer"});
    responder->send(std::move(response));
}

std::unique_ptr<Site> make_site(const Settings& settings, Log& log) {
    if (!settings.boolean("SwaggerEnabled")) return nullptr;
    const std::string type = settings.text("ListeningType");
    if (type == "unix" || type == "secure-unix") {
        log.log(LogLevel::Warning, "The API document is not served on Unix sockets");
        return nullptr;
    }
    const std::string given = settings.text("SwaggerUIPath");
    const std::filesystem::path folder = given.empty() ? shared_file("swagger-ui") : std::filesystem::path(given);
    auto site = std::make_unique<Site>(document_of(settings), folder);
    if (!site->has_page()) {
        log.log(LogLevel::Warning, "There is no page for the API document: '" + folder.string() + "' has no index.html");
    }
    log.log(LogLevel::Info, "The API document is served at /swagger.json and /swagger, to everybody");
    return site;
}

}  // namespace edgesync::swagger
