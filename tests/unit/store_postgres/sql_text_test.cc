#include "plugins/store-postgres/sql_text.h"

#include <gtest/gtest.h>

#include "edgesync/sdk/error.h"
#include "edgesync/sdk/key.h"

namespace edgesync::postgres {
namespace {

TEST(SqlText, OctetsSurviveTheHexFormat) {
    std::string all;
    for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
    EXPECT_EQ(from_hex("\\x" + to_hex(all)), all);
    EXPECT_EQ(from_hex("\\x"), "");
    for (const auto* text : {"", "00", "\\x0", "\\x0g", "x00"}) EXPECT_THROW(from_hex(text), Error) << text;
}

TEST(SqlText, AQuoteInAValueNeverReachesTheText) {
    EXPECT_EQ(Call("put").octets("'; --").number(-5).flag(true).str(), "EXECUTE put('\\x273b202d2d','-5',true)");
    EXPECT_EQ(Call("none").str(), "EXECUTE none");
}

TEST(SqlText, ArraysHaveNullsAndEmptyValues) {
    ArrayText array;
    EXPECT_TRUE(array.is_empty());
    EXPECT_EQ(array.str(), "'{}'");
    array.octets("").octets_or_null(std::nullopt).octets("}");
    EXPECT_EQ(array.str(), R"('{"\\x",NULL,"\\x7d"}')");
    EXPECT_EQ(ArrayText().number(1).number_or_null(std::nullopt).flag(false).str(), "'{1,NULL,f}'");
}

TEST(SqlText, TheEndOfAPrefixIsAboveAllThatBeginsWithIt) {
    for (const std::string& prefix : {std::string("a"), std::string("a\0\0", 3), std::string("a\xFF"), std::string()}) {
        const std::string end = end_of_prefix(prefix);
        EXPECT_GT(end, prefix);
        EXPECT_GT(end, prefix + "\xF4\x8F");
    }
    EXPECT_EQ(end_of_prefix("a\xFF"), "b");
}

}  // namespace
}  // namespace edgesync::postgres
