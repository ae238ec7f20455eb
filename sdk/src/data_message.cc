// Data messages of packet transports: a header of 16 octets, then fields of type, length and value. Integers are big-endian.
#include <algorithm>
#include <limits>

#include "edgesync/sdk/codec.h"
#include "edgesync/sdk/error.h"

namespace edgesync::codec {
namespace {

constexpr std::string_view kMagic = "\1\1\1\1";
constexpr std::uint32_t kMajor = 1;
constexpr std::uint32_t kMinor = 0;
/// Of a valid name (object.h).
constexpr std::size_t kLongestName = 1024;

enum class Field : std::uint32_t { Org = 1, Type = 2, Id = 3, Offset = 4, Data = 5, Instance = 6 };
constexpr std::uint32_t kFields = 6;

[[noreturn]] void invalid(const char* problem) { throw Error(ErrorKind::InvalidRequest, problem); }

void append_number(std::string& out, std::uint64_t value, unsigned octets) {
    while (octets > 0) out += static_cast<char>(value >> (8U * --octets));
}

void append_field(std::string& out, Field type, std::size_t length) {
    append_number(out, static_cast<std::uint32_t>(type), 4);
    append_number(out, length, 4);
}

void append_name(std::string& out, Field type, const std::string& name) {
    if (name.size() > kLongestName) invalid("a name has more than 1024 octets");
    append_field(out, type, name.size());
    out += name;
}

void append_integer(std::string& out, Field type, std::int64_t value) {
    append_field(out, type, 8);
    append_number(out, static_cast<std::uint64_t>(value), 8);
}

std::uint64_t number_of(std::string_view octets) {
    std::uint64_t value = 0;
    for (const char octet : octets) value = (value << 8U) | static_cast<unsigned char>(octet);
    return value;
}

std::int64_t integer_of(std::string_view value) {
    if (value.size() != 8) invalid("an offset or instance id does not have 8 octets");
    return static_cast<std::int64_t>(number_of(value));
}

std::string name_of(std::string_view value) {
    if (value.size() > kLongestName) invalid("a name has more than 1024 octets");
    return std::string(value);
}

class Cursor {
public:
    explicit Cursor(std::string_view octets) : rest_(octets) {}
    std::uint32_t number() { return static_cast<std::uint32_t>(number_of(take(4))); }
    std::string_view take(std::size_t length) {
        if (length > rest_.size()) invalid("a data message ends within a field");
        const auto octets = rest_.substr(0, length);
        rest_.remove_prefix(length);
        return octets;
    }
    std::size_t left() const { return rest_.size(); }

private:
    std::string_view rest_;
};

void read_field(DataMessage& message, std::uint32_t type, std::string_view value) {
    switch (static_cast<Field>(type)) {
        case Field::Org: message.key.org = name_of(value); break;
        case Field::Type: message.key.type = name_of(value); break;
        case Field::Id: message.key.id = name_of(value); break;
        case Field::Offset: message.offset = integer_of(value); break;
        case Field::Instance: message.instance_id = integer_of(value); break;
        case Field::Data: message.data = value; break;
        default: break;
    }
}

}  // namespace

bool is_data_message(std::string_view payload) noexcept { return payload.starts_with(kMagic); }

std::string encode_data_header(const ObjectKey& key, InstanceId instance, std::int64_t offset, std::size_t length) {
    if (length > std::numeric_limits<std::uint32_t>::max()) invalid("a data message has at most 4294967295 octets of data");
    std::string out(kMagic);
    out.reserve(80 + key.org.size() + key.type.size() + key.id.size());
    append_number(out, kMajor, 4);
    append_number(out, kMinor, 4);
    append_number(out, kFields, 4);
    append_name(out, Field::Org, key.org);
    append_name(out, Field::Type, key.type);
    append_name(out, Field::Id, key.id);
    append_integer(out, Field::Offset, offset);
    append_integer(out, Field::Instance, instance);
    append_field(out, Field::Data, length);
    return out;
}

DataMessage decode_data(std::string_view payload) {
    Cursor cursor(payload);
    if (cursor.take(kMagic.size()) != kMagic) invalid("a data message does not begin with its magic number");
    const auto major = cursor.number();
    const auto minor = cursor.number();
    if (major != kMajor || minor != kMinor) invalid("the version of a data message is not 1.0");
    DataMessage message;
    bool has_data = false;
    // A field takes 8 octets at least, so the payload bounds the loop whatever it says.
    for (auto fields = cursor.number(); fields > 0 && !message.is_cut_short; --fields) {
        const auto type = cursor.number();
        std::size_t length = cursor.number();
        if (static_cast<Field>(type) == Field::Data) {
            has_data = true;
            message.is_cut_short = length > cursor.left();
            length = std::min(length, cursor.left());
        }
        read_field(message, type, cursor.take(length));
    }
    if (!has_data) invalid("a data message has no data");
    if (message.key.type.empty() || message.key.id.empty()) invalid("a data message names no object");
    if (message.offset < 0) invalid("the offset of a data message is negative");
    return message;
}

}  // namespace edgesync::codec
