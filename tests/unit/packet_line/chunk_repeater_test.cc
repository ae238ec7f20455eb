#include "kernel/packet_line/chunk_repeater.h"

#include <gmock/gmock.h>

#include "tests/unit/packet_line/packet_fixture.h"

namespace edgesync {
namespace {

using ::testing::ElementsAre;
using testing::eventually;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class KeptLog : public testing::QuietLog {
public:
    void log(LogLevel, std::string_view text) noexcept override {
        const std::lock_guard lock(mutex_);
        lines_.emplace_back(text);
    }
    std::vector<std::string> lines() {
        const std::lock_guard lock(mutex_);
        return lines_;
    }

private:
    std::mutex mutex_;
    std::vector<std::string> lines_;
};

/// A CSS that receives objects of a node and gets no octet of them. A resend interval is no time, so that every look finds what it saw
/// before stalled.
class ChunkRepeaterTest : public testing::PacketTest {
protected:
    ChunkRepeaterTest() {
        context_.resend_interval = std::chrono::seconds(0);
        register_node(cam1_, "mqtt");
        dispatcher_.add("mqtt", line_);
        stops_.emplace_back([this] { dispatcher_.stop(); });
    }

    void announce(const std::string& id) {
        Metadata meta = metadata(id);
        meta.origin_type = "camera";
        meta.origin_id = "cam1";
        meta.instance_id = 1;
        meta.data_id = 1;
        meta.object_size = 100000;
        meta.chunk_size = 50000;
        receive(cam1_, Command::Update, meta);
    }
    /// The objects that were asked for again until now, each as often as that.
    std::vector<std::string> asked(std::size_t number) {
        EXPECT_TRUE(eventually([&] { return line_.sent_count() >= number; }));
        std::vector<std::string> ids;
        for (const auto& sent : line_.sent()) {
            if (sent.message.command == Command::GetData) ids.push_back(sent.message.meta.object_id);
        }
        return ids;
    }

    KeptLog kept_log_;
    packet_line::Dispatcher dispatcher_{context_, *operations_, scheduler_, log_};
};

TEST_F(ChunkRepeaterTest, AsksAgainForWhatHasNotMovedSinceTheLastLook) {
    announce("a");
    packet_line::ChunkRepeater repeater(context_, *operations_, dispatcher_, kept_log_);
    repeater.look();
    EXPECT_EQ(line_.sent_count(), 0U) << "nothing is known of it yet";
    repeater.look();
    EXPECT_THAT(asked(1), ElementsAre("a"));
    EXPECT_TRUE(kept_log_.lines().empty());
}

TEST_F(ChunkRepeaterTest, AsksMoreSeldomForTransfersBeyondThoseThatItRemembersAndSaysSo) {
    for (const char* id : {"a", "b", "c"}) announce(id);
    packet_line::ChunkRepeater repeater(context_, *operations_, dispatcher_, kept_log_, 1);
    for (int look = 1; look <= 5; ++look) repeater.look();
    EXPECT_THAT(asked(4), ElementsAre("a", "a", "a", "a"));
    repeater.look();
    EXPECT_THAT(asked(7), UnorderedElementsAre("a", "a", "a", "a", "a", "b", "c"));
    EXPECT_THAT(kept_log_.lines(), ElementsAre(HasSubstr("2 transfers more than the 1 that are watched"))) << "once";
}

}  // namespace
}  // namespace edgesync
