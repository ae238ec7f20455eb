#include "plugins/store-memory/time_base.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "edgesync/sdk/error.h"
#include "tests/unit/temporary_folder.h"

namespace edgesync::memory {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

class TimeBaseFile : public testing::Test {
protected:
    std::string file() const { return folder_.root() + "sync/local/persisted-data"; }
    std::string text() const {
        std::ifstream in(file(), std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    void overwrite(const std::string& octets) const { std::ofstream(file(), std::ios::binary | std::ios::trunc) << octets; }

    TemporaryFolder folder_;
};

TEST_F(TimeBaseFile, IsAbsentUntilAnIdIsIssued) {
    TimeBase base(folder_.root());
    EXPECT_EQ(base.last_issued(), 0);
    EXPECT_FALSE(std::filesystem::exists(file()));
}

TEST_F(TimeBaseFile, IsAHeaderAndTheSecondOfTheLastIdBigEndian) {
    TimeBase(folder_.root()).cover(0x01020304 * kSecond + 999'999'999);
    const std::string expected(
        "\x01\x01\x01\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01"
        "\x00\x00\x00\x00\x00\x00\x00\x08\x00\x00\x00\x00\x01\x02\x03\x04",
        32);
    EXPECT_EQ(text(), expected);
}

TEST_F(TimeBaseFile, IsWrittenOnlyWhenTheSecondAdvances) {
    TimeBase base(folder_.root());
    base.cover(100 * kSecond);
    overwrite("touched");
    base.cover(100 * kSecond + 5);
    EXPECT_EQ(text(), "touched");
    base.cover(101 * kSecond);
    EXPECT_EQ(text().size(), 32U);
}

TEST_F(TimeBaseFile, GivesTheNextSecondWhateverTheClockSays) {
    TimeBase(folder_.root()).cover(100 * kSecond + 7);
    EXPECT_EQ(TimeBase(folder_.root()).last_issued(), 101 * kSecond);
}

TEST_F(TimeBaseFile, IsRefusedWithItsNameWhenItMakesNoSense) {
    TimeBase(folder_.root()).cover(100 * kSecond);
    const std::string good = text();
    std::string huge = good;
    huge[24] = '\x7f';
    for (const std::string& bad : {std::string(), good.substr(0, 31), good + "x", std::string(32, '\0'), huge}) {
        overwrite(bad);
        try {
            TimeBase(folder_.root()).last_issued();
            ADD_FAILURE() << "accepted " << bad.size() << " octets";
        } catch (const Error& e) {
            EXPECT_EQ(e.kind(), ErrorKind::Corrupt);
            EXPECT_NE(std::string(e.what()).find(file()), std::string::npos) << e.what();
        }
    }
}

}  // namespace
}  // namespace edgesync::memory
