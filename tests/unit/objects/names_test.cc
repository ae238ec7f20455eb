#include "kernel/objects/names.h"

#include <gtest/gtest.h>

namespace edgesync::objects {
namespace {

TEST(Names, AllowWhatTheRuleListsAndNothingElse) {
    for (const char* name : {"a", "Z9", "|!@#$^*-_.~", "größe", "カメラ", "Ⅷ", "٣", "a.b-c_d@e"}) EXPECT_TRUE(is_valid_name(name)) << name;
    for (const char* name :
         {"",     " ",    "a b",      "a/b",         "a:b", "a%b",  "a&b", "a+b", "a=b", "\"", "'",         "<",
          ">",    "[",    "]",        "(",           "{",   "a\tb", "a\n", "?",   ",",   ";",  "e\xCC\x81", "\xF0\x9F\x98\x80",
          "\xff", "\xc3", "\xc0\x80", "\xed\xa0\x80"}) {
        EXPECT_FALSE(is_valid_name(name)) << name;
    }
}

TEST(Names, HaveAtMost1024Bytes) {
    EXPECT_TRUE(is_valid_name(std::string(1024, 'x')));
    EXPECT_FALSE(is_valid_name(std::string(1025, 'x')));
}

TEST(Names, ANulIsNoCharacter) { EXPECT_FALSE(is_valid_name(std::string_view("a\0b", 3))); }

TEST(HtmlEscape, LeavesNothingThatABrowserWouldRead) {
    EXPECT_EQ(html_escape("<a href=\"x\">'&'\n"), "&lt;a href=&#34;x&#34;&gt;&#39;&amp;&#39; ");
}

}  // namespace
}  // namespace edgesync::objects
