// What transports send that are only a packet pipe, octet by octet.
#include <gtest/gtest.h>

#include <functional>

#include "edgesync/sdk/codec.h"
#include "edgesync/sdk/error.h"

namespace edgesync::codec {
namespace {

using namespace std::string_literals;

const std::string kZeroMeta = to_json(Metadata());
constexpr char kZeroDestination[] =
    R"("destination":{"destinationOrgID":"","destinationType":"","destinationID":"","communication":"","codeVersion":""})";
constexpr char kStart[] = R"({"version":{"Major":1,"Minor":0},"command":")";

const NodeKey kNode{"acme", "edge", "n1"};

constexpr Command kAll[] = {Command::Register,  Command::RegisterNew, Command::RegAck,     Command::RegisterAsNew, Command::Ping,
                            Command::Resend,    Command::AckResend,   Command::Update,     Command::Updated,       Command::GetData,
                            Command::Received,  Command::AckReceived, Command::Consumed,   Command::AckConsumed,   Command::Delete,
                            Command::AckDelete, Command::Deleted,     Command::AckDeleted, Command::Feedback};

Metadata model() {
    Metadata meta;
    meta.object_id = "m1";
    meta.object_type = "model";
    meta.org = "acme";
    meta.destination_id = "n1";
    meta.destination_type = "edge";
    meta.origin_id = "css1";
    meta.origin_type = "cloud";
    meta.instance_id = 1700000000000000001;
    meta.data_id = 1700000000000000001;
    meta.object_size = 300000;
    meta.chunk_size = 122880;
    return meta;
}

Message message_of(Command command) {
    Message message;
    message.command = command;
    return message;
}

std::string text_of(const Message& message) { return command_to_json(message, kNode, "mqtt"); }

/// A command in which only what stands between `meta` and the end differs.
std::string written(const std::string& name, const std::string& meta, const std::string& rest) {
    return R"({"version":{"Major":1,"Minor":0},"command":")" + name + R"(","meta":)" + meta + rest + "}";
}

std::string refusal_of(const std::function<void()>& function) {
    try {
        function();
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::InvalidRequest) << error.what();
        return error.what();
    }
    return "accepted";
}

TEST(CommandPacket, IsWrittenAsTheTraditionalServiceWritesIt) {
    const std::string destination =
        R"(,"destination":{"destinationOrgID":"acme","destinationType":"edge","destinationID":"n1","communication":"mqtt","codeVersion":)";
    const std::string none = ","s + kZeroDestination;
    Message registration = message_of(Command::Register);
    registration.is_persistent = true;
    EXPECT_EQ(text_of(registration), written("register", kZeroMeta, destination + R"("1.0"},"persistent":true)"));
    EXPECT_EQ(text_of(message_of(Command::RegisterNew)), written("registerNew", kZeroMeta, destination + R"("1.0"})"));
    EXPECT_EQ(text_of(message_of(Command::Ping)), written("ping", kZeroMeta, destination + R"("1.0"})"));
    EXPECT_EQ(text_of(message_of(Command::Resend)), written("resend", kZeroMeta, destination + R"(""})"));
    EXPECT_EQ(text_of(message_of(Command::AckResend)), written("ackresend", kZeroMeta, destination + R"(""})"));
    EXPECT_EQ(text_of(message_of(Command::RegAck)), written("regack", kZeroMeta, none));
    EXPECT_EQ(text_of(message_of(Command::RegisterAsNew)), written("registerAsNew", kZeroMeta, none));

    Message wanted = message_of(Command::GetData);
    wanted.meta = model();
    wanted.offset = 122880;
    EXPECT_EQ(text_of(wanted), written("getdata", to_json(model()), R"(,"offset":122880)" + none));
    Message feedback = message_of(Command::Feedback);
    feedback.meta = model();
    feedback.feedback = {5, 0, "Object was not found", true};
    EXPECT_EQ(text_of(feedback), written("feedback", to_json(model()),
                                         none + R"(,"feedback-code":5,"feedback-from-origin":true,"reason":"Object was not found")"));
    feedback.feedback.retry_seconds = -7;
    EXPECT_NE(text_of(feedback).find(R"("feedback-from-origin":true,"retry":-7,"reason")"), std::string::npos);
}

TEST(CommandPacket, CarriesExtensionsOnlyWhereTheyMeanSomething) {
    for (const Command command : kAll) {
        Message message = message_of(command);
        message.sha256 = std::string(32, 'd');
        message.capabilities = {"wait", "digest"};
        const std::string text = text_of(message);
        const bool has_capabilities =
            command == Command::Register || command == Command::RegisterNew || command == Command::RegAck || command == Command::GetData;
        EXPECT_EQ(text.ends_with(R"(,"capabilities":["wait","digest"]})"), has_capabilities) << text;
        EXPECT_EQ(text.ends_with(R"(,"digest":")" + to_digest_field(message.sha256) + R"("})"), command == Command::Update) << text;
        EXPECT_EQ(text.find("capabilities") != std::string::npos, has_capabilities) << text;
        EXPECT_EQ(text.find("digest") != std::string::npos && !has_capabilities, command == Command::Update) << text;
    }
}

TEST(CommandPacket, EveryCommandSurvivesItsText) {
    for (const Command command : kAll) {
        Message message = message_of(command);
        message.meta = model();
        message.offset = command == Command::GetData ? 1LL << 40 : 0;
        message.is_persistent = command == Command::Register;
        if (command == Command::Feedback) message.feedback = {2, 60, "a \"reason\"\n", true};
        message.sha256 = command == Command::Update ? std::string(32, '\0') : "";
        if (command == Command::RegAck || command == Command::GetData) message.capabilities = {"digest"};
        const std::string text = text_of(message);
        const auto decoded = command_from_json(text);
        ASSERT_TRUE(decoded) << text;
        EXPECT_EQ(decoded->message.command, command);
        EXPECT_EQ(decoded->message.meta, message.meta);
        EXPECT_EQ(decoded->message.offset, message.offset);
        EXPECT_EQ(decoded->message.is_persistent, message.is_persistent);
        EXPECT_EQ(decoded->message.sha256, message.sha256);
        EXPECT_EQ(decoded->message.capabilities, message.capabilities);
        EXPECT_EQ(decoded->message.feedback.code, message.feedback.code);
        EXPECT_EQ(decoded->message.feedback.reason, message.feedback.reason);
        EXPECT_EQ(command_to_json(decoded->message, decoded->destination, decoded->message.protocol), text);
    }
}

TEST(CommandPacket, TellsWhoRegisters) {
    const auto decoded = command_from_json(text_of(message_of(Command::Register)));
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->destination, kNode);
    EXPECT_EQ(decoded->message.protocol, "mqtt");
    EXPECT_EQ(decoded->message.code_version, "1.0");
}

TEST(CommandPacket, AnUnregistrationHasNone) {
    try {
        text_of(message_of(Command::Unregister));
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::Unsupported);
    }
}

TEST(CommandPacket, ReadsNamesInAnyCaseAndSkipsUnknownOnes) {
    const auto decoded = command_from_json(
        R"( {"VERSION":{"major":1,"MINOR":0,"patch":9},"Command":"getdata","META":{"objectid":"m1"},"OffSet":7,"x":{"y":[1]},"reason":null} )");
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->message.command, Command::GetData);
    EXPECT_EQ(decoded->message.meta.object_id, "m1");
    EXPECT_EQ(decoded->message.offset, 7);
    EXPECT_EQ(decoded->destination, NodeKey());
}

TEST(CommandPacket, NeedsNoMetaAndNoDestination) {
    const auto decoded = command_from_json(R"({"version":{"Major":1,"Minor":0},"command":"regack"})");
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->message.command, Command::RegAck);
    EXPECT_EQ(decoded->message.meta, Metadata());
    EXPECT_TRUE(command_from_json(R"({"version":{"Major":1,"Minor":0},"command":"regack","meta":null,"destination":null})"));
}

TEST(CommandPacket, AnUnknownCommandIsNotAMistake) {
    for (const char* name : {"", "unregister", "data", "error", "updatePending", "regAck", "GETDATA", "ackdelete", "registernew"})
        EXPECT_FALSE(command_from_json(kStart + std::string(name) + R"("})")) << name;
    EXPECT_FALSE(command_from_json(R"({"version":{"Major":1,"Minor":0}})"));
}

TEST(CommandPacket, OtherTextIsRefused) {
    const std::string start = R"({"version":{"Major":1,"Minor":0},"command":"update",)";
    const std::string deep = start + R"("x":)" + std::string(70, '[') + std::string(70, ']') + "}";
    std::string zeros = "0";
    for (int i = 0; i < 200'010; ++i) zeros += ",0";
    for (const std::string& text : {""s,
                                    " "s,
                                    "{"s,
                                    "[]"s,
                                    "\1\1\1\1"s,
                                    "\1\1\1"s,
                                    deep,
                                    start + R"("x":[)" + zeros + "]}",
                                    R"({"command":"update"})"s,
                                    R"({"version":null,"command":"update"})"s,
                                    R"({"version":"1.0","command":"update"})"s,
                                    R"({"version":{},"command":"update"})"s,
                                    R"({"version":{"Major":1},"command":"update"})"s,
                                    R"({"version":{"Minor":0},"command":"update"})"s,
                                    R"({"version":{"Major":1,"Minor":1},"command":"update"})"s,
                                    R"({"version":{"Major":2,"Minor":0},"command":"update"})"s,
                                    R"({"version":{"Major":1.0,"Minor":0},"command":"update"})"s,
                                    R"({"version":{"Major":4294967297,"Minor":0},"command":"update"})"s,
                                    R"({"version":{"Major":1,"Minor":0},"command":7})"s,
                                    start + R"("meta":[]})",
                                    start + R"("meta":{"objectID":1}})",
                                    start + R"("offset":"1"})",
                                    start + R"("offset":1.5})",
                                    start + R"("offset":9223372036854775808})",
                                    start + R"("destination":"n1"})",
                                    start + R"("destination":{"destinationID":1}})",
                                    start + R"("persistent":1})",
                                    start + R"("feedback-code":2147483648})",
                                    start + R"("retry":-2147483649})",
                                    start + R"("reason":[]})",
                                    start + R"("digest":1})",
                                    start + R"("capabilities":"wait"})",
                                    start + R"("x":1}})",
                                    start + "\"reason\":\"\xff\"}"}) {
        EXPECT_NE(refusal_of([&] { command_from_json(text); }), "accepted") << text.substr(0, 200);
    }
}

/// The example of the protocol: organization acme, type model, id m1, offset 8, data abc.
const std::string kExample =
    "\1\1\1\1\0\0\0\1\0\0\0\0\0\0\0\6"
    "\0\0\0\1\0\0\0\4\x61\x63\x6d\x65\0\0\0\2"
    "\0\0\0\5\x6d\x6f\x64\x65\x6c\0\0\0\3\0\0\0"
    "\2\x6d\x31\0\0\0\4\0\0\0\x08\0\0\0\0\0"
    "\0\0\x08\0\0\0\6\0\0\0\x08\x17\x97\x9c\xfe\x36"
    "\x2a\0\1\0\0\0\5\0\0\0\3\x61\x62\x63"s;
const ObjectKey kModel{"acme", "model", "m1"};
constexpr InstanceId kInstance = 1700000000000000001;

std::string four(std::uint32_t value) {
    return {static_cast<char>(value >> 24U), static_cast<char>(value >> 16U), static_cast<char>(value >> 8U), static_cast<char>(value)};
}
std::string field(std::uint32_t type, const std::string& value) {
    return four(type) + four(static_cast<std::uint32_t>(value.size())) + value;
}
std::string head(std::uint32_t fields) { return "\1\1\1\1\0\0\0\1\0\0\0\0"s + four(fields); }

const std::string kType = field(2, "model");
const std::string kId = field(3, "m1");
const std::string kOffset = field(4, "\0\0\0\0\0\0\0\x08"s);
const std::string kInstanceField = field(6, "\0\0\0\0\0\0\0\x09"s);

TEST(DataMessage, IsWrittenAsInTheExampleOfTheProtocol) {
    ASSERT_EQ(kExample.size(), 94U);
    EXPECT_EQ(encode_data_header(kModel, kInstance, 8, 3) + "abc", kExample);
    EXPECT_EQ(encode_data_header(kModel, kInstance, 8, 0).size(), 80 + 4 + 5 + 2U);
}

TEST(DataMessage, IsReadAsInTheExampleOfTheProtocol) {
    EXPECT_TRUE(is_data_message(kExample));
    const auto read = decode_data(kExample);
    EXPECT_EQ(read.key, kModel);
    EXPECT_EQ(read.offset, 8);
    EXPECT_EQ(read.instance_id, kInstance);
    EXPECT_EQ(read.data, "abc");
    EXPECT_FALSE(read.is_cut_short);
    EXPECT_EQ(read.data.data(), kExample.data() + 91) << "the data are not copied";
}

TEST(DataMessage, IsToldFromACommand) {
    EXPECT_TRUE(is_data_message("\1\1\1\1"));
    for (const std::string& other : {""s, "\1\1\1"s, "\1\1\1\0"s, "{\1\1\1\1"s, text_of(message_of(Command::Ping))})
        EXPECT_FALSE(is_data_message(other)) << other;
}

TEST(DataMessage, FieldsComeInAnyOrderAndOthersAreSkipped) {
    const std::string packet =
        head(8) + field(5, "ab") + field(99, "xyz") + kInstanceField + kId + kOffset + field(0, "") + kType + field(1, "o");
    const auto read = decode_data(packet);
    EXPECT_EQ(read.key, (ObjectKey{"o", "model", "m1"}));
    EXPECT_EQ(read.data, "ab");
    EXPECT_EQ(read.offset, 8);
    EXPECT_EQ(read.instance_id, 9);
}

TEST(DataMessage, TheLastOfEqualFieldsCounts) {
    EXPECT_EQ(decode_data(head(5) + kType + kId + field(5, "first") + field(3, "m2") + field(5, "last")).key.id, "m2");
    EXPECT_EQ(decode_data(head(5) + kType + kId + field(5, "first") + field(3, "m2") + field(5, "last")).data, "last");
}

TEST(DataMessage, OnlyTypeIdAndDataMustBeThere) {
    const std::string packet = head(3) + kType + kId + field(5, "");
    const auto read = decode_data(packet);
    EXPECT_EQ(read.key, (ObjectKey{"", "model", "m1"}));
    EXPECT_EQ(read.data, "");
    EXPECT_EQ(read.offset, 0);
    EXPECT_EQ(read.instance_id, 0);
}

TEST(DataMessage, OctetsAfterTheLastFieldAreIgnored) {
    EXPECT_EQ(decode_data(kExample + std::string(100'000, '\0')).data, "abc");
    EXPECT_EQ(decode_data(kExample + field(3, "other")).key.id, "m1");
}

TEST(DataMessage, DataThatIsCutShortIsToldFromOtherMistakes) {
    for (std::size_t missing = 1; missing <= 3; ++missing) {
        const auto read = decode_data(std::string_view(kExample).substr(0, kExample.size() - missing));
        EXPECT_TRUE(read.is_cut_short);
        EXPECT_EQ(read.key, kModel);
        EXPECT_EQ(read.offset, 8);
        EXPECT_EQ(read.instance_id, kInstance);
        EXPECT_EQ(read.data, std::string_view("abc").substr(0, 3 - missing));
    }
    EXPECT_TRUE(decode_data(head(6) + kType + kId + four(5) + four(0xffffffff) + "abc").is_cut_short);
    EXPECT_NE(refusal_of([] { decode_data(head(3) + four(5) + four(1000) + kType + kId); }), "accepted") << "of which object?";
}

TEST(DataMessage, OtherOctetsAreRefused) {
    for (std::size_t size = 0; size < kExample.size() - 3; ++size)
        EXPECT_NE(refusal_of([&] { decode_data(std::string_view(kExample).substr(0, size)); }), "accepted") << size;
    const std::string data = field(5, "abc");
    for (const std::string& octets :
         {"\1\1\1\2"s + kExample.substr(4), "\1\1\1\1\0\0\0\2\0\0\0\0"s + kExample.substr(12),
          "\1\1\1\1\0\0\0\1\0\0\0\1"s + kExample.substr(12), head(0) + kType + kId + data, head(2) + kType + kId + data,
          head(4) + kType + kId + data, head(0xffffffff) + kType + kId + data, head(3) + kType + field(3, "") + data,
          head(3) + field(2, "") + kId + data, head(2) + kId + data, head(2) + kType + data,
          head(4) + kType + kId + field(4, "\0\0\0\1"s) + data, head(4) + kType + kId + field(4, std::string(9, '\0')) + data,
          head(4) + kType + kId + field(6, "") + data, head(4) + kType + kId + field(4, "\xff"s + std::string(7, '\0')) + data,
          head(3) + kType + four(3) + four(0xffffffff) + "m1" + data, head(4) + kType + kId + four(77) + four(0x7fffffff) + data,
          head(3) + kType + field(3, std::string(1025, 'x')) + data}) {
        EXPECT_NE(refusal_of([&] { decode_data(octets); }), "accepted") << testing::PrintToString(octets.substr(0, 60));
    }
}

TEST(DataMessage, SurvivesItsOctets) {
    const ObjectKey key{"", std::string(1024, 't'), "\xe6\xbc\xa2"};
    for (const std::int64_t number : {std::int64_t{0}, std::int64_t{1}, INT64_MAX}) {
        const std::string data(1000, '\1');
        const std::string octets = encode_data_header(key, -number, number, data.size()) + data;
        const auto read = decode_data(octets);
        EXPECT_EQ(read.key, key);
        EXPECT_EQ(read.offset, number);
        EXPECT_EQ(read.instance_id, -number);
        EXPECT_EQ(read.data, data);
    }
}

TEST(DataMessage, IsNotWrittenWhereItCouldNotBeRead) {
    EXPECT_NE(refusal_of([] { encode_data_header(kModel, 1, 0, std::size_t{1} << 32U); }), "accepted");
    EXPECT_NE(refusal_of([] { encode_data_header({"o", "t", std::string(1025, 'x')}, 1, 0, 1); }), "accepted");
}

}  // namespace
}  // namespace edgesync::codec
