#include "kernel/delivery/unsendable_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/security/fake_settings.h"

namespace edgesync::delivery {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;

ObjectRecord from_file(const std::string& id) {
    ObjectRecord object;
    object.meta.org = "acme";
    object.meta.object_type = "report";
    object.meta.object_id = id;
    object.meta.source_data_uri = "file:///data/report.bin";
    return object;
}

class UnsendableDataTest : public ::testing::Test {
protected:
    void fail(const ObjectRecord& object) { data_.failed(object, {ErrorKind::NotFound, "/data/report.bin: No such file"}, now_); }

    fakes::CollectingLog log_;
    TimePoint now_ = std::chrono::sys_days(std::chrono::year(2026) / 1 / 1);
    UnsendableData data_{log_, seconds(60)};
};

TEST_F(UnsendableDataTest, IsSaidWithTheReasonAndWhatToDo) {
    fail(from_file("r1"));
    ASSERT_THAT(log_.lines, SizeIs(1));
    EXPECT_THAT(log_.lines[0], AllOf(HasSubstr("report/r1"), HasSubstr("/data/report.bin: No such file"),
                                     HasSubstr("bring back the file of its sourceDataUri"), HasSubstr("again every 60 s")));
    ObjectRecord stored = from_file("r2");
    stored.meta.source_data_uri.clear();
    fail(stored);
    EXPECT_EQ(log_.lines[1].find("sourceDataUri"), std::string::npos);
}

TEST_F(UnsendableDataTest, IsSaidOfAnObjectOnceAnHour) {
    for (int minute = 0; minute < 60; ++minute, now_ += minutes(1)) fail(from_file("r1"));
    fail(from_file("r2"));
    EXPECT_THAT(log_.lines, SizeIs(2));
    fail(from_file("r1"));
    EXPECT_THAT(log_.lines, SizeIs(3));
}

TEST_F(UnsendableDataTest, CountsUntilItIsSettledOrNotTriedAnyMore) {
    fail(from_file("r1"));
    fail(from_file("r2"));
    fail(from_file("r2"));
    EXPECT_EQ(data_.count(now_), 2U);
    data_.settled(from_file("r1").key());
    EXPECT_EQ(data_.count(now_), 1U);
    EXPECT_THAT(log_.lines.back(), HasSubstr("report/r1 is not held up any more"));
    data_.settled(from_file("r1").key());
    EXPECT_THAT(log_.lines, SizeIs(3)) << "what was well before is not worth a line";
    now_ += seconds(119);
    EXPECT_EQ(data_.count(now_), 1U);
    now_ += seconds(1);
    EXPECT_EQ(data_.count(now_), 0U) << "an object that is gone is tried no more";
}

TEST_F(UnsendableDataTest, RemembersABoundedNumberOfObjects) {
    for (std::size_t i = 0; i <= UnsendableData::kMostObjects; ++i) fail(from_file("r" + std::to_string(i)));
    EXPECT_EQ(data_.count(now_), UnsendableData::kMostObjects);
    now_ += minutes(2);
    fail(from_file("new"));
    EXPECT_EQ(data_.count(now_), 1U) << "those that are tried no more make room";
}

}  // namespace
}  // namespace edgesync::delivery
