// What a node does with a message of a peer: rules on records, inside a transaction (object model 5 to 8, node protocol 7).
#pragma once

#include <string>
#include <vector>

#include "edgesync/sdk/message.h"
#include "edgesync/sdk/store.h"
#include "kernel/rules/effects.h"
#include "kernel/rules/node_context.h"

namespace edgesync::delivery {

/// Feedback with this code or a larger one reports no failure.
inline constexpr std::int32_t kFirstInformational = 10000;

/// Handles one message. `peer`: CSS: the authenticated node; ESS: the CSS. Never throws for a peer's mistake.
HandleResult handle_message(const rules::NodeContext& context, WriteTransaction& txn, const NodeKey& peer, const Message& message,
                            rules::Effects& effects);

/// What became of an announced version (object model 5.4).
enum class Acceptance { Complete, NeedsData, AlreadyComplete, AlreadyKnown, Refused };

struct UpdateResult {
    Acceptance acceptance = Acceptance::Refused;
    std::string reason;
};

/// Decides about and stores an announced version. NeedsData leaves a `getdata` record and status "partiallyreceived".
UpdateResult accept_update(const rules::NodeContext& context, WriteTransaction& txn, const NodeKey& peer, const Metadata& meta,
                           rules::Effects& effects);

/// The same decision without changes; NeedsData or Complete mean that accept_update would store it.
UpdateResult judge_update(const rules::NodeContext& context, ReadTransaction& txn, const NodeKey& peer, const Metadata& meta);

/// Data that completes a received version.
struct ReceivedData {
    BlobId blob;
    bool is_staged = false;   ///< Written through the blob store and synced; else `octets`.
    bool is_in_file = false;  ///< It is, durably, in the file of the object's destinationDataUri: the store keeps none of it.
    std::string octets;
    std::int64_t size = 0;
    std::string sha256;
};

/// Publishes the complete data of the version that is being received and queues `received` for the origin. False: that version is no
/// longer awaited and nothing changed.
bool complete_data(const rules::NodeContext& context, WriteTransaction& txn, const ObjectKey& key, InstanceId instance,
                   const ReceivedData& data, rules::Effects& effects);

/// Why a version could not be received.
struct ReceptionFailure {
    std::int32_t code = 1;  ///< As FeedbackDetail::code.
    std::string reason;
    bool is_signature = false;
};

/// The receiver could not use what it got: drops the partial data and remembers `receiverError`, so that the same version is accepted
/// when announced again. An ESS tells the CSS, also after a restart. False: that version is no longer awaited.
bool fail_reception(const rules::NodeContext& context, WriteTransaction& txn, const ObjectKey& key, InstanceId instance,
                    const ReceptionFailure& failure, rules::Effects& effects);

/// The feedback about a failed reception; nullopt: the CSS has it.
std::optional<Message> failure_message(const rules::NodeContext& context, ReadTransaction& txn, const NotificationRecord& record);

/// The CSS got the feedback about a failed reception: it is not sent again.
void forget_failure(WriteTransaction& txn, const ObjectKey& key);

/// ESS: the feedback went over a line that does not say whether it arrived, and the protocol has no answer to it. A CSS that got it
/// announces the object again after six resend intervals, which ends the failure here; until then it is told again every eight, so that
/// the two do not cross, five times in all. False: it was the last time, and the failure is forgotten.
bool failure_told(const rules::NodeContext& context, WriteTransaction& txn, const NotificationRecord& record);

struct KeptFailures {
    std::vector<ObjectKey> due;       ///< Told before, and to be told again.
    std::vector<ObjectKey> outdated;  ///< The object was deleted or replaced since.
};

/// ESS: of the failures that the CSS may not know; at most `limit` each.
KeptFailures kept_failures(const rules::NodeContext& context, ReadTransaction& txn, std::size_t limit);

/// The data is gone at the origin: drops the partial object and its records. False: that version is no longer awaited.
bool abandon_reception(const rules::NodeContext& context, WriteTransaction& txn, const ObjectKey& key, InstanceId instance,
                       rules::Effects& effects);

/// The message that a record stands for, ready to be sent to its peer; nullopt: the record is void (its object is gone or newer).
std::optional<Message> message_of(const rules::NodeContext& context, ReadTransaction& txn, const NotificationRecord& record);

/// ESS: forgets everything about the exchange with a CSS that does not know this node (object model 6).
void forget_exchange(const rules::NodeContext& context, WriteTransaction& txn, rules::Effects& effects);

/// ESS: whether own objects are still to be announced to the CSS that this node has newly registered at; survives restarts.
bool must_announce(ReadTransaction& txn);
void set_announced(WriteTransaction& txn);

/// ESS: queues announcements of all own objects after a new registration. Up to `limit` objects from `cursor`; returns the next cursor.
std::string announce_own_objects(const rules::NodeContext& context, WriteTransaction& txn, const std::string& cursor, std::size_t limit,
                                 rules::Effects& effects);

/// Repeats records whose answer is overdue (object model 5.7). Returns how many were looked at.
std::size_t repeat_due(const rules::NodeContext& context, WriteTransaction& txn, std::size_t limit, rules::Effects& effects);

}  // namespace edgesync::delivery
