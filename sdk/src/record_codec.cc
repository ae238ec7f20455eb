// Compact binary records: a format number, a bitmap of the fields that differ from their default, then those fields in order.
#include <algorithm>

#include "edgesync/sdk/codec.h"
#include "edgesync/sdk/error.h"

namespace edgesync::codec {
namespace {

constexpr std::uint8_t kFormat = 1;

[[noreturn]] void corrupt() { throw Error(ErrorKind::Corrupt, "A stored record cannot be read"); }

class Encoder {
public:
    static constexpr bool kReads = false;

    Encoder() {
        out_.reserve(256);
        out_ += static_cast<char>(kFormat);
    }
    std::string take() { return std::move(out_); }

    void number(std::uint64_t value) {
        while (value >= 0x80) {
            out_ += static_cast<char>(value | 0x80U);
            value >>= 7U;
        }
        out_ += static_cast<char>(value);
    }
    void value(const std::string& text) {
        number(text.size());
        out_ += text;
    }
    void value(bool flag) { out_ += flag ? '\1' : '\0'; }
    void value(std::int64_t signed_value) {
        number((static_cast<std::uint64_t>(signed_value) << 1U) ^ static_cast<std::uint64_t>(signed_value >> 63));
    }
    void value(std::int32_t signed_value) { value(static_cast<std::int64_t>(signed_value)); }
    void value(std::uint64_t unsigned_value) { number(unsigned_value); }
    void value(const TimePoint& time) { value(static_cast<std::int64_t>(time.time_since_epoch().count())); }
    void value(const BlobId& id) { out_.append(reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()); }
    template <typename Enum>
    requires std::is_enum_v<Enum>
    void value(const Enum& name) { out_ += static_cast<char>(name); }
    template <typename Item>
    void items(const std::vector<Item>& list, auto&& each) {
        number(list.size());
        for (const Item& item : list) each(*this, item);
    }
    /// Room for a bitmap that `set_bitmap` fills in.
    std::size_t open_bitmap() {
        out_.append(8, '\0');
        return out_.size() - 8;
    }
    void set_bitmap(std::size_t at, std::uint64_t bits) {
        for (std::size_t i = 0; i < 8; ++i) out_[at + i] = static_cast<char>(bits >> (8U * i));
    }

private:
    std::string out_;
};

class Decoder {
public:
    static constexpr bool kReads = true;

    explicit Decoder(std::string_view in) : in_(in) {
        if (octet() != kFormat) corrupt();
    }
    void finish() const {
        if (!in_.empty()) corrupt();
    }
    std::uint8_t octet() {
        if (in_.empty()) corrupt();
        const auto value = static_cast<std::uint8_t>(in_.front());
        in_.remove_prefix(1);
        return value;
    }
    std::uint64_t number() {
        std::uint64_t value = 0;
        for (unsigned int shift = 0; shift < 64; shift += 7) {
            const std::uint8_t part = octet();
            value |= static_cast<std::uint64_t>(part & 0x7FU) << shift;
            if ((part & 0x80U) == 0) return value;
        }
        corrupt();
    }
    void value(std::string& text) {
        const std::uint64_t size = number();
        if (size > in_.size()) corrupt();
        text.assign(in_.substr(0, size));
        in_.remove_prefix(size);
    }
    void value(bool& flag) { flag = octet() != 0; }
    void value(std::int64_t& out) {
        const std::uint64_t zigzag = number();
        out = static_cast<std::int64_t>(zigzag >> 1U) ^ -static_cast<std::int64_t>(zigzag & 1U);
    }
    void value(std::int32_t& out) {
        std::int64_t wide = 0;
        value(wide);
        if (wide < INT32_MIN || wide > INT32_MAX) corrupt();
        out = static_cast<std::int32_t>(wide);
    }
    void value(std::uint64_t& out) { out = number(); }
    void value(TimePoint& out) {
        std::int64_t count = 0;
        value(count);
        out = TimePoint(std::chrono::nanoseconds(count));
    }
    void value(BlobId& id) {
        if (in_.size() < id.bytes.size()) corrupt();
        std::copy_n(in_.begin(), id.bytes.size(), reinterpret_cast<char*>(id.bytes.data()));
        in_.remove_prefix(id.bytes.size());
    }
    template <typename Enum>
    requires std::is_enum_v<Enum>
    void value(Enum& name) { name = static_cast<Enum>(octet()); }
    template <typename Item>
    void items(std::vector<Item>& list, auto&& each) {
        const std::uint64_t count = number();
        if (count > in_.size()) corrupt();  // Every item takes at least one octet.
        list.clear();
        for (std::uint64_t i = 0; i < count; ++i) each(*this, list.emplace_back());
    }
    std::uint64_t bitmap() {
        std::uint64_t bits = 0;
        for (unsigned int i = 0; i < 8; ++i) bits |= static_cast<std::uint64_t>(octet()) << (8U * i);
        return bits;
    }

private:
    std::string_view in_;
};

/// Writes or reads fields one after another, leaving out those that have their default.
template <typename Coder>
class Fields {
public:
    explicit Fields(Coder& coder) : coder_(coder) {
        if constexpr (Coder::kReads) {
            bits_ = coder.bitmap();
        } else {
            at_ = coder.open_bitmap();
        }
    }
    ~Fields() {
        if constexpr (!Coder::kReads) coder_.set_bitmap(at_, bits_);
    }
    Fields(const Fields&) = delete;
    Fields& operator=(const Fields&) = delete;

    template <typename Value>
    void operator()(Value& value) {
        field(value, [&] { coder_.value(value); });
    }
    template <typename Value>
    void optional(Value& value, auto&& code) {
        if constexpr (Coder::kReads) {
            if (next()) code(value.emplace());
        } else if (next(value.has_value())) {
            code(*value);
        }
    }
    template <typename Value>
    void optional(Value& value) {
        optional(value, [&](auto& inner) { coder_.value(inner); });
    }
    template <typename List>
    void list(List& items, auto&& each) {
        field(items, [&] { coder_.items(items, each); });
    }

private:
    template <typename Value>
    void field(Value& value, auto&& code) {
        if constexpr (Coder::kReads) {
            if (next()) code();
        } else if (next(!(value == std::remove_const_t<Value>{}))) {
            code();
        }
    }
    bool next() { return ((bits_ >> index_++) & 1U) != 0; }
    bool next(bool present) {
        if (present) bits_ |= std::uint64_t{1} << index_;
        ++index_;
        return present;
    }

    Coder& coder_;
    std::uint64_t bits_ = 0;
    std::size_t at_ = 0;
    unsigned int index_ = 0;
};

constexpr auto kText = [](auto& coder, auto& text) { coder.value(text); };

constexpr auto kService = [](auto& coder, auto& service) {
    coder.value(service.org);
    coder.value(service.arch);
    coder.value(service.name);
    coder.value(service.version);
};

template <typename Coder, typename Policy>
void code_policy(Coder& coder, Policy& policy) {
    coder.items(policy.properties, [](auto& inner, auto& property) {
        inner.value(property.name);
        inner.value(property.value_json);
        inner.value(property.type);
    });
    coder.items(policy.constraints, kText);
    coder.items(policy.services, kService);
    coder.value(policy.timestamp);
}

template <typename Coder, typename Meta>
void code_meta(Coder& coder, Meta& meta) {
    Fields fields(coder);
    fields(meta.object_id);
    fields(meta.object_type);
    fields(meta.org);
    fields(meta.destination_id);
    fields(meta.destination_type);
    fields.optional(meta.destinations_list, [&](auto& list) { coder.items(list, kText); });
    fields.optional(meta.destination_policy, [&](auto& policy) { code_policy(coder, policy); });
    fields(meta.expiration);
    fields(meta.version);
    fields(meta.description);
    fields(meta.link);
    fields(meta.inactive);
    fields(meta.activation_time);
    fields(meta.no_data);
    fields(meta.meta_only);
    fields(meta.destination_data_uri);
    fields(meta.source_data_uri);
    fields(meta.consumers);
    fields(meta.autodelete);
    fields(meta.origin_id);
    fields(meta.origin_type);
    fields(meta.deleted);
    fields(meta.instance_id);
    fields(meta.data_id);
    fields(meta.object_size);
    fields(meta.chunk_size);
    fields(meta.upload_chunk_size);
    fields(meta.hash_algorithm);
    fields(meta.public_key);
    fields(meta.signature);
    fields(meta.is_public);
    fields(meta.owner_id);
}

template <typename Coder, typename Record>
void code_object(Coder& coder, Record& record) {
    code_meta(coder, record.meta);
    Fields fields(coder);
    fields(record.status);
    fields(record.side);
    fields(record.policy_received);
    fields(record.remaining_consumers);
    fields(record.remaining_receivers);
    fields.optional(record.expires);
    fields.optional(record.activates);
    fields.optional(record.consumed_at);
    fields.optional(record.data);
    fields.optional(record.staged);
    fields.list(record.removed_services, kService);
}

template <typename Coder, typename Key>
void code_key(Coder& coder, Key& key) {
    coder.value(key.org);
    coder.value(key.type);
    coder.value(key.id);
}

template <typename Coder, typename Record>
void code_notification(Coder& coder, Record& record) {
    code_key(coder, record.object);
    code_key(coder, record.peer);
    coder.value(record.status);
    coder.value(record.instance_id);
    coder.value(record.data_id);
    coder.value(record.resend_at);
    coder.value(record.sequence);
}

template <typename Coder, typename Record>
void code_delivery(Coder& coder, Record& record) {
    code_key(coder, record.object);
    code_key(coder, record.node);
    coder.value(record.status);
    coder.value(record.message);
}

template <typename Coder, typename Record>
void code_destination(Coder& coder, Record& record) {
    code_key(coder, record.node);
    coder.value(record.protocol);
    coder.value(record.code_version);
    coder.value(record.last_ping);
    coder.value(record.is_persistent);
}

template <typename Coder, typename Record>
void code_blob(Coder& coder, Record& record) {
    coder.value(record.id);
    code_key(coder, record.owner);
    coder.value(record.state);
    coder.value(record.total);
    coder.value(record.instance_id);
    coder.items(record.received, [](auto& inner, auto& range) {
        inner.value(range.begin);
        inner.value(range.end);
    });
    coder.value(record.sha256);
    coder.value(record.upload_chunk_size);
    coder.value(record.created);
}

template <typename Coder, typename Record>
void code_work(Coder& coder, Record& record) {
    coder.value(record.id);
    coder.value(record.kind);
    coder.value(record.payload);
    coder.value(record.not_before);
    coder.value(record.attempts);
}

template <typename Record>
Record decoded(std::string_view octets, auto&& code) {
    Decoder decoder(octets);
    Record record;
    code(decoder, record);
    decoder.finish();
    return record;
}

std::string encoded(const auto& record, auto&& code) {
    Encoder encoder;
    code(encoder, record);
    return encoder.take();
}

}  // namespace

std::string encode(const ObjectRecord& record) {
    return encoded(record, [](auto& c, auto& r) { code_object(c, r); });
}
ObjectRecord decode_object(std::string_view octets) {
    return decoded<ObjectRecord>(octets, [](auto& c, auto& r) { code_object(c, r); });
}
std::string encode(const NotificationRecord& record) {
    return encoded(record, [](auto& c, auto& r) { code_notification(c, r); });
}
NotificationRecord decode_notification(std::string_view octets) {
    return decoded<NotificationRecord>(octets, [](auto& c, auto& r) { code_notification(c, r); });
}
std::string encode(const DeliveryRecord& record) {
    return encoded(record, [](auto& c, auto& r) { code_delivery(c, r); });
}
DeliveryRecord decode_delivery(std::string_view octets) {
    return decoded<DeliveryRecord>(octets, [](auto& c, auto& r) { code_delivery(c, r); });
}
std::string encode(const DestinationRecord& record) {
    return encoded(record, [](auto& c, auto& r) { code_destination(c, r); });
}
DestinationRecord decode_destination(std::string_view octets) {
    return decoded<DestinationRecord>(octets, [](auto& c, auto& r) { code_destination(c, r); });
}
std::string encode(const BlobRecord& record) {
    return encoded(record, [](auto& c, auto& r) { code_blob(c, r); });
}
BlobRecord decode_blob(std::string_view octets) {
    return decoded<BlobRecord>(octets, [](auto& c, auto& r) { code_blob(c, r); });
}
std::string encode(const WorkItem& record) {
    return encoded(record, [](auto& c, auto& r) { code_work(c, r); });
}
WorkItem decode_work(std::string_view octets) {
    return decoded<WorkItem>(octets, [](auto& c, auto& r) { code_work(c, r); });
}

}  // namespace edgesync::codec
