#include "kernel/data/verification.h"

#include "kernel/objects/lifecycle.h"

namespace edgesync::data {
namespace {

constexpr char kPrefix[] = "verify";

std::vector<std::string> entry_of(const ObjectKey& key) { return {kPrefix, key.org, key.type, key.id}; }

}  // namespace

void begin_verification(WriteTransaction& txn, ObjectRecord object, const std::string& sha256, rules::Effects& effects) {
    auto blob = txn.blob(*object.staged);
    blob->sha256 = sha256;
    txn.put_blob(*blob);
    object.status = ObjectStatus::Verifying;
    txn.put_object(object);
    txn.put_entry(EntryTable::Setting, entry_of(object.key()), "");
    effects.verify.push_back(object.key());
}

std::optional<Verification> waiting_verification(ReadTransaction& txn, const ObjectKey& key) {
    auto object = txn.object(key);
    if (!object || object->status != ObjectStatus::Verifying || !object->staged) return std::nullopt;
    const auto blob = txn.blob(*object->staged);
    if (!blob) return std::nullopt;
    return Verification{key, blob->id, blob->total, blob->sha256, std::move(object->meta)};
}

void end_verification(const rules::NodeContext& context, WriteTransaction& txn, const ObjectKey& key,
                      const std::optional<Verification>& judged, bool is_valid, rules::Effects& effects) {
    using Signature = objects::PublishRequest::Signature;
    const auto waiting = waiting_verification(txn, key);
    // Another upload may have taken the place of the one that was judged; its turn comes.
    if (waiting && (!judged || judged->blob != waiting->blob)) return;
    txn.erase_entry(EntryTable::Setting, entry_of(key));
    if (!waiting) return;
    objects::NewData data;
    data.is_given = true;
    data.is_staged = true;
    data.blob = waiting->blob;
    data.size = waiting->size;
    data.sha256 = waiting->sha256;
    objects::store_data(context, txn, key, data, is_valid ? Signature::Valid : Signature::Invalid, effects);
}

std::vector<ObjectKey> waiting_objects(ReadTransaction& txn, std::size_t limit) {
    std::vector<ObjectKey> keys;
    for (const auto& entry : txn.entries(EntryTable::Setting, {kPrefix}, "", limit).items) {
        keys.push_back({entry.key.at(1), entry.key.at(2), entry.key.at(3)});
    }
    return keys;
}

}  // namespace edgesync::data
