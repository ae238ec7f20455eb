#include "kernel/security/wipe.h"

#include <gtest/gtest.h>

namespace edgesync::security {
namespace {

TEST(SecretText, LeavesNothingBehind) {
    std::string text = "a secret that is too long to be kept inside";
    const char* place = text.data();
    wipe(text);
    EXPECT_EQ(text, "");
    EXPECT_EQ(text.data(), place) << "the same memory";
    EXPECT_EQ(std::string(place, 8), std::string(8, '\0'));

    SecretText first(std::string("short"));
    const SecretText second(std::move(first));
    EXPECT_EQ(second.text(), "short");
    EXPECT_TRUE(first.empty());
}

}  // namespace
}  // namespace edgesync::security
