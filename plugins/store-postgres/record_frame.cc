#include "record_frame.h"

#include "edgesync/sdk/codec.h"

namespace edgesync::postgres {
namespace {

/// A name of three empty texts.
constexpr std::size_t kEmptyName = 3;
/// The number of the format.
constexpr std::size_t kHead = 1;

/// `of_nobody`: the record without a node; `bare`: without an object as well, so that what follows both can be told.
RecordFrame frame(const std::string& of_nobody, const std::string& bare) {
    RecordFrame out;
    out.after = bare.substr(kHead + 2 * kEmptyName);
    out.before = of_nobody.substr(0, of_nobody.size() - out.after.size() - kEmptyName);
    return out;
}

template <typename Record>
RecordFrame frame_without(Record record, NodeKey Record::*node) {
    record.*node = {};
    const std::string of_nobody = codec::encode(record);
    record.object = {};
    return frame(of_nobody, codec::encode(record));
}

}  // namespace

RecordFrame frame_of(DeliveryRecord record) { return frame_without(std::move(record), &DeliveryRecord::node); }
RecordFrame frame_of(NotificationRecord record) { return frame_without(std::move(record), &NotificationRecord::peer); }

std::string name_in_records(const NodeKey& node) {
    DeliveryRecord record;
    const std::string nobody = codec::encode(record);
    record.node = node;
    const std::string named = codec::encode(record);
    return named.substr(kHead + kEmptyName, named.size() - nobody.size() + kEmptyName);
}

NodeKey node_named(const std::string& name) {
    const RecordFrame around = frame_of(DeliveryRecord{});
    return codec::decode_delivery(around.before + name + around.after).node;
}

}  // namespace edgesync::postgres
