// Reads metadata and protocol bodies. Names match in any case, unknown names are skipped, null keeps the default.
#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "edgesync/sdk/codec.h"
#include "edgesync/sdk/error.h"

namespace edgesync::codec {
namespace {

using Json = nlohmann::json;

constexpr int kMaxDepth = 64;
/// Lists of the longest policy that is valid, several times. What a value takes in memory is many times what it takes as text.
constexpr std::size_t kMostValues = 200'000;
/// What an error message tells of the parser's, which repeats what was read, however long it is.
constexpr std::size_t kLongestProblem = 200;

[[noreturn]] void invalid(const std::string& problem) { throw Error(ErrorKind::InvalidRequest, problem); }

/// What one pass over the octets tells before they are parsed.
struct Outline {
    std::string_view longest;  ///< The longest string value of the outermost object that has no escapes, without its quotes.
    std::size_t data_members = 0;
    std::size_t values = 1;
    bool longest_is_data = false;
};

/// Position of the quote that ends the string which began before `at`, or the end of the text.
std::size_t end_of_string(std::string_view json, std::size_t at, bool& has_escapes) {
    std::size_t end = std::min(json.find('"', at), json.size());
    for (;;) {
        const std::size_t escape = json.substr(at, end - at).find('\\');
        if (escape == std::string_view::npos) return end;
        has_escapes = true;
        at = std::min(at + escape + 2, json.size());
        // Only behind an escaped quote: to look for the same one after every escape would take the square of the length.
        if (at > end) end = std::min(json.find('"', at), json.size());
    }
}

bool is_data_name(std::string_view name) {
    constexpr std::string_view kName = "data";
    return std::equal(name.begin(), name.end(), kName.begin(), kName.end(),
                      [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b; });
}

/// The parser recurses, so depth is bounded before it starts.
Outline outline(std::string_view json) {
    Outline result;
    int depth = 0;
    bool after_data_name = false;
    bool is_value = false;
    for (std::size_t i = 0; i < json.size(); ++i) {
        const char c = json[i];
        if (c == '"') {
            bool has_escapes = false;
            const std::size_t end = end_of_string(json, i + 1, has_escapes);
            const std::string_view text = json.substr(i + 1, end - i - 1);
            if (depth == 1 && !is_value) {
                // A name with escapes may be any name, also this one.
                after_data_name = has_escapes || is_data_name(text);
                if (after_data_name) ++result.data_members;
            } else if (depth == 1 && !has_escapes && text.size() > result.longest.size()) {
                result.longest = text;
                result.longest_is_data = after_data_name;
            }
            i = end;
        } else if (c == '{' || c == '[') {
            if (++depth > kMaxDepth) invalid("nesting exceeds " + std::to_string(kMaxDepth) + " levels");
            ++result.values;
            is_value = false;
        } else if (c == '}' || c == ']') {
            --depth;
        } else if (c == ',') {
            ++result.values;
            if (depth == 1) is_value = false;
        } else if (c == ':' && depth == 1) {
            is_value = true;
        }
    }
    return result;
}

/// The parser's text without its number, short, and without what could make a document of the answer that repeats it.
std::string problem_of(const Json::exception& error) {
    std::string text = error.what();
    const auto bracket = text.find("] ");
    if (bracket != std::string::npos) text.erase(0, bracket + 2);
    if (text.size() > kLongestProblem) text.replace(kLongestProblem, std::string::npos, "...");
    for (char& c : text) {
        if (c == '<' || c == '>' || c == '&' || static_cast<unsigned char>(c) >= 0x7f) c = '?';
    }
    return text;
}

Json parse_bounded(std::string_view json) {
    try {
        return Json::parse(json.begin(), json.end());
    } catch (const Json::exception& error) {
        invalid(problem_of(error));
    }
}

void refuse_many(const Outline& outlined) {
    if (outlined.values > kMostValues) invalid("more than " + std::to_string(kMostValues) + " values");
}

void refuse_empty(std::string_view json) {
    if (json.find_first_not_of(" \t\r\n") == std::string_view::npos) invalid("EOF");
}

Json parse(std::string_view json) {
    refuse_empty(json);
    outline(json);
    return parse_bounded(json);
}

std::string lower(std::string_view text) {
    std::string result(text);
    for (char& c : result) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return result;
}

void read(const Json& value, const std::string& name, std::string& out) {
    if (value.is_null()) return;
    if (!value.is_string()) invalid("field " + name + " must be a string");
    out = value.get_ref<const std::string&>();
}

void read(const Json& value, const std::string& name, bool& out) {
    if (value.is_null()) return;
    if (!value.is_boolean()) invalid("field " + name + " must be true or false");
    out = value.get<bool>();
}

template <typename Number>
void read_number(const Json& value, const std::string& name, Number& out) {
    if (value.is_null()) return;
    if (!value.is_number_integer()) invalid("field " + name + " must be an integer");
    if (value.is_number_unsigned() && value.get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<Number>::max())) {
        invalid("field " + name + " is out of range");
    }
    const auto number = value.get<std::int64_t>();
    if (number < std::numeric_limits<Number>::min() || number > std::numeric_limits<Number>::max())
        invalid("field " + name + " is out of range");
    out = static_cast<Number>(number);
}

void read(const Json& value, const std::string& name, std::int64_t& out) { read_number(value, name, out); }
void read(const Json& value, const std::string& name, std::int32_t& out) { read_number(value, name, out); }

void read(const Json& value, const std::string& name, std::vector<std::string>& out) {
    if (value.is_null()) return;
    if (!value.is_array()) invalid("field " + name + " must be an array");
    out.clear();
    for (const auto& item : value) {
        out.emplace_back();
        read(item, name, out.back());
    }
}

/// Calls `field(lower-case name, value)` for each member; the last of equal names wins, as in the traditional service.
template <typename Field>
void for_each_member(const Json& object, const std::string& what, const Field& field) {
    if (!object.is_object()) invalid(what + " must be an object");
    for (const auto& [name, value] : object.items()) field(lower(name), value);
}

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

std::optional<Command> command_of(const std::string& type) {
    for (const Command command : {Command::Update, Command::Consumed, Command::Delete, Command::Deleted, Command::Received}) {
        if (type == to_string(command)) return command;
    }
    return std::nullopt;
}

}  // namespace

Metadata metadata_from_json(std::string_view json) {
    refuse_empty(json);
    refuse_many(outline(json));
    return metadata_from(parse_bounded(json));
}

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
        document = parse_bounded(is_cut ? std::string_view(without_data) : json);
    } catch (const Error&) {
        if (is_cut) parse_bounded(json);  // Positions in the message are those of the whole text.
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
    for_each_member(parse(json), "the feedback", [&](const std::string& key, const Json& value) {
        if (key == "code") read(value, key, feedback.code);
        if (key == "retryinterval") read(value, key, feedback.retry_seconds);
        if (key == "reason") read(value, key, feedback.reason);
    });
    return feedback;
}

std::vector<Message> poll_items_from_json(std::string_view json) {
    const Json document = parse(json);
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
        const auto command = command_of(type);
        if (!command) continue;
        message.command = *command;
        message.sha256 = sha256_from_digest_field(digest);
        items.push_back(std::move(message));
    }
    return items;
}

}  // namespace edgesync::codec
