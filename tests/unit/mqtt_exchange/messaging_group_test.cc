#include "plugins/mqtt-exchange/messaging_group.h"

#include <gtest/gtest.h>

namespace edgesync::mqtt_exchange {
namespace {

TEST(MessagingGroups, AnOrganizationSpeaksWhereItRegisteredAndARegistrationMovesIt) {
    const std::optional<std::string> nowhere;
    const std::optional<std::string> here = "mg-a";
    const std::optional<std::string> elsewhere = "mg-b";
    struct Row {
        std::optional<std::string> known;
        Command command;
        Admission expected;
    };
    const Row rows[] = {
        {here, Command::Update, Admission::Admitted},           {here, Command::Register, Admission::Admitted},
        {here, Command::RegisterNew, Admission::Admitted},      {elsewhere, Command::Update, Admission::Foreign},
        {elsewhere, Command::Received, Admission::Foreign},     {elsewhere, Command::Ping, Admission::Foreign},
        {elsewhere, Command::Resend, Admission::Foreign},       {elsewhere, Command::Register, Admission::Remember},
        {elsewhere, Command::RegisterNew, Admission::Remember}, {nowhere, Command::RegisterNew, Admission::Remember},
        {nowhere, Command::Register, Admission::Remember},      {nowhere, Command::Update, Admission::Unregistered},
        {nowhere, Command::Ping, Admission::Unregistered},
    };
    for (const Row& row : rows) {
        EXPECT_EQ(admission(row.known, "mg-a", row.command), row.expected)
            << row.known.value_or("nowhere") << " " << static_cast<int>(row.command);
    }
}

}  // namespace
}  // namespace edgesync::mqtt_exchange
