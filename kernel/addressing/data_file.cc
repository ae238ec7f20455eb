#include "kernel/addressing/data_file.h"

#include "kernel/addressing/work_payload.h"
#include "kernel/files/data_uri.h"

namespace edgesync::addressing {
namespace {

/// Of a path: the key of the object that has its data there.
std::vector<std::string> owner_entry(const std::string& path) { return {"data-file", path}; }
/// Of a path: its last owner and the URI by which that named it.
std::vector<std::string> unused_entry(const std::string& path) { return {"unused-file", path}; }

/// The URI of the object's file in ObjectsDataPath.
std::string own_place(const rules::NodeContext& context, const ObjectKey& key) {
    return files::uri_of_path(context.objects_data_path + files::file_name_of(key));
}

std::string owner_value(const ObjectKey& key) { return join_fields({key.org, key.type, key.id}); }

}  // namespace

Metadata with_data_place(const rules::NodeContext& context, Metadata meta) {
    if (context.is_css()) meta.destination_data_uri.clear();
    const bool has_data = meta.link.empty() && !meta.no_data;
    if (has_data && meta.destination_data_uri.empty() && !context.objects_data_path.empty()) {
        meta.destination_data_uri = own_place(context, {meta.org, meta.object_type, meta.object_id});
    }
    return meta;
}

void hide_own_place(const rules::NodeContext& context, Metadata& meta) {
    if (context.objects_data_path.empty() || meta.destination_data_uri.empty()) return;
    const ObjectKey key{meta.org, meta.object_type, meta.object_id};
    if (meta.destination_data_uri == own_place(context, key)) meta.destination_data_uri.clear();
}

bool is_in_file(const ObjectRecord& object) {
    if (object.side != Side::Receiver || object.data || object.meta.destination_data_uri.empty()) return false;
    if (!object.meta.link.empty() || object.meta.no_data) return false;
    return object.status == ObjectStatus::CompletelyReceived || object.status == ObjectStatus::ObjReceived ||
           object.status == ObjectStatus::ObjConsumed;
}

bool claim_file(WriteTransaction& txn, const ObjectRecord& object) {
    const std::string path = files::path_or_nothing(object.meta.destination_data_uri);
    const bool is_new = !txn.entry(EntryTable::Setting, owner_entry(path)) && !txn.entry(EntryTable::Setting, unused_entry(path));
    txn.put_entry(EntryTable::Setting, owner_entry(path), owner_value(object.key()));
    txn.erase_entry(EntryTable::Setting, unused_entry(path));
    return is_new;
}

void disown_file(WriteTransaction& txn, const ObjectRecord& object) {
    const std::string path = files::path_or_nothing(object.meta.destination_data_uri);
    const auto owner = txn.entry(EntryTable::Setting, owner_entry(path));
    if (owner && *owner == owner_value(object.key())) txn.erase_entry(EntryTable::Setting, owner_entry(path));
    // Of an object that was deleted meanwhile.
    txn.erase_entry(EntryTable::Setting, unused_entry(path));
}

bool release_file(WriteTransaction& txn, const ObjectRecord& object) {
    const std::string& uri = object.meta.destination_data_uri;
    if (object.side != Side::Receiver || uri.empty()) return false;
    const std::string path = files::path_or_nothing(uri);
    const auto owner = txn.entry(EntryTable::Setting, owner_entry(path));
    if (!owner || *owner != owner_value(object.key())) return false;
    txn.erase_entry(EntryTable::Setting, owner_entry(path));
    const ObjectKey key = object.key();
    txn.put_entry(EntryTable::Setting, unused_entry(path), join_fields({key.org, key.type, key.id, uri}));
    return true;
}

Page<UnusedFile> unused_files(ReadTransaction& txn, const std::string& cursor, std::size_t limit) {
    const auto entries = txn.entries(EntryTable::Setting, {"unused-file"}, cursor, limit);
    Page<UnusedFile> page;
    page.next = entries.next;
    for (const auto& entry : entries.items) {
        const auto fields = split_fields(entry.value, 4);
        page.items.push_back({{fields[0], fields[1], fields[2]}, fields[3]});
    }
    return page;
}

bool is_unused(ReadTransaction& txn, const UnusedFile& file) {
    return txn.entry(EntryTable::Setting, unused_entry(files::path_or_nothing(file.uri))).has_value();
}

void forget_file(WriteTransaction& txn, const UnusedFile& file) {
    txn.erase_entry(EntryTable::Setting, unused_entry(files::path_or_nothing(file.uri)));
}

}  // namespace edgesync::addressing
