#include "kernel/http/response_head.h"

#include <array>
#include <boost/beast/http/status.hpp>
#include <charconv>
#include <ctime>

namespace edgesync::http {
namespace {

/// IMF-fixdate of now; made once a second.
std::string_view date_text() {
    thread_local std::time_t made_at = -1;
    thread_local std::array<char, 40> text{};
    thread_local std::size_t size = 0;
    const std::time_t now = std::time(nullptr);
    if (now != made_at) {
        std::tm parts{};
        ::gmtime_r(&now, &parts);
        size = std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
        made_at = now;
    }
    return {text.data(), size};
}

void append_number(std::string& out, std::int64_t value) {
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    out.append(digits, end);
}

void append_clean(std::string& out, std::string_view text) {
    for (const char c : text) out.push_back(static_cast<unsigned char>(c) < 0x20 && c != '\t' ? ' ' : c);
}

void append_header(std::string& out, std::string_view name, std::string_view value) {
    append_clean(out, name);
    out += ": ";
    append_clean(out, value);
    out += "\r\n";
}

}  // namespace

void write_head(std::string& out, const HttpResponse& response, const HeadFacts& facts) {
    out = "HTTP/1.1 ";
    append_number(out, response.status);
    const auto reason = boost::beast::http::obsolete_reason(boost::beast::http::int_to_status(static_cast<unsigned>(response.status)));
    out += ' ';
    out.append(reason.data(), reason.size());
    out += "\r\nDate: ";
    out += date_text();
    out += "\r\n";
    for (const HttpHeader& header : response.headers) append_header(out, header.name, header.value);
    if (!response.content_type.empty()) append_header(out, "Content-Type", response.content_type);
    if (facts.framing == Framing::Length) {
        out += "Content-Length: ";
        append_number(out, facts.length);
        out += "\r\n";
    }
    if (facts.framing == Framing::Chunked) out += "Transfer-Encoding: chunked\r\n";
    if (!facts.is_keep_alive) out += "Connection: close\r\n";
    if (facts.is_keep_alive && !facts.is_http_1_1) out += "Connection: keep-alive\r\n";
    out += "\r\n";
}

}  // namespace edgesync::http
