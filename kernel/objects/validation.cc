#include "kernel/objects/validation.h"

#include <limits>
#include <string>

#include "edgesync/sdk/codec.h"
#include "edgesync/sdk/error.h"
#include "kernel/files/data_uri.h"
#include "kernel/files/file_error.h"
#include "kernel/objects/names.h"
#include "kernel/objects/time_text.h"
#include "kernel/objects/version_range.h"

namespace edgesync::objects {
namespace {

constexpr std::size_t kMostEntries = 10000;
constexpr std::size_t kLongestText = 65536;

[[noreturn]] void refuse(const std::string& text) { throw Error(ErrorKind::InvalidRequest, text); }

void require(bool is_kept, const std::string& text) {
    if (!is_kept) refuse(text);
}

/// Rules 1 to 7.
void check_key(const Metadata& meta, const ObjectKey& path) {
    if (!path.org.empty() && !is_valid_name(path.org))
        refuse("Organization ID (" + html_escape(path.org) + ") contains invalid characters");
    if (meta.object_id.empty()) refuse("Object's meta data does not contain object's ID");
    if (meta.object_id != path.id) {
        refuse("Object ID (" + html_escape(path.id) + ") in the URL doesn't match the object-id (" + html_escape(meta.object_id) +
               ") in the payload");
    }
    if (!is_valid_name(meta.object_id)) refuse("Object ID (" + html_escape(meta.object_id) + ") contains invalid characters");
    if (meta.object_type.empty()) refuse("Object's meta data does not contain object's type");
    if (meta.object_type != path.type) {
        refuse("Object type (" + html_escape(path.type) + ") in the URL doesn't match the object-type (" + html_escape(meta.object_type) +
               ") in the payload");
    }
    if (!is_valid_name(meta.object_type)) refuse("Object type (" + html_escape(meta.object_type) + ") contains invalid characters");
}

/// Rules 8 to 10.
void check_signature(const Metadata& meta) {
    const std::string& algorithm = meta.hash_algorithm;
    if (!algorithm.empty() && algorithm != "SHA1" && algorithm != "SHA256") {
        refuse("Hash Algorithm (" + html_escape(algorithm) + ") is not supported. Please use SHA1 or SHA256 if specify");
    }
    if (!codec::base64_decode(meta.public_key)) refuse("PublicKey is not base64 encoded. Error: illegal base64 data");
    if (!codec::base64_decode(meta.signature)) refuse("Signature is not base64 encoded. Error: illegal base64 data");
}

/// Rules 11 to 13.
void check_expiration(const Metadata& meta, const ValidationInput& input) {
    if (meta.expiration.empty()) return;
    if (input.role == NodeRole::Ess) refuse("Object expiration is disabled on ESS");
    const auto expires = parse_rfc3339(meta.expiration);
    if (!expires)
        refuse("Failed to parse expiration in object's meta data. Error: '" + html_escape(meta.expiration) + "' is not an RFC 3339 time");
    if (*expires <= input.now) refuse("Invalid expiration time in object's meta data");
}

/// Whether a text holds `<word>` or `</word>` of ASCII letters and digits.
bool has_tag(std::string_view text) {
    for (std::size_t at = text.find('<'); at != std::string_view::npos; at = text.find('<', at + 1)) {
        std::size_t i = at + 1;
        if (i < text.size() && text[i] == '/') ++i;
        const std::size_t begin = i;
        while (i < text.size() &&
               ((text[i] >= 'a' && text[i] <= 'z') || (text[i] >= 'A' && text[i] <= 'Z') || (text[i] >= '0' && text[i] <= '9')))
            ++i;
        if (i > begin && i < text.size() && text[i] == '>') return true;
    }
    return false;
}

/// Rules 14 to 16.
void check_texts(const Metadata& meta, const ValidationInput& input) {
    for (const std::string* text : {&meta.version, &meta.description, &meta.link}) {
        if (text->size() > kLongestText) refuse("version, description and link may have at most 65536 bytes each");
    }
    if (!meta.version.empty() && !is_valid_name(meta.version)) {
        refuse("Version (" + html_escape(meta.version) + ") contains one/some invalid characters");
    }
    if (has_tag(meta.description)) refuse("Description (" + html_escape(meta.description) + ") contains unsupported tags");
    if (meta.meta_only && input.data_size > 0) refuse("Can't update data if MetaOnly is true");
}

bool is_list_entry(const std::string& entry) {
    const auto colon = entry.find(':');
    return colon != std::string::npos && is_valid_name(entry.substr(0, colon)) && is_valid_name(entry.substr(colon + 1));
}

/// Rules 17 to 20.
void check_list(const Metadata& meta, const ValidationInput& input) {
    if (!meta.destination_id.empty() && meta.destination_type.empty()) {
        refuse("Destination ID provided without destination type in object's meta data");
    }
    if (!meta.destinations_list) return;
    if (input.role == NodeRole::Ess) refuse("Destinations list is not supported for ESS");
    if (!meta.destination_type.empty()) refuse("Both destinations list and destination type are specified");
    if (meta.destinations_list->size() > kMostEntries) refuse("destinationsList may have at most 10000 entries");
    for (const auto& entry : *meta.destinations_list) {
        if (entry.find_first_of("<>") != std::string::npos) refuse("Unsupported char <, > in destinationsList.");
    }
    for (const auto& entry : *meta.destinations_list) {
        if (!is_list_entry(entry)) refuse("Invalid destination " + html_escape(entry) + " in destinationsList: it must be type:id");
    }
}

/// Rules 21 to 25.
void check_policy(const Metadata& meta) {
    if (!meta.destination_policy) return;
    if (!meta.destination_type.empty()) refuse("Both destination policy and destination type are specified");
    if (meta.destinations_list) refuse("Both destination policy and destination list are specified");
    const DestinationPolicy& policy = *meta.destination_policy;
    if (policy.services.size() > kMostEntries || policy.properties.size() > kMostEntries || policy.constraints.size() > kMostEntries) {
        refuse("A destination policy may have at most 10000 services, properties and constraints each");
    }
    for (const auto& property : policy.properties) {
        if (property.name.empty()) refuse("A property in the DestinationPolicy must have a name");
    }
    for (const auto& service : policy.services) {
        if (service.org.empty() || service.arch.empty() || service.name.empty() || service.version.empty()) {
            refuse("A service in a DestinationPolicy must have an organization ID, architecture, service name, and version specified");
        }
        if (!is_version_range(service.version)) {
            refuse("A service in the DestinationPolicy has an invalid version `" + html_escape(service.version) + "`");
        }
    }
}

/// Rules 26 to 29.
void check_destination(const Metadata& meta, const ValidationInput& input) {
    if (!meta.destination_type.empty() && !is_valid_name(meta.destination_type)) {
        refuse("Destination type (" + html_escape(meta.destination_type) + ") contains invalid characters");
    }
    if (!meta.destination_id.empty() && !is_valid_name(meta.destination_id)) {
        refuse("Destination ID (" + html_escape(meta.destination_id) + ") contains invalid characters");
    }
    if (meta.autodelete && !meta.destinations_list && meta.destination_id.empty()) {
        refuse("AutoDelete can be used only for objects with DestinationsList or DestID set");
    }
    if (meta.inactive && !meta.activation_time.empty()) {
        const auto activates = parse_rfc3339(meta.activation_time);
        if (!activates) {
            refuse("Failed to parse activation time in object's meta data. Error: '" + html_escape(meta.activation_time) +
                   "' is not an RFC 3339 time");
        }
        if (*activates <= input.now) refuse("Invalid activation time in object's meta data");
    }
    require(!meta.deleted, "Object marked as deleted");
}

/// Rules 31 and 34; what an edge node finds at the path is its own to judge.
void check_uri(std::string (*parse)(std::string_view), const std::string& uri, const std::string& refusal) {
    try {
        parse(uri);
    } catch (const files::FileError&) {
        refuse(refusal);
    }
}

/// Rules 30 to 34.
void check_uris(const Metadata& meta, const ValidationInput& input) {
    if (!meta.destination_data_uri.empty()) {
        if (input.role == NodeRole::Ess) refuse("Data URI is disabled on CSS");  // Sic: clients know the text.
        check_uri(files::destination_of_uri, meta.destination_data_uri, "Invalid destination data URI");
    }
    if (!meta.source_data_uri.empty()) {
        if (input.role == NodeRole::Css) refuse("Data URI is disabled on CSS");
        if (input.has_data) refuse("Both source data URI and data are set");
        check_uri(files::path_of_uri, meta.source_data_uri, "Invalid source data URI");
    }
}

/// Rules 35 and 36.
void check_origin(const Metadata& meta) {
    if (!meta.origin_type.empty() && !meta.origin_id.empty()) {
        if (!is_valid_name(meta.origin_type)) refuse("OriginType (" + html_escape(meta.origin_type) + ") contains invalid characters");
        if (!is_valid_name(meta.origin_id)) refuse("OriginID (" + html_escape(meta.origin_id) + ") contains invalid characters");
    }
    if (!meta.org.empty() && !is_valid_name(meta.org)) refuse("DestOrgID (" + html_escape(meta.org) + ") contains invalid characters");
}

void settle_consumers(Metadata& meta) {
    if (meta.consumers < -1) refuse("consumers (" + std::to_string(meta.consumers) + ") must be -1 for unlimited, or a positive number");
    if (meta.consumers == 0) meta.consumers = 1;
    if (meta.consumers == -1) meta.consumers = std::numeric_limits<std::int32_t>::max();
}

}  // namespace

void validate(Metadata& meta, const ObjectKey& path, const ValidationInput& input) {
    check_key(meta, path);
    check_signature(meta);
    check_expiration(meta, input);
    check_texts(meta, input);
    check_list(meta, input);
    check_policy(meta);
    check_destination(meta, input);
    check_uris(meta, input);
    check_origin(meta);
    settle_consumers(meta);
}

}  // namespace edgesync::objects
