// The spellings of enumerations that users and peers see.
#include <array>

#include "edgesync/sdk/message.h"
#include "edgesync/sdk/object.h"

namespace edgesync {
namespace {

constexpr std::array<std::string_view, 12> kObjectStatusNames = {"notReady",
                                                                 "verifying",
                                                                 "verificationFailed",
                                                                 "ready",
                                                                 "partiallyreceived",
                                                                 "receiverVerifying",
                                                                 "receiverVerificationFailed",
                                                                 "completelyReceived",
                                                                 "objreceived",
                                                                 "objconsumed",
                                                                 "objdeleted",
                                                                 "consumedByDest"};

constexpr std::array<std::string_view, 6> kDeliveryStatusNames = {"pending", "delivering", "delivered", "consumed", "deleted", "error"};

constexpr std::array<std::string_view, 22> kNotificationStatusNames = {
    "update",   "updatePending",   "updated",     "data",         "receivedByDest",  "consumedByDest",
    "delete",   "deletePending",   "ackDelete",   "error",        "handleUpdate",    "getdata",
    "received", "receivedpending", "ackreceived", "consumed",     "consumedPending", "ackconsumed",
    "deleted",  "deletedPending",  "ackDeleted",  "receiverError"};

constexpr std::array<const char*, 20> kCommandNames = {"register",   "registerNew", "regack",      "registerAsNew", "ping",
                                                       "unregister", "resend",      "ackresend",   "update",        "updated",
                                                       "getdata",    "received",    "ackreceived", "consumed",      "ackconsumed",
                                                       "delete",     "ackDelete",   "deleted",     "ackDeleted",    "feedback"};

template <typename Names, typename Value>
auto name_at(const Names& names, Value value) noexcept {
    const auto index = static_cast<std::size_t>(value);
    return index < names.size() ? names[index] : typename Names::value_type{"unknown"};
}

}  // namespace

std::string_view to_string(ObjectStatus status) noexcept { return name_at(kObjectStatusNames, status); }

std::optional<ObjectStatus> object_status_from(std::string_view text) noexcept {
    for (std::size_t i = 0; i < kObjectStatusNames.size(); ++i) {
        if (kObjectStatusNames[i] == text) return static_cast<ObjectStatus>(i);
    }
    return std::nullopt;
}

std::string_view to_string(DeliveryStatus status) noexcept { return name_at(kDeliveryStatusNames, status); }

std::string_view to_string(NotificationStatus status) noexcept { return name_at(kNotificationStatusNames, status); }

const char* to_string(Command command) noexcept { return name_at(kCommandNames, command); }

}  // namespace edgesync
