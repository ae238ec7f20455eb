#include "kernel/api/object_filter.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "edgesync/sdk/error.h"
#include "kernel/api/path.h"
#include "kernel/objects/names.h"
#include "kernel/objects/time_text.h"

namespace edgesync::api {
namespace {

struct ServiceName {
    std::string org;
    std::string name;
};

[[noreturn]] void refuse(std::string_view name) {
    throw Error(ErrorKind::InvalidRequest, "The parameter " + std::string(name) + " is invalid");
}

std::optional<std::string> given(const HttpRequest& request, std::string_view name) {
    auto value = request.parameter(name);
    if (value && value->empty()) value.reset();
    return value;
}

std::optional<std::string> valid_name(const HttpRequest& request, std::string_view name) {
    auto value = given(request, name);
    if (value && !objects::is_valid_name(*value)) refuse(name);
    return value;
}

std::optional<std::string> destination_part(const HttpRequest& request, std::string_view name) {
    auto value = given(request, name);
    if (value && value->find_first_of("<>") != std::string::npos) refuse(name);
    return value;
}

std::optional<ServiceName> service_name(const HttpRequest& request, std::string_view name) {
    const auto value = given(request, name);
    if (!value) return std::nullopt;
    const auto slash = value->find('/');
    if (slash == std::string::npos) refuse(name);
    ServiceName service{value->substr(0, slash), value->substr(slash + 1)};
    if (!objects::is_valid_name(service.org) || !objects::is_valid_name(service.name)) refuse(name);
    return service;
}

std::optional<TimePoint> instant(const HttpRequest& request, std::string_view name) {
    auto value = given(request, name);
    if (!value) return std::nullopt;
    // Known clients write the '+' of an offset as it is, and in a query that is a blank.
    if (const auto blank = value->rfind(' '); blank != std::string::npos) (*value)[blank] = '+';
    const auto time = objects::parse_rfc3339(*value);
    if (!time) refuse(name);
    return time;
}

std::optional<std::int64_t> positive_number(const HttpRequest& request, std::string_view name) {
    const auto value = given(request, name);
    if (!value) return std::nullopt;
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), number);
    if (error != std::errc() || end != value->data() + value->size() || number <= 0) refuse(name);
    return number;
}

bool names_service(const DestinationPolicy& policy, const ServiceName& service) {
    return std::any_of(policy.services.begin(), policy.services.end(),
                       [&](const PolicyService& candidate) { return candidate.org == service.org && candidate.name == service.name; });
}

bool has_property(const DestinationPolicy& policy, const std::string& name) {
    return std::any_of(policy.properties.begin(), policy.properties.end(),
                       [&](const PolicyProperty& candidate) { return candidate.name == name; });
}

/// The parts of `?filters=true` that look at the policy; they count only with `destinationPolicy=true`.
struct PolicyPart {
    std::optional<bool> has_policy;
    std::optional<ServiceName> service;
    std::optional<std::string> property;
    std::optional<std::int64_t> since;  ///< Nanoseconds since the epoch.

    bool admits(const Metadata& meta) const {
        const auto& policy = meta.destination_policy;
        if (has_policy && *has_policy != policy.has_value()) return false;
        if (!has_policy || !*has_policy) return true;
        return (!service || names_service(*policy, *service)) && (!property || has_property(*policy, *property)) &&
               (!since || policy->timestamp >= *since);
    }
};

struct DestinationPart {
    std::optional<std::string> type;
    std::optional<std::string> id;

    bool admits(const Metadata& meta) const {
        if (!type) return true;
        if (meta.destination_type == *type && (!id || meta.destination_id == *id)) return true;
        if (!meta.destinations_list) return false;
        return std::any_of(meta.destinations_list->begin(), meta.destinations_list->end(),
                           [this](const std::string& entry) { return id ? entry == *type + ":" + *id : entry.starts_with(*type + ":"); });
    }
};

struct MetadataPart {
    std::optional<std::string> type;
    std::optional<std::string> id;
    std::optional<bool> no_data;
    std::optional<bool> deleted;
    std::optional<TimePoint> expires_before;

    bool admits(const ObjectRecord& object) const {
        const Metadata& meta = object.meta;
        if (type && (meta.object_type != *type || (id && meta.object_id != *id))) return false;
        if (no_data && meta.no_data != *no_data) return false;
        if (deleted && meta.deleted != *deleted) return false;
        if (!expires_before) return true;
        const auto expiration = meta.expiration.empty() ? std::nullopt : objects::parse_rfc3339(meta.expiration);
        return expiration && *expiration <= *expires_before;
    }
};

}  // namespace

ObjectFilter policy_filter(const HttpRequest& request) {
    const bool received = boolean_parameter(request, "received").value_or(false);
    const auto service = service_name(request, "service");
    const auto since = positive_number(request, "since");
    return [received, service, since](const ObjectRecord& object) {
        const auto& policy = object.meta.destination_policy;
        if (!policy) return false;
        if (since) return policy->timestamp >= *since;
        if (service) return names_service(*policy, *service);
        return !object.meta.deleted && (received || !object.policy_received);
    };
}

ObjectFilter metadata_filter(const HttpRequest& request) {
    PolicyPart policy;
    policy.has_policy = boolean_parameter(request, "destinationPolicy");
    policy.service = service_name(request, "dpService");
    policy.property = valid_name(request, "dpPropertyName");
    if (const auto since = instant(request, "since")) {
        if (since->time_since_epoch().count() <= 0) refuse("since");
        policy.since = since->time_since_epoch().count();
    }
    const DestinationPart destination{destination_part(request, "destinationType"), destination_part(request, "destinationID")};
    MetadataPart meta;
    meta.type = valid_name(request, "objectType");
    meta.id = valid_name(request, "objectID");
    meta.no_data = boolean_parameter(request, "noData");
    meta.deleted = boolean_parameter(request, "deleted");
    meta.expires_before = instant(request, "expirationTimeBefore");
    return [policy = std::move(policy), destination, meta = std::move(meta)](const ObjectRecord& object) {
        return policy.admits(object.meta) && destination.admits(object.meta) && meta.admits(object);
    };
}

}  // namespace edgesync::api
