#include "spi_path.h"

#include <algorithm>
#include <charconv>

namespace edgesync::transport_http {
namespace {

bool take_number(std::string_view& text, std::int64_t& value) {
    if (text.empty() || text.front() < '0' || text.front() > '9') return false;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{}) return false;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return true;
}

bool take(std::string_view& text, std::string_view expected) {
    if (!text.starts_with(expected)) return false;
    text.remove_prefix(expected.size());
    return true;
}

bool parse_id(const std::string& text, std::int64_t& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

bool is_wait(std::string_view name) {
    return name.size() == 4 && (name[0] | 0x20) == 'w' && (name[1] | 0x20) == 'a' && (name[2] | 0x20) == 'i' && (name[3] | 0x20) == 't';
}

constexpr std::int64_t kLongestWait = 300;

}  // namespace

std::optional<ObjectPath> parse_object_path(const std::vector<std::string>& segments) {
    if (segments.size() != 5 && segments.size() != 6) return std::nullopt;
    ObjectPath path;
    path.key = {segments[0], segments[1], segments[2]};
    path.action = segments.back();
    if (!parse_id(segments[3], path.instance_id)) return std::nullopt;
    if (segments.size() == 6 && !parse_id(segments[4], path.data_id)) return std::nullopt;
    return path;
}

std::optional<ObjectPath> object_path_of(std::string_view raw_path) {
    // Its slash stays, so that a second one is an empty segment.
    static constexpr std::string_view kObjects = "/spi/v1/objects";
    if (!take(raw_path, kObjects) || !raw_path.starts_with('/')) return std::nullopt;
    try {
        return parse_object_path(split_path(raw_path));
    } catch (const Error&) {
        return std::nullopt;
    }
}

std::string object_url(const ObjectKey& key, InstanceId instance, DataId data, std::string_view action) {
    return std::string(kPrefix) + "objects/" + encode_segment(key.org) + "/" + encode_segment(key.type) + "/" + encode_segment(key.id) +
           "/" + std::to_string(instance) + "/" + std::to_string(data) + "/" + std::string(action);
}

std::optional<Command> command_of(std::string_view action) {
    for (const Command command :
         {Command::Update, Command::Updated, Command::Received, Command::AckReceived, Command::Consumed, Command::AckConsumed,
          Command::Feedback, Command::Delete, Command::AckDelete, Command::Deleted, Command::AckDeleted}) {
        if (action == to_string(command)) return command;
    }
    return std::nullopt;
}

int status_of(Verdict verdict) {
    switch (verdict) {
        case Verdict::Accepted: return 204;
        case Verdict::Ignored: return 409;
        case Verdict::UnknownPeer: return 424;
        case Verdict::NotFound: return 404;
        case Verdict::Invalid: return 400;
        case Verdict::Refused: return 403;
        case Verdict::Busy: return 429;
        case Verdict::Unavailable: return 503;
        case Verdict::Failed: return 500;
    }
    return 500;
}

int status_of(ErrorKind kind) {
    switch (kind) {
        case ErrorKind::InvalidRequest: return 400;
        case ErrorKind::NotFound: return 404;
        case ErrorKind::AlreadyExists:
        case ErrorKind::Conflict: return 409;
        case ErrorKind::Busy: return 429;
        case ErrorKind::NotConnected:
        case ErrorKind::NoSpace: return 503;
        case ErrorKind::Timeout: return 504;
        default: return 500;
    }
}

Verdict verdict_of(int status) {
    switch (status) {
        case 200:
        case 204:
        case 206: return Verdict::Accepted;
        case 409: return Verdict::Ignored;
        case 424: return Verdict::UnknownPeer;
        case 404: return Verdict::NotFound;
        case 400: return Verdict::Invalid;
        case 403: return Verdict::Refused;
        case 429: return Verdict::Busy;
        case 307:
        case 408:
        case 502:
        case 503:
        case 504: return Verdict::Unavailable;
        default: return Verdict::Failed;
    }
}

int preferred_wait(std::string_view prefer) {
    for (const auto& item : split_list(prefer)) {
        const std::string_view preference = trimmed(std::string_view(item).substr(0, item.find(';')));
        const std::size_t equals = preference.find('=');
        if (equals == std::string_view::npos || !is_wait(trimmed(preference.substr(0, equals)))) continue;
        std::string_view value = trimmed(preference.substr(equals + 1));
        if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
        std::int64_t seconds = 0;
        if (!take_number(value, seconds) || !value.empty()) return 0;  // The first counts (RFC 7240, 2).
        return static_cast<int>(std::min(seconds, kLongestWait));
    }
    return 0;
}

std::vector<std::string> split_list(std::string_view text) {
    std::vector<std::string> items;
    while (!text.empty()) {
        const auto comma = text.find(',');
        const auto item = trimmed(text.substr(0, comma));
        if (!item.empty()) items.emplace_back(item);
        if (comma == std::string_view::npos) break;
        text.remove_prefix(comma + 1);
    }
    return items;
}

std::optional<RequestedRange> parse_range(std::string_view field, std::int64_t size) {
    if (!take(field, "bytes=")) return std::nullopt;
    std::int64_t first = 0;
    std::int64_t last = 0;
    if (take(field, "-")) {
        if (!take_number(field, last) || !field.empty() || last == 0) return std::nullopt;
        return RequestedRange{std::max<std::int64_t>(0, size - last), size};
    }
    if (!take_number(field, first) || !take(field, "-")) return std::nullopt;
    if (field.empty()) return RequestedRange{std::min(first, size), size};
    if (!take_number(field, last) || !field.empty() || last < first) return std::nullopt;
    // A node's last range may end one octet too far.
    return RequestedRange{std::min(first, size), last >= size ? size : last + 1};
}

}  // namespace edgesync::transport_http
