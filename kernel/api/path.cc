#include "kernel/api/path.h"

#include <algorithm>
#include <array>

#include "edgesync/sdk/error.h"
#include "kernel/api/answers.h"
#include "kernel/objects/names.h"

namespace edgesync::api {
namespace {

/// The rest behind `prefix` ("objects") if `path` is it or lies below it.
std::optional<std::string_view> below(std::string_view path, std::string_view prefix) {
    if (!path.starts_with(prefix)) return std::nullopt;
    path.remove_prefix(prefix.size());
    if (path.empty()) return path;
    if (path.front() != '/') return std::nullopt;
    return path.substr(1);
}

/// With the slash that belongs before it, so that `split_path` takes that one and no other.
std::vector<std::string> decode(std::string_view rest) { return split_path("/" + std::string(rest)); }

HttpResponse invalid_name(std::string_view what, std::string_view name) {
    return error_answer(400, what, " (" + objects::html_escape(name) + ") contains invalid characters");
}

std::optional<HttpResponse> check_names(const ObjectPath& path, bool has_org) {
    if (has_org && !objects::is_valid_name(path.key.org)) return invalid_name("Organization ID", path.key.org);
    if (path.level >= ObjectPath::Level::Type && !objects::is_valid_name(path.key.type)) return invalid_name("object Type", path.key.type);
    if (path.level >= ObjectPath::Level::Object && !objects::is_valid_name(path.key.id)) return invalid_name("object ID", path.key.id);
    return std::nullopt;
}

}  // namespace

Route route_of(std::string_view raw_path, NodeRole role) {
    const auto rest = below(raw_path, "/api/v1");
    if (!rest) return {};
    if (const auto objects = below(*rest, "objects")) return {Resource::Objects, *objects};
    if (const auto destinations = below(*rest, "destinations")) {
        // An edge node knows the collection only.
        if (role == NodeRole::Ess && *rest != "destinations") return {};
        return {Resource::Destinations, *destinations};
    }
    if (const auto security = below(*rest, "security"); security && role == NodeRole::Css) return {Resource::Security, *security};
    if (const auto organizations = below(*rest, "organizations")) return {Resource::Organizations, *organizations};
    if (*rest == "resend") return {Resource::Resend, {}};
    if (*rest == "shutdown") return {Resource::Shutdown, {}};
    if (*rest == "health") return {Resource::Health, {}};
    return {};
}

std::optional<HttpResponse> parse_object_path(std::string_view rest, NodeRole role, const std::string& own_org, ObjectPath& path) {
    if (rest.empty()) return empty_answer(400);
    std::vector<std::string> segments;
    try {
        segments = decode(rest);
    } catch (const Error& error) {
        return error_answer(400, "", objects::html_escape(error.what()));
    }
    const bool has_org = role == NodeRole::Css;
    std::size_t next = 0;
    path.key.org = has_org ? segments[next++] : own_org;
    std::size_t count = segments.size() - next;
    // One trailing slash is fine, but "org/" is the type form with an empty type.
    if (count > 1 && segments.back().empty()) --count;
    if (count > 3) return empty_answer(400);
    path.level = static_cast<ObjectPath::Level>(count);
    if (count > 0) path.key.type = std::move(segments[next++]);
    if (count > 1) path.key.id = std::move(segments[next++]);
    if (count > 2) {
        path.operation = std::move(segments[next]);
        std::transform(path.operation.begin(), path.operation.end(), path.operation.begin(),
                       [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    }
    return check_names(path, has_org);
}

std::optional<std::vector<std::string>> parse_segments(std::string_view rest) {
    if (rest.empty()) return std::vector<std::string>{};
    try {
        auto segments = decode(rest);
        if (!segments.empty() && segments.back().empty()) segments.pop_back();
        return segments;
    } catch (const Error&) {
        return std::nullopt;
    }
}

std::optional<bool> boolean_parameter(const HttpRequest& request, std::string_view name) {
    constexpr std::array<std::string_view, 6> yes = {"1", "t", "T", "TRUE", "true", "True"};
    constexpr std::array<std::string_view, 6> no = {"0", "f", "F", "FALSE", "false", "False"};
    const auto value = request.parameter(name);
    if (!value || value->empty()) return std::nullopt;
    if (std::find(yes.begin(), yes.end(), *value) != yes.end()) return true;
    if (std::find(no.begin(), no.end(), *value) != no.end()) return false;
    throw Error(ErrorKind::InvalidRequest, "The parameter " + std::string(name) + " is not a Boolean");
}

}  // namespace edgesync::api
