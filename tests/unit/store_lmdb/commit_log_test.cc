#include "plugins/store-lmdb/commit_log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <vector>

#include "edgesync/sdk/error.h"
#include "tests/unit/temporary_folder.h"

namespace edgesync::lmdb {
namespace {

constexpr std::size_t kSegment = 64 * 1024;
constexpr off_t kFirstSegment = 8192;

class CommitLogTest : public testing::Test {
protected:
    std::filesystem::path file() const { return folder_.path() / "commit.log"; }

    void create() {
        Checkpoint first;
        first.transaction = 7;
        log_.create(kSegment, first);
    }
    static std::vector<std::string> records_of(CommitLog& log) {
        std::vector<std::string> records;
        log.replay([&](std::string_view octets) { records.emplace_back(octets); });
        return records;
    }
    std::vector<std::string> reopened() const {
        CommitLog log(file());
        log.open();
        return records_of(log);
    }
    void overwrite(off_t offset, const std::string& octets) const {
        const int fd = ::open(file().c_str(), O_WRONLY | O_CLOEXEC);
        ASSERT_EQ(::pwrite(fd, octets.data(), octets.size(), offset), static_cast<ssize_t>(octets.size()));
        ::close(fd);
    }
    std::string problem() const {
        try {
            reopened();
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::Corrupt);
            return error.what();
        }
        return "none";
    }

    TemporaryFolder folder_;
    CommitLog log_{file()};
};

using Records = std::vector<std::string>;

TEST_F(CommitLogTest, GivesBackWhatWasAppendedInOrder) {
    create();
    const std::string large(10000, 'x');
    for (const std::string& record : {std::string("a"), large, std::string(), std::string("b\0c", 3)}) log_.append(record);
    EXPECT_EQ(reopened(), (Records{"a", large, "", std::string("b\0c", 3)}));
}

TEST_F(CommitLogTest, ContinuesBehindTheLastRecordAfterARestart) {
    create();
    log_.append("a");
    log_.close();
    log_.open();
    EXPECT_EQ(records_of(log_), Records{"a"});
    log_.append("b");
    EXPECT_EQ(reopened(), (Records{"a", "b"}));
}

TEST_F(CommitLogTest, EndsAtTheFirstDamagedRecord) {
    create();
    for (const char* record : {"a", "b", "c"}) log_.append(record);
    overwrite(kFirstSegment + 4096 + 24, "?");
    EXPECT_EQ(reopened(), Records{"a"});
}

TEST_F(CommitLogTest, IgnoresARecordWhoseEndIsMissing) {
    create();
    log_.append("a");
    log_.append(std::string(9000, 'x'));
    overwrite(kFirstSegment + 4096 + 8192, std::string(4096, '\0'));
    EXPECT_EQ(reopened(), Records{"a"});
}

TEST_F(CommitLogTest, ForgetsARevokedRecord) {
    create();
    log_.append("a");
    log_.append("b");
    log_.revoke();
    EXPECT_EQ(reopened(), Records{"a"});
    log_.append("c");
    EXPECT_EQ(reopened(), (Records{"a", "c"}));
}

TEST_F(CommitLogTest, RefusesWhatDoesNotFit) {
    create();
    EXPECT_TRUE(log_.fits_a_segment(kSegment - 4096));
    EXPECT_FALSE(log_.fits_a_segment(kSegment));
    log_.append("a");
    EXPECT_TRUE(log_.has_room(kSegment - 2 * 4096));
    EXPECT_FALSE(log_.has_room(kSegment - 4096));
}

TEST_F(CommitLogTest, ReadsOnInTheOtherSegmentWhileACheckpointIsUnderWay) {
    create();
    log_.append("a");
    Checkpoint next;
    log_.turn_to_other_segment(next);
    log_.append("b");
    EXPECT_EQ(reopened(), (Records{"a", "b"})) << "the checkpoint was not written";
    log_.write_checkpoint(next);
    EXPECT_EQ(reopened(), Records{"b"}) << "the checkpoint was written";
}

TEST_F(CommitLogTest, TakesNoRecordOfAnEarlierTurn) {
    create();
    Checkpoint next;
    for (int turn = 0; turn < 5; ++turn) {
        for (const char* record : {"old", "old", "old"}) log_.append(record);
        log_.turn_to_other_segment(next);
        log_.write_checkpoint(next);
    }
    EXPECT_EQ(reopened(), Records{});
    log_.append("new");
    EXPECT_EQ(reopened(), Records{"new"});
}

TEST_F(CommitLogTest, UsesTheOlderHeaderWhenTheNewerIsTorn) {
    create();
    log_.append("a");
    Checkpoint next;
    log_.turn_to_other_segment(next);
    log_.append("b");
    log_.write_checkpoint(next);
    overwrite(0, "torn");  // The second header that is written stands in the first slot.
    EXPECT_EQ(reopened(), (Records{"a", "b"}));
}

TEST_F(CommitLogTest, KeepsItsCheckpoint) {
    create();
    Checkpoint next;
    next.transaction = 1234;
    next.page_size = 4096;
    next.is_clean = true;
    next.meta_pages[1][511] = 'm';
    log_.append("a");
    log_.turn_to_other_segment(next);
    log_.write_checkpoint(next);
    CommitLog log(file());
    log.open();
    EXPECT_EQ(log.checkpoint().transaction, 1234U);
    EXPECT_EQ(log.checkpoint().page_size, 4096U);
    EXPECT_TRUE(log.checkpoint().is_clean);
    EXPECT_EQ(log.checkpoint().segment, 1U);
    EXPECT_EQ(log.checkpoint().first_record, 2U);
    EXPECT_EQ(log.checkpoint().meta_pages, next.meta_pages);
}

TEST_F(CommitLogTest, SaysThatAFileIsNotALog) {
    create();
    overwrite(0, std::string(8192, 'x'));
    EXPECT_NE(problem().find("commit.log is damaged"), std::string::npos);
    std::filesystem::resize_file(file(), 0);
    EXPECT_NE(problem().find("commit.log is damaged"), std::string::npos);
}

TEST_F(CommitLogTest, SaysThatAFileIsCutOff) {
    create();
    std::filesystem::resize_file(file(), kFirstSegment + kSegment);
    EXPECT_NE(problem().find("commit.log is damaged"), std::string::npos);
}

}  // namespace
}  // namespace edgesync::lmdb
