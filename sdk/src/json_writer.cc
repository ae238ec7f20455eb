// Metadata and protocol bodies as JSON text, written by hand because lists of many thousand objects are made of it.
#include <array>
#include <charconv>

#include "edgesync/sdk/codec.h"
#include "edgesync/sdk/error.h"

namespace edgesync::codec {
namespace {

constexpr char kHex[] = "0123456789abcdef";

/// Length of the valid UTF-8 sequence at `at`, 0 if there is none.
std::size_t sequence_length(std::string_view text, std::size_t at) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(at);
    std::size_t length = 0;
    std::uint32_t value = 0;
    if (first < 0x80) return 1;
    if (first >= 0xC2 && first <= 0xDF) {
        length = 2;
        value = first & 0x1FU;
    } else if (first >= 0xE0 && first <= 0xEF) {
        length = 3;
        value = first & 0x0FU;
    } else if (first >= 0xF0 && first <= 0xF4) {
        length = 4;
        value = first & 0x07U;
    } else {
        return 0;
    }
    if (at + length > text.size()) return 0;
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(at + i) & 0xC0U) != 0x80U) return 0;
        value = (value << 6U) | (byte(at + i) & 0x3FU);
    }
    if (length == 3 && (value < 0x800 || (value >= 0xD800 && value <= 0xDFFF))) return 0;
    if (length == 4 && (value < 0x10000 || value > 0x10FFFF)) return 0;
    return length;
}

void append_escape(std::string& out, unsigned char octet) {
    switch (octet) {
        case '"': out += "\\\""; return;
        case '\\': out += "\\\\"; return;
        case '\n': out += "\\n"; return;
        case '\r': out += "\\r"; return;
        case '\t': out += "\\t"; return;
        default:
            out += "\\u00";
            out += kHex[octet >> 4U];
            out += kHex[octet & 15U];
    }
}

void append_number(std::string& out, std::int64_t value) {
    std::array<char, 24> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    out.append(digits.data(), end);
}

void text_field(std::string& out, std::string_view key, std::string_view value) {
    out += key;
    if (value.empty()) {
        out += "\"\"";
    } else {
        append_json_string(out, value);
    }
}

void bool_field(std::string& out, std::string_view key, bool value) {
    out += key;
    out += value ? "true" : "false";
}

void number_field(std::string& out, std::string_view key, std::int64_t value) {
    out += key;
    append_number(out, value);
}

void append_texts(std::string& out, const std::vector<std::string>& texts) {
    out += '[';
    for (std::size_t i = 0; i < texts.size(); ++i) {
        if (i > 0) out += ',';
        append_json_string(out, texts[i]);
    }
    out += ']';
}

const char* poll_type(Command command) {
    switch (command) {
        case Command::Update: return "update";
        case Command::Consumed: return "consumed";
        case Command::Delete: return "delete";
        case Command::Deleted: return "deleted";
        case Command::Received: return "received";
        default: return nullptr;
    }
}

bool names_a_destination(Command command) {
    switch (command) {
        case Command::Register:
        case Command::RegisterNew:
        case Command::Ping:
        case Command::Resend:
        case Command::AckResend: return true;
        default: return false;
    }
}

/// What a resend and its acknowledgement say of the version is empty.
bool names_a_code_version(Command command) {
    return command == Command::Register || command == Command::RegisterNew || command == Command::Ping;
}

bool carries_capabilities(Command command) {
    return command == Command::Register || command == Command::RegisterNew || command == Command::RegAck || command == Command::GetData;
}

void append_destination(std::string& out, Command command, const NodeKey& node, std::string_view communication) {
    const bool is_named = names_a_destination(command);
    text_field(out, "{\"destinationOrgID\":", is_named ? std::string_view(node.org) : "");
    text_field(out, ",\"destinationType\":", is_named ? std::string_view(node.type) : "");
    text_field(out, ",\"destinationID\":", is_named ? std::string_view(node.id) : "");
    text_field(out, ",\"communication\":", is_named ? communication : "");
    text_field(out, ",\"codeVersion\":", names_a_code_version(command) ? "1.0" : "");
    out += '}';
}

/// What is written only where it says something.
void append_details(std::string& out, const Message& message) {
    const FeedbackDetail& feedback = message.feedback;
    if (message.is_persistent) bool_field(out, ",\"persistent\":", true);
    if (feedback.code != 0) number_field(out, ",\"feedback-code\":", feedback.code);
    if (feedback.from_origin) bool_field(out, ",\"feedback-from-origin\":", true);
    if (feedback.retry_seconds != 0) number_field(out, ",\"retry\":", feedback.retry_seconds);
    if (!feedback.reason.empty()) text_field(out, ",\"reason\":", feedback.reason);
    if (message.command == Command::Update && !message.sha256.empty()) {
        text_field(out, ",\"digest\":", to_digest_field(message.sha256));
    }
    if (carries_capabilities(message.command) && !message.capabilities.empty()) {
        out += ",\"capabilities\":";
        append_texts(out, message.capabilities);
    }
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
    out += '"';
    std::size_t copied = 0;
    for (std::size_t at = 0; at < text.size();) {
        const auto octet = static_cast<unsigned char>(text[at]);
        if (octet >= 0x20 && octet < 0x80 && octet != '"' && octet != '\\') {
            ++at;
            continue;
        }
        const std::size_t length = octet < 0x80 ? 0 : sequence_length(text, at);
        if (length > 0) {
            at += length;
            continue;
        }
        out.append(text, copied, at - copied);
        if (octet < 0x80) {
            append_escape(out, octet);
        } else {
            out += "\xEF\xBF\xBD";
        }
        copied = ++at;
    }
    out.append(text, copied, text.size() - copied);
    out += '"';
}

void append_json(std::string& out, const DestinationPolicy& policy) {
    out += "{\"properties\":[";
    for (std::size_t i = 0; i < policy.properties.size(); ++i) {
        const auto& property = policy.properties[i];
        text_field(out, i > 0 ? ",{\"name\":" : "{\"name\":", property.name);
        out += ",\"value\":";
        out += property.value_json.empty() ? "null" : property.value_json;
        text_field(out, ",\"type\":", property.type);
        out += '}';
    }
    out += "],\"constraints\":";
    append_texts(out, policy.constraints);
    out += ",\"services\":[";
    for (std::size_t i = 0; i < policy.services.size(); ++i) {
        const auto& service = policy.services[i];
        text_field(out, i > 0 ? ",{\"orgID\":" : "{\"orgID\":", service.org);
        text_field(out, ",\"arch\":", service.arch);
        text_field(out, ",\"serviceName\":", service.name);
        text_field(out, ",\"version\":", service.version);
        out += '}';
    }
    number_field(out, "],\"timestamp\":", policy.timestamp);
    out += '}';
}

void append_json(std::string& out, const Metadata& meta) {
    text_field(out, "{\"objectID\":", meta.object_id);
    text_field(out, ",\"objectType\":", meta.object_type);
    text_field(out, ",\"destinationOrgID\":", meta.org);
    text_field(out, ",\"destinationID\":", meta.destination_id);
    text_field(out, ",\"destinationType\":", meta.destination_type);
    out += ",\"destinationsList\":";
    if (meta.destinations_list) {
        append_texts(out, *meta.destinations_list);
    } else {
        out += "null";
    }
    out += ",\"destinationPolicy\":";
    if (meta.destination_policy) {
        append_json(out, *meta.destination_policy);
    } else {
        out += "null";
    }
    text_field(out, ",\"expiration\":", meta.expiration);
    text_field(out, ",\"version\":", meta.version);
    text_field(out, ",\"description\":", meta.description);
    text_field(out, ",\"link\":", meta.link);
    bool_field(out, ",\"inactive\":", meta.inactive);
    text_field(out, ",\"activationTime\":", meta.activation_time);
    bool_field(out, ",\"noData\":", meta.no_data);
    bool_field(out, ",\"metaOnly\":", meta.meta_only);
    text_field(out, ",\"destinationDataUri\":", meta.destination_data_uri);
    text_field(out, ",\"sourceDataUri\":", meta.source_data_uri);
    number_field(out, ",\"consumers\":", meta.consumers);
    bool_field(out, ",\"autodelete\":", meta.autodelete);
    text_field(out, ",\"originID\":", meta.origin_id);
    text_field(out, ",\"originType\":", meta.origin_type);
    bool_field(out, ",\"deleted\":", meta.deleted);
    number_field(out, ",\"instanceID\":", meta.instance_id);
    number_field(out, ",\"dataID\":", meta.data_id);
    number_field(out, ",\"objectSize\":", meta.object_size);
    number_field(out, ",\"chunkSize\":", meta.chunk_size);
    number_field(out, ",\"uploadChunkSize\":", meta.upload_chunk_size);
    text_field(out, ",\"hashAlgorithm\":", meta.hash_algorithm);
    text_field(out, ",\"publicKey\":", meta.public_key);
    text_field(out, ",\"signature\":", meta.signature);
    bool_field(out, ",\"public\":", meta.is_public);
    text_field(out, ",\"ownerID\":", meta.owner_id);
    out += '}';
}

std::string to_json(const Metadata& meta) {
    std::string out;
    out.reserve(1024);
    append_json(out, meta);
    return out;
}

std::string to_json(const FeedbackDetail& feedback) {
    std::string out;
    number_field(out, "{\"Code\":", feedback.code);
    number_field(out, ",\"RetryInterval\":", feedback.retry_seconds);
    text_field(out, ",\"Reason\":", feedback.reason);
    out += '}';
    return out;
}

std::string poll_items_to_json(const std::vector<Message>& items) {
    std::string out = "[";
    for (const auto& item : items) {
        const char* type = poll_type(item.command);
        if (type == nullptr) continue;
        if (out.size() > 1) out += ',';
        text_field(out, "{\"Type\":", type);
        out += ",\"MetaData\":";
        append_json(out, item.meta);
        if (!item.sha256.empty()) text_field(out, ",\"digest\":", to_digest_field(item.sha256));
        out += '}';
    }
    out += ']';
    return out;
}

std::string command_to_json(const Message& message, const NodeKey& destination, std::string_view communication) {
    if (message.command == Command::Unregister) throw Error(ErrorKind::Unsupported, "There is no packet that unregisters a node");
    std::string out;
    out.reserve(1280);
    text_field(out, "{\"version\":{\"Major\":1,\"Minor\":0},\"command\":", to_string(message.command));
    out += ",\"meta\":";
    append_json(out, message.meta);
    if (message.offset != 0) number_field(out, ",\"offset\":", message.offset);
    out += ",\"destination\":";
    append_destination(out, message.command, destination, communication);
    append_details(out, message);
    out += '}';
    return out;
}

}  // namespace edgesync::codec
