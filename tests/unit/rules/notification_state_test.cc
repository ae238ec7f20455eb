#include "kernel/delivery/notification_state.h"

#include <gtest/gtest.h>

namespace edgesync::delivery {
namespace {

using enum NotificationStatus;

struct Row {
    Command command;
    std::vector<NotificationStatus> accepted;
    std::optional<NotificationStatus> next;
};

/// The acceptance conditions of the object model (5.2), written a second time from its text.
const std::vector<Row> kRows = {
    {Command::Updated, {Update, UpdatePending}, Updated},
    {Command::Received, {Data, Updated, Update, UpdatePending}, ReceivedByDest},
    {Command::Consumed, {Data, Updated, Update, UpdatePending, ReceivedByDest}, ConsumedByDest},
    {Command::GetData, {Update, Updated, Data}, Data},
    {Command::AckDelete, {Delete, DeletePending, Deleted}, AckDelete},
    {Command::Deleted, {Delete, DeletePending, AckDelete}, std::nullopt},
    {Command::AckReceived, {Received, ReceivedPending}, AckReceived},
    {Command::AckConsumed, {Consumed, ConsumedPending}, std::nullopt},
    {Command::AckDeleted, {Deleted, DeletedPending}, std::nullopt},
};

TEST(NotificationState, AcceptsExactlyWhatTheObjectModelLists) {
    for (const Row& row : kRows) {
        for (int number = 0; number <= static_cast<int>(ReceiverError); ++number) {
            const auto status = static_cast<NotificationStatus>(number);
            const bool is_accepted = std::find(row.accepted.begin(), row.accepted.end(), status) != row.accepted.end();
            const Transition* found = find_transition(status, row.command);
            EXPECT_EQ(found != nullptr, is_accepted) << to_string(row.command) << " in " << to_string(status);
            if (found != nullptr) {
                EXPECT_EQ(found->to, row.next) << to_string(row.command);
            }
        }
    }
}

TEST(NotificationState, FeedbackIsAcceptedInEveryStateButReceivedByDestAndError) {
    for (int number = 0; number <= static_cast<int>(ReceiverError); ++number) {
        const auto status = static_cast<NotificationStatus>(number);
        EXPECT_EQ(find_transition(status, Command::Feedback) != nullptr, status != ReceivedByDest && status != Error) << to_string(status);
    }
}

}  // namespace
}  // namespace edgesync::delivery
