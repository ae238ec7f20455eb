#include "kernel/api/answers.h"

#include <algorithm>

#include "kernel/api/error_status.h"
#include "kernel/api/routes.h"
#include "kernel/objects/names.h"

namespace edgesync::api {
namespace {

/// Messages repeat what was wrong; nobody reads more of it than this.
constexpr std::size_t kLongestMessage = 4096;
constexpr char kPlainText[] = "text/plain; charset=utf-8";

void add_common_headers(HttpResponse& response) {
    response.headers.reserve(response.headers.size() + 4);
    response.headers.push_back({"Cache-Control", "no-store, no-cache, must-revalidate"});
    response.headers.push_back({"Pragma", "no-cache"});
    response.headers.push_back({"Strict-Transport-Security", "max-age=63072000; includeSubDomains; preload"});
    response.headers.push_back({"X-Content-Type-Options", "nosniff"});
}

}  // namespace

HttpResponse empty_answer(int status) {
    HttpResponse response;
    response.status = status;
    return response;
}

HttpResponse text_answer(int status, std::string body) {
    HttpResponse response;
    response.status = status;
    response.content_type = kPlainText;
    response.body = std::move(body);
    return response;
}

HttpResponse error_answer(int status, std::string_view prefix, std::string_view message) {
    std::size_t size = std::min(message.size(), kLongestMessage);
    // Not within a character.
    while (size < message.size() && size > 0 && (static_cast<unsigned char>(message[size]) & 0xC0U) == 0x80U) --size;
    message = message.substr(0, size);
    std::string body;
    body.reserve(prefix.size() + message.size() + 1);
    body.append(prefix).append(message).append("\n");
    return text_answer(status, std::move(body));
}

HttpResponse invalid_json(std::string_view prefix, const Error& error) {
    constexpr std::size_t kLongest = 300;
    std::string_view text = error.what();
    if (text.size() <= kLongest) return error_answer(400, prefix, objects::html_escape(text));
    std::size_t end = kLongest;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
    return error_answer(400, prefix, objects::html_escape(text.substr(0, end)) + "...");
}

HttpResponse json_answer(std::string body) {
    HttpResponse response;
    response.content_type = "application/json";
    response.body = std::move(body);
    return response;
}

HttpResponse unauthorized() { return text_answer(403, "Unauthorized"); }

HttpResponse method_not_allowed(const RouteEntry& route) {
    HttpResponse response = empty_answer(405);
    response.headers.push_back({"Allow", route.methods});
    return response;
}

HttpResponse busy() { return failure(std::make_exception_ptr(Error(ErrorKind::Busy, "Too many requests are in progress"))); }

HttpResponse failure(const std::exception_ptr& error, std::string_view prefix) {
    const StatusAndText what = describe(error);
    HttpResponse response =
        what.status == 503 || what.status == 404 ? empty_answer(what.status) : error_answer(what.status, prefix, what.text);
    if (what.status == 429 || what.status == 503) response.headers.push_back({"Retry-After", "1"});
    return response;
}

void Reply::send(HttpResponse response) const {
    add_common_headers(response);
    responder_->send(std::move(response));
}

void Reply::fail(const std::exception_ptr& error, std::string_view prefix) const {
    HttpResponse response = failure(error, prefix);
    if (response.status >= 500) {
        log_->log(LogLevel::Error, "A request of an application failed: " + std::string(prefix) + describe(error).text);
    }
    send(std::move(response));
}

void Reply::guard(const std::function<void()>& function, std::string_view prefix) const {
    try {
        function();
    } catch (...) {
        fail(std::current_exception(), prefix);
    }
}

void Reply::on_worker(rules::Scheduler& scheduler, std::function<void()> function) const {
    const Reply self = *this;
    if (!scheduler.work([self, function = std::move(function)] { self.guard(function); })) send(busy());
}

}  // namespace edgesync::api
