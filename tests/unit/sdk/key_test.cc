#include "edgesync/sdk/key.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace edgesync {
namespace {

using Parts = std::vector<std::string>;

std::string key_of(const Parts& parts) {
    Key key;
    for (const auto& part : parts) key.text(part);
    return key.str();
}

/// Few letters, so that parts begin each other and zeros meet ends.
Parts random_parts(std::mt19937& random) {
    Parts parts(1 + random() % 3);
    for (auto& part : parts) {
        part.resize(random() % 4);
        for (char& c : part) c = std::string_view("\0\1a\xFF", 4)[random() % 4];
    }
    return parts;
}

TEST(Keys, AreSortedAsTheirPartsAre) {
    std::mt19937 random(1);
    for (int round = 0; round < 20000; ++round) {
        const Parts a = random_parts(random);
        const Parts b = random_parts(random);
        ASSERT_EQ(key_of(a) < key_of(b), a < b) << round;
        ASSERT_EQ(key_of(a) == key_of(b), a == b) << round;
    }
}

TEST(Keys, APrefixOfPartsIsTheRangeOfTheKeysThatBeginWithThem) {
    std::mt19937 random(2);
    for (int round = 0; round < 20000; ++round) {
        const Parts prefix = random_parts(random);
        const Parts other = random_parts(random);
        const bool begins = other.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), other.begin());
        const std::string key = key_of(other);
        ASSERT_EQ(key.starts_with(key_of(prefix)), begins) << round;
        ASSERT_EQ(key >= key_of(prefix) && key < end_of_prefix(key_of(prefix)), begins) << round;
    }
}

TEST(Keys, NumbersAndTimesAreSortedBySize) {
    const std::int64_t numbers[] = {INT64_MIN, -256, -1, 0, 1, 255, 256, INT64_MAX};
    for (std::size_t i = 1; i < std::size(numbers); ++i) {
        EXPECT_LT(Key().number(numbers[i - 1]).str(), Key().number(numbers[i]).str());
        EXPECT_LT(Key().time(TimePoint(TimePoint::duration(numbers[i - 1]))).str(),
                  Key().time(TimePoint(TimePoint::duration(numbers[i]))).str());
    }
    EXPECT_LT(Key().sequence(1).str(), Key().sequence(UINT64_MAX).str());
    EXPECT_EQ(sequence_of(Key().sequence(0x0102030405060708).str()), 0x0102030405060708U);
}

TEST(Keys, LongNamesStayShortAndDifferent) {
    const std::string begin(1023, 'x');
    const std::string a = key_of({begin + "a", begin + "a", begin + "a"});
    EXPECT_LT(a.size(), 511U);
    EXPECT_NE(a, key_of({begin + "a", begin + "a", begin + "b"}));
    EXPECT_LT(key_of({"w" + begin}), a);
    EXPECT_GT(key_of({"y" + begin}), a);
}

TEST(Keys, TheEncodingIsTheOneOnDisks) {
    EXPECT_EQ(Key().text("a").text(std::string(1, '\0')).octet(7).raw("r").str(), std::string("a\0\0\0\xFF\0\0\7r", 9));
    EXPECT_EQ(Key().number(-2).str(), "\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFE");
    EXPECT_EQ(object_key({"o", "t", "i"}), std::string("o\0\0t\0\0i\0\0", 9));
    const std::string longest(88, 'n');
    EXPECT_EQ(key_of({longest}), longest + std::string(2, '\0'));
    EXPECT_EQ(key_of({longest + "n"}).substr(0, 52), std::string(48, 'n') + "\x06\xE7\xE0\xB0");
}

TEST(Keys, ABlobsNameIsReadBack) {
    BlobId id;
    for (std::size_t i = 0; i < id.bytes.size(); ++i) id.bytes[i] = static_cast<std::uint8_t>(255 - i);
    EXPECT_EQ(blob_of(blob_key(id)), id);
    EXPECT_EQ(blob_of("").bytes[15], 0);
}

TEST(Keys, NoPrefixEndsAboveEveryText) {
    EXPECT_EQ(end_of_prefix(""), std::string(16, '\xFF'));
    EXPECT_EQ(end_of_prefix("a\xFF\xFF"), "b");
}

}  // namespace
}  // namespace edgesync
