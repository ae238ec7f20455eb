// Received data that lives in a file outside the store: which object a file belongs to, and which files nobody needs any more. Records
// only; the files are written and removed after the transactions (kernel/data/received_files.h).
#pragma once

#include <string>
#include <vector>

#include "edgesync/sdk/store.h"
#include "kernel/rules/node_context.h"

namespace edgesync::addressing {

/// Metadata as it is stored when it is received: where its data goes is the CSS's user's choice on an ESS, never a node's on a CSS;
/// without one it goes into ObjectsDataPath, if that is configured.
Metadata with_data_place(const rules::NodeContext& context, Metadata meta);

/// Takes out what `with_data_place` put in: other nodes have no use for a path on this one.
void hide_own_place(const rules::NodeContext& context, Metadata& meta);

/// Whether the complete data of a received object is in the file of its destinationDataUri, not in the store. False when another object
/// took the file over: its octets are that one's.
bool is_in_file(ReadTransaction& txn, const ObjectRecord& object);

/// Before a file is written: it belongs to this object from now on, whose ever it was. `path` is without links
/// (files::DataFiles::real_path_of), so that a file has one owner however it is named. True: it is not
/// known to be the service's own, so call `mark_written` or `disown_file` afterwards.
bool claim_file(WriteTransaction& txn, const ObjectRecord& object, const std::string& path);
/// The claimed file is there, durably: from now on it is the service's to remove, also if its object is gone meanwhile.
void mark_written(WriteTransaction& txn, const std::string& path);
/// It could not be written, and was no object's before: what is there, if anything, is not the service's to remove.
void disown_file(WriteTransaction& txn, const ObjectKey& key, const std::string& path);

/// The received object lets go of its file (it is removed, or has its data elsewhere). True: the file is its own and there is
/// something to remove.
bool release_file(WriteTransaction& txn, const ObjectRecord& object);

struct UnusedFile {
    ObjectKey owner;  ///< Whose it was.
    std::string uri;  ///< Of its path without links.
    bool operator==(const UnusedFile&) const = default;
};

/// Files to remove.
Page<UnusedFile> unused_files(ReadTransaction& txn, const std::string& cursor, std::size_t limit);
/// What still is to be removed. Nothing: another object has claimed the file. Rest: the service did not write the file (a stop came
/// between), but may have begun to.
enum class Removable { Nothing, Rest, File };
Removable removable(ReadTransaction& txn, const UnusedFile& file);
void forget_file(WriteTransaction& txn, const UnusedFile& file);

}  // namespace edgesync::addressing
