// Uploads by chunks whose data must be checked against a signature: they wait in status Verifying, with their data staged, and become
// ready or fail (object model 3.2). Functions run inside a transaction; no I/O.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "edgesync/sdk/store.h"
#include "kernel/rules/effects.h"
#include "kernel/rules/node_context.h"

namespace edgesync::data {

/// What is to be judged.
struct Verification {
    ObjectKey key;
    BlobId blob;
    std::int64_t size = 0;  ///< Bytes.
    std::string sha256;     ///< 32 octets.
    Metadata meta;
};

/// The staged data of `object` is complete; from now on it waits, also over restarts. `sha256`: of the whole.
void begin_verification(WriteTransaction& txn, ObjectRecord object, const std::string& sha256, rules::Effects& effects);

/// nullopt: the object does not wait (any more).
std::optional<Verification> waiting_verification(ReadTransaction& txn, const ObjectKey& key);

/// Publishes the data, or drops it, unless the object was changed meanwhile; then, or if nothing waits, only tidies up.
void end_verification(const rules::NodeContext& context, WriteTransaction& txn, const ObjectKey& key,
                      const std::optional<Verification>& judged, bool is_valid, rules::Effects& effects);

/// Some of the objects that wait, in no order that matters.
std::vector<ObjectKey> waiting_objects(ReadTransaction& txn, std::size_t limit);

}  // namespace edgesync::data
