// The life cycle of an object as applications drive it (object model 3 and 8). Functions run inside a transaction; no I/O.
// Broken rules are Error{InvalidRequest} or Error{NotFound} thrown before anything was changed; the text is what the API answers.
#pragma once

#include <string>

#include "edgesync/sdk/store.h"
#include "kernel/rules/effects.h"
#include "kernel/rules/node_context.h"

namespace edgesync::objects {

/// Data that comes with a request: either small octets, or a staged blob that is already durable.
struct NewData {
    bool is_given = false;
    bool is_staged = false;  ///< `blob` was written through the blob store and synced.
    BlobId blob;             ///< Always set when given.
    std::string octets;      ///< When not staged; at most the inline limit.
    std::int64_t size = 0;   ///< Bytes.
    std::string sha256;      ///< 32 octets.
};

struct PublishRequest {
    Metadata meta;  ///< Validated and normalized.
    NewData data;
    std::string owner;              ///< "{org}/{user}"
    std::int64_t source_size = -1;  ///< Of the file of `meta.source_data_uri`, bytes; -1: there is none.
    /// The result of checking the data against the metadata's signature, if it has one.
    enum class Signature { None, Valid, Invalid } signature = Signature::None;
};

struct PublishResult {
    InstanceId instance_id = 0;
    ObjectStatus status = ObjectStatus::NotReady;
};

/// Stores a new version of metadata, and data if given, and announces it if that completes it (object model 1.6, 4.2 of the storage rules).
PublishResult publish(const rules::NodeContext& context, WriteTransaction& txn, const PublishRequest& request, rules::Effects& effects);

/// Replaces the data of a sender-side object: a new version. @throws Error{NotFound} unknown object.
PublishResult store_data(const rules::NodeContext& context, WriteTransaction& txn, const ObjectKey& key, const NewData& data,
                         PublishRequest::Signature signature, rules::Effects& effects);

/// What a data upload needs to know beforehand; throws as store_data would. @throws Error{NotFound}
void check_accepts_data(const std::optional<ObjectRecord>& object);

/// DELETE by an application. @throws Error{NotFound}; Error{InvalidRequest} for a received object on an ESS.
void remove(const rules::NodeContext& context, WriteTransaction& txn, const ObjectKey& key, rules::Effects& effects);

/// The application calls of the receiving side. Each counts down; only the call that reaches zero changes the state.
void mark_consumed(const rules::NodeContext& context, WriteTransaction& txn, const ObjectKey& key, rules::Effects& effects);
void mark_received(WriteTransaction& txn, const ObjectKey& key);
void confirm_deleted(const rules::NodeContext& context, WriteTransaction& txn, const ObjectKey& key, rules::Effects& effects);

/// Clears `inactive`; distributes if it was set and the object is ready.
void activate(const rules::NodeContext& context, WriteTransaction& txn, const ObjectKey& key, rules::Effects& effects);

/// Activation by time: as `activate`, if the object still wants it at `now`.
void activate_if_due(const rules::NodeContext& context, WriteTransaction& txn, const ObjectKey& key, TimePoint now,
                     rules::Effects& effects);

/// Removes an expired object (object model 9.2).
void expire_if_due(const rules::NodeContext& context, WriteTransaction& txn, const ObjectKey& key, TimePoint now, rules::Effects& effects);

/// ESS: removes the oldest consumed objects when more than 1.1 times the kept number are there (object model 9.3).
void trim_consumed(const rules::NodeContext& context, WriteTransaction& txn);

/// Removes staged data that applications began to upload before `before` and never finished. Data on its way from a peer stays, because
/// its transfer resumes. Returns how many blobs were removed.
std::size_t remove_abandoned_uploads(WriteTransaction& txn, TimePoint before, std::size_t limit);

}  // namespace edgesync::objects
