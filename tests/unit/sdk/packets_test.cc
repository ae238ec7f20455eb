#include "edgesync/sdk/packets.h"

#include <gtest/gtest.h>

namespace edgesync::packets {
namespace {

const NodeKey kSender{"acme", "camera", "cam1"};

enum class Outcome { Taken, Corrected, Refused };

struct Row {
    Command command;
    const char* destination;  ///< Of the metadata: id of a camera.
    const char* origin;
    bool from_origin;
    Outcome outcome;
};

TEST(SenderIdentity, IsWhatTheTopicProves) {
    using enum Command;
    const std::vector<Row> rows = {
        {Updated, "cam1", "Cloud", false, Outcome::Taken},      {Updated, "cam2", "Cloud", false, Outcome::Corrected},
        {GetData, "cam2", "Cloud", false, Outcome::Corrected},  {Received, "cam2", "Cloud", false, Outcome::Corrected},
        {Consumed, "cam2", "Cloud", false, Outcome::Corrected}, {AckDelete, "cam2", "Cloud", false, Outcome::Corrected},
        {Deleted, "", "Cloud", false, Outcome::Corrected},      {Feedback, "cam2", "Cloud", false, Outcome::Corrected},
        {Feedback, "cam1", "cam1", true, Outcome::Taken},       {Feedback, "cam1", "cam2", true, Outcome::Refused},
        {Update, "cam1", "cam1", false, Outcome::Taken},        {Update, "cam1", "cam2", false, Outcome::Refused},
        {Delete, "cam1", "cam2", false, Outcome::Refused},      {AckReceived, "", "cam1", false, Outcome::Taken},
        {AckReceived, "cam1", "cam2", false, Outcome::Refused}, {AckConsumed, "cam1", "cam2", false, Outcome::Refused},
        {AckDeleted, "cam1", "Cloud", false, Outcome::Refused},
    };
    for (const Row& row : rows) {
        codec::DecodedCommand command;
        command.message.command = row.command;
        command.message.meta.org = "acme";
        command.message.meta.destination_type = "camera";
        command.message.meta.destination_id = row.destination;
        command.message.meta.origin_type = "camera";
        command.message.meta.origin_id = row.origin;
        command.message.feedback.from_origin = row.from_origin;
        const std::string problem = check_sender(command, kSender);
        EXPECT_EQ(problem.empty(), row.outcome != Outcome::Refused)
            << to_string(row.command) << " " << row.destination << " " << row.origin;
        if (row.outcome == Outcome::Corrected) {
            EXPECT_EQ(command.message.meta.destination_id, "cam1") << to_string(row.command);
        }
    }
}

TEST(SenderIdentity, RegistersItselfAlone) {
    for (const Command kind : {Command::Register, Command::RegisterNew, Command::Ping, Command::Resend}) {
        codec::DecodedCommand command;
        command.message.command = kind;
        EXPECT_EQ(check_sender(command, kSender), "") << "traditional nodes name nobody at times";
        command.destination = kSender;
        EXPECT_EQ(check_sender(command, kSender), "");
        command.destination.id = "cam2";
        EXPECT_NE(check_sender(command, kSender), "");
        command.destination = {"other", "camera", "cam1"};
        EXPECT_NE(check_sender(command, kSender), "");
    }
}

TEST(SenderIdentity, SpeaksForItsOwnOrganizationAlone) {
    codec::DecodedCommand command;
    command.message.command = Command::Updated;
    command.message.meta.org = "other";
    EXPECT_NE(check_sender(command, kSender), "");
}

}  // namespace
}  // namespace edgesync::packets
