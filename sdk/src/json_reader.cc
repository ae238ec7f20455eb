// Reads metadata and protocol bodies. Names match in any case, unknown names are skipped, null keeps the default.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <span>

#include "edgesync/sdk/codec.h"
#include "edgesync/sdk/error.h"
#include "json_document.h"

namespace edgesync::codec {

using namespace json_text;

namespace {

template <typename Item, typename Read>
void read_items(const Json& value, const std::string& name, std::vector<Item>& out, const Read& read_item) {
    if (value.is_null()) return;
    if (!value.is_array()) invalid("field " + name + " must be an array");
    for (const auto& item : value) {
        out.emplace_back();
        for_each_member(item, name, [&](const std::string& key, const Json& member) { read_item(out.back(), key, member); });
    }
}

void read_property(PolicyProperty& property, const std::string& key, const Json& value) {
    if (key == "name") read(value, key, property.name);
    if (key == "type") read(value, key, property.type);
    if (key == "value") {
        if (value.is_structured()) invalid("a property's value must be a scalar");
        property.value_json = value.dump();
    }
}

void read_service(PolicyService& service, const std::string& key, const Json& value) {
    if (key == "orgid") read(value, key, service.org);
    if (key == "arch") read(value, key, service.arch);
    if (key == "servicename") read(value, key, service.name);
    if (key == "version") read(value, key, service.version);
}

DestinationPolicy policy_from(const Json& object) {
    DestinationPolicy policy;
    for_each_member(object, "destinationPolicy", [&](const std::string& key, const Json& value) {
        if (key == "properties") read_items(value, key, policy.properties, read_property);
        if (key == "services") read_items(value, key, policy.services, read_service);
        if (key == "constraints") read(value, key, policy.constraints);
        if (key == "timestamp") read(value, key, policy.timestamp);
    });
    return policy;
}

using Reader = void (*)(Metadata&, const Json&, const std::string&);

template <auto Member>
void read_member(Metadata& meta, const Json& value, const std::string& name) {
    read(value, name, meta.*Member);
}

struct NamedReader {
    std::string_view name;
    Reader reader;
};

/// Sorted by name.
constexpr NamedReader kReaders[] = {
    {"activationtime", read_member<&Metadata::activation_time>},
    {"autodelete", read_member<&Metadata::autodelete>},
    {"chunksize", read_member<&Metadata::chunk_size>},
    {"consumers", read_member<&Metadata::consumers>},
    {"dataid", read_member<&Metadata::data_id>},
    {"deleted", read_member<&Metadata::deleted>},
    {"description", read_member<&Metadata::description>},
    {"destinationdatauri", read_member<&Metadata::destination_data_uri>},
    {"destinationid", read_member<&Metadata::destination_id>},
    {"destinationorgid", read_member<&Metadata::org>},
    {"destinationtype", read_member<&Metadata::destination_type>},
    {"expiration", read_member<&Metadata::expiration>},
    {"hashalgorithm", read_member<&Metadata::hash_algorithm>},
    {"inactive", read_member<&Metadata::inactive>},
    {"instanceid", read_member<&Metadata::instance_id>},
    {"link", read_member<&Metadata::link>},
    {"metaonly", read_member<&Metadata::meta_only>},
    {"nodata", read_member<&Metadata::no_data>},
    {"objectid", read_member<&Metadata::object_id>},
    {"objectsize", read_member<&Metadata::object_size>},
    {"objecttype", read_member<&Metadata::object_type>},
    {"originid", read_member<&Metadata::origin_id>},
    {"origintype", read_member<&Metadata::origin_type>},
    {"ownerid", read_member<&Metadata::owner_id>},
    {"public", read_member<&Metadata::is_public>},
    {"publickey", read_member<&Metadata::public_key>},
    {"signature", read_member<&Metadata::signature>},
    {"sourcedatauri", read_member<&Metadata::source_data_uri>},
    {"uploadchunksize", read_member<&Metadata::upload_chunk_size>},
    {"version", read_member<&Metadata::version>},
};

Metadata metadata_from(const Json& object) {
    Metadata meta;
    for_each_member(object, "the metadata", [&](const std::string& key, const Json& value) {
        if (value.is_null()) return;
        if (key == "destinationslist") return read(value, key, meta.destinations_list.emplace());
        if (key == "destinationpolicy") {
            meta.destination_policy = policy_from(value);
            return;
        }
        const auto found = std::lower_bound(std::begin(kReaders), std::end(kReaders), key,
                                            [](const NamedReader& r, const std::string& k) { return r.name < k; });
        if (found != std::end(kReaders) && found->name == key) found->reader(meta, value, key);
    });
    return meta;
}

/// Whether the data can be decoded from the text itself. The JSON parser goes octet by octet and makes copies, which costs more than
/// everything else that is done with a small object.
bool can_be_cut(const Outline& outlined) {
    constexpr std::size_t kShortest = 64;
    return outlined.longest_is_data && outlined.data_members == 1 && outlined.longest.size() >= kShortest &&
           outlined.longest.find('\r') == std::string_view::npos && outlined.longest.find('\n') == std::string_view::npos;
}

constexpr Command kPolled[] = {Command::Update, Command::Consumed, Command::Delete, Command::Deleted, Command::Received};
/// Unregister has no packet.
constexpr Command kSent[] = {Command::Register,  Command::RegisterNew, Command::RegAck,     Command::RegisterAsNew, Command::Ping,
                             Command::Resend,    Command::AckResend,   Command::Update,     Command::Updated,       Command::GetData,
                             Command::Received,  Command::AckReceived, Command::Consumed,   Command::AckConsumed,   Command::Delete,
                             Command::AckDelete, Command::Deleted,     Command::AckDeleted, Command::Feedback};

std::optional<Command> command_of(std::span<const Command> known, std::string_view name) {
    const auto found = std::find_if(known.begin(), known.end(), [&](Command command) { return name == to_string(command); });
    return found == known.end() ? std::nullopt : std::optional(*found);
}

void require_version(const Json& version) {
    std::int64_t major = 0;
    std::int64_t minor = -1;
    for_each_member(version, "the version", [&](const std::string& key, const Json& value) {
        if (key == "major") read(value, key, major);
        if (key == "minor") read(value, key, minor);
    });
    if (major != 1 || minor != 0) invalid("the version is not 1.0");
}

void read_destination(DecodedCommand& decoded, const Json& destination) {
    for_each_member(destination, "the destination", [&](const std::string& key, const Json& value) {
        if (key == "destinationorgid") read(value, key, decoded.destination.org);
        if (key == "destinationtype") read(value, key, decoded.destination.type);
        if (key == "destinationid") read(value, key, decoded.destination.id);
        if (key == "communication") read(value, key, decoded.message.protocol);
        if (key == "codeversion") read(value, key, decoded.message.code_version);
    });
}

void read_member_of(DecodedCommand& decoded, const std::string& key, const Json& value) {
    Message& message = decoded.message;
    if (key == "meta") message.meta = metadata_from(value);
    if (key == "offset") read(value, key, message.offset);
    if (key == "destination") read_destination(decoded, value);
    if (key == "persistent") read(value, key, message.is_persistent);
    if (key == "feedback-code") read(value, key, message.feedback.code);
    if (key == "feedback-from-origin") read(value, key, message.feedback.from_origin);
    if (key == "retry") read(value, key, message.feedback.retry_seconds);
    if (key == "reason") read(value, key, message.feedback.reason);
    if (key == "capabilities") read(value, key, message.capabilities);
}

}  // namespace

Metadata metadata_from_json(std::string_view json) { return metadata_from(parse(json)); }

PutBody put_body_from_json(std::string_view json) {
    refuse_empty(json);
    const Outline outlined = outline(json);
    refuse_many(outlined);
    PutBody body;
    std::string without_data;
    if (can_be_cut(outlined)) {
        if (auto data = base64_decode(outlined.longest)) {
            body.data = std::move(*data);
            const auto begin = static_cast<std::size_t>(outlined.longest.data() - json.data());
            without_data.append(json.substr(0, begin)).append(json.substr(begin + outlined.longest.size()));
        }
    }
    const bool is_cut = !without_data.empty();
    Json document;
    try {
        document = parse_checked(is_cut ? std::string_view(without_data) : json);
    } catch (const Error&) {
        if (is_cut) parse_checked(json);  // Positions in the message are those of the whole text.
        throw;
    }
    for_each_member(document, "the body", [&](const std::string& key, const Json& value) {
        if (value.is_null()) return;
        if (key == "meta") {
            body.meta = metadata_from(value);
            body.has_meta = true;
        }
        if (key != "data") return;
        body.has_data = true;
        if (is_cut) return;
        if (!value.is_string()) invalid("field data must be a Base64 string");
        auto data = base64_decode(value.get_ref<const std::string&>());
        if (!data) invalid("illegal base64 data");
        body.data = std::move(*data);
    });
    return body;
}

FeedbackDetail feedback_from_json(std::string_view json) {
    FeedbackDetail feedback;
    for_each_member(parse_list(json), "the feedback", [&](const std::string& key, const Json& value) {
        if (key == "code") read(value, key, feedback.code);
        if (key == "retryinterval") read(value, key, feedback.retry_seconds);
        if (key == "reason") read(value, key, feedback.reason);
    });
    return feedback;
}

std::vector<Message> poll_items_from_json(std::string_view json) {
    const Json document = parse_list(json);
    if (!document.is_array()) invalid("a poll answer must be an array");
    std::vector<Message> items;
    for (const auto& item : document) {
        std::string type;
        std::string digest;
        Message message;
        for_each_member(item, "a poll item", [&](const std::string& key, const Json& value) {
            if (key == "type") read(value, key, type);
            if (key == "digest") read(value, key, digest);
            if (key == "metadata" && !value.is_null()) message.meta = metadata_from(value);
        });
        const auto command = command_of(kPolled, type);
        if (!command) continue;
        message.command = *command;
        message.sha256 = sha256_from_digest_field(digest);
        items.push_back(std::move(message));
    }
    return items;
}

std::optional<DecodedCommand> command_from_json(std::string_view json) {
    DecodedCommand decoded;
    std::string name;
    std::string digest;
    bool has_version = false;
    for_each_member(parse(json), "the message", [&](const std::string& key, const Json& value) {
        if (value.is_null()) return;
        if (key == "version") {
            require_version(value);
            has_version = true;
        }
        if (key == "command") read(value, key, name);
        if (key == "digest") read(value, key, digest);
        read_member_of(decoded, key, value);
    });
    if (!has_version) invalid("the version is missing");
    const auto command = command_of(kSent, name);
    if (!command) return std::nullopt;
    decoded.message.command = *command;
    decoded.message.sha256 = sha256_from_digest_field(digest);
    return decoded;
}

}  // namespace edgesync::codec
