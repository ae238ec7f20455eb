#include "kernel/delivery/notification_state.h"

#include <algorithm>

namespace edgesync::delivery {

using enum NotificationStatus;

const std::vector<Transition>& transitions() {
    static const std::vector<Transition> table = {
        // Sender's side: what a destination reports.
        {Command::Updated, {Update, UpdatePending}, Updated, std::nullopt},
        {Command::Received, {Data, Updated, Update, UpdatePending}, ReceivedByDest, DeliveryStatus::Delivered},
        {Command::Consumed, {Data, Updated, Update, UpdatePending, ReceivedByDest}, ConsumedByDest, DeliveryStatus::Consumed},
        {Command::GetData, {Update, Updated, Data}, Data, std::nullopt},
        {Command::AckDelete, {Delete, DeletePending, Deleted}, AckDelete, DeliveryStatus::Deleted},
        {Command::Deleted, {Delete, DeletePending, AckDelete}, std::nullopt, DeliveryStatus::Deleted},
        {Command::Feedback,
         {Update,          UpdatePending, Updated, Data,           ConsumedByDest,  Delete,       DeletePending,
          AckDelete,       HandleUpdate,  GetData, Received,       ReceivedPending, AckReceived,  Consumed,
          ConsumedPending, AckConsumed,   Deleted, DeletedPending, AckDeleted,      ReceiverError},
         Error,
         DeliveryStatus::Error},
        // Receiver's side: what the origin acknowledges.
        {Command::AckReceived, {Received, ReceivedPending}, AckReceived, std::nullopt},
        {Command::AckConsumed, {Consumed, ConsumedPending}, std::nullopt, std::nullopt},
        {Command::AckDeleted, {Deleted, DeletedPending}, std::nullopt, std::nullopt},
    };
    return table;
}

const Transition* find_transition(NotificationStatus status, Command command) {
    for (const auto& row : transitions()) {
        if (row.command == command && std::find(row.from.begin(), row.from.end(), status) != row.from.end()) return &row;
    }
    return nullptr;
}

bool is_to_be_sent(NotificationStatus status) {
    switch (status) {
        case Update:
        case Delete:
        case Deleted:
        case Consumed:
        case Received:
        case ReceiverError: return true;
        default: return false;
    }
}

bool is_bound_to_version(NotificationStatus status) {
    switch (status) {
        case Update:
        case UpdatePending:
        case Updated:
        case Data:
        case ReceivedByDest:
        case ConsumedByDest:
        case Error:
        case ReceivedPending:
        case Received:
        case ConsumedPending:
        case Consumed: return true;
        default: return false;
    }
}

}  // namespace edgesync::delivery
