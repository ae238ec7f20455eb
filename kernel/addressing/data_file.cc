#include "kernel/addressing/data_file.h"

#include "kernel/addressing/work_payload.h"
#include "kernel/files/data_uri.h"

namespace edgesync::addressing {
namespace {

/// Of a path (without links): the key of the object that has its data there.
std::vector<std::string> owner_entry(const std::string& path) { return {"data-file", path}; }
/// Of a path: its last owner and its URI.
std::vector<std::string> unused_entry(const std::string& path) { return {"unused-file", path}; }
/// Of an object: the path that it claimed, which its destinationDataUri may name through a link.
std::vector<std::string> path_entry(const ObjectKey& key) { return {"file-of-object", key.org, key.type, key.id}; }

/// The URI of the object's file in ObjectsDataPath.
std::string own_place(const rules::NodeContext& context, const ObjectKey& key) {
    return files::uri_of_path(context.objects_data_path + files::file_name_of(key));
}

/// Before the value of an owner's or unused entry whose file the service has not written yet. Fields begin with a digit.
constexpr std::string_view kUnwritten = "unwritten:";

std::string marked(bool was_written, std::string fields) { return was_written ? fields : std::string(kUnwritten) + fields; }
bool is_written(const std::string& value) { return !value.starts_with(kUnwritten); }
std::string fields_of(const std::string& value) { return is_written(value) ? value : value.substr(kUnwritten.size()); }
/// Whether the file of the entry, if there is one, was written by the service.
bool has_written(ReadTransaction& txn, const std::vector<std::string>& entry) {
    const auto value = txn.entry(EntryTable::Setting, entry);
    return value && is_written(*value);
}

std::string owner_value(const ObjectKey& key) { return join_fields({key.org, key.type, key.id}); }

/// The path that the object claimed, if nobody took it over.
std::optional<std::string> own_path(ReadTransaction& txn, const ObjectKey& key) {
    auto path = txn.entry(EntryTable::Setting, path_entry(key));
    if (!path) return std::nullopt;
    const auto owner = txn.entry(EntryTable::Setting, owner_entry(*path));
    if (!owner || fields_of(*owner) != owner_value(key)) return std::nullopt;
    return path;
}

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

bool is_in_file(ReadTransaction& txn, const ObjectRecord& object) {
    if (object.side != Side::Receiver || object.data || object.meta.destination_data_uri.empty()) return false;
    if (!object.meta.link.empty() || object.meta.no_data) return false;
    const bool is_complete = object.status == ObjectStatus::CompletelyReceived || object.status == ObjectStatus::ObjReceived ||
                             object.status == ObjectStatus::ObjConsumed;
    return is_complete && own_path(txn, object.key());
}

bool claim_file(WriteTransaction& txn, const ObjectRecord& object, const std::string& path) {
    const auto before = own_path(txn, object.key());
    if (before && *before != path) release_file(txn, object);  // A link of its root leads elsewhere now.
    const bool is_new = !has_written(txn, owner_entry(path)) && !has_written(txn, unused_entry(path));
    txn.put_entry(EntryTable::Setting, owner_entry(path), marked(!is_new, owner_value(object.key())));
    txn.put_entry(EntryTable::Setting, path_entry(object.key()), path);
    txn.erase_entry(EntryTable::Setting, unused_entry(path));
    return is_new;
}

void mark_written(WriteTransaction& txn, const std::string& path) {
    for (const auto& entry : {owner_entry(path), unused_entry(path)}) {
        if (const auto value = txn.entry(EntryTable::Setting, entry)) txn.put_entry(EntryTable::Setting, entry, fields_of(*value));
    }
}

void disown_file(WriteTransaction& txn, const ObjectKey& key, const std::string& path) {
    if (own_path(txn, key) == path) {
        txn.erase_entry(EntryTable::Setting, owner_entry(path));
        txn.erase_entry(EntryTable::Setting, path_entry(key));
    }
    // Of an object that was deleted meanwhile.
    txn.erase_entry(EntryTable::Setting, unused_entry(path));
}

bool release_file(WriteTransaction& txn, const ObjectRecord& object) {
    if (object.side != Side::Receiver || object.meta.destination_data_uri.empty()) return false;
    const ObjectKey key = object.key();
    const auto path = own_path(txn, key);
    txn.erase_entry(EntryTable::Setting, path_entry(key));
    if (!path) return false;
    const bool was_written = has_written(txn, owner_entry(*path));
    txn.erase_entry(EntryTable::Setting, owner_entry(*path));
    const std::string fields = join_fields({key.org, key.type, key.id, files::uri_of_path(*path)});
    txn.put_entry(EntryTable::Setting, unused_entry(*path), marked(was_written, fields));
    return true;
}

Page<UnusedFile> unused_files(ReadTransaction& txn, const std::string& cursor, std::size_t limit) {
    const auto entries = txn.entries(EntryTable::Setting, {"unused-file"}, cursor, limit);
    Page<UnusedFile> page;
    page.next = entries.next;
    for (const auto& entry : entries.items) {
        const auto fields = split_fields(fields_of(entry.value), 4);
        page.items.push_back({{fields[0], fields[1], fields[2]}, fields[3]});
    }
    return page;
}

Removable removable(ReadTransaction& txn, const UnusedFile& file) {
    const auto value = txn.entry(EntryTable::Setting, unused_entry(files::path_or_nothing(file.uri)));
    if (!value) return Removable::Nothing;
    return is_written(*value) ? Removable::File : Removable::Rest;
}

void forget_file(WriteTransaction& txn, const UnusedFile& file) {
    txn.erase_entry(EntryTable::Setting, unused_entry(files::path_or_nothing(file.uri)));
}

}  // namespace edgesync::addressing
