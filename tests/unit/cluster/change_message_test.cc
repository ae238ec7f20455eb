#include "kernel/cluster/change_message.h"

#include <gtest/gtest.h>

namespace edgesync::cluster {
namespace {

TEST(ChangeMessageTest, WhatConcernsNobodyElseIsNoMessage) {
    rules::Effects effects;
    effects.has_work = true;
    effects.arrived = {{"acme", "model", "a"}};
    effects.verify = {{"acme", "model", "b"}};
    EXPECT_EQ(change_message(effects), "");
}

TEST(ChangeMessageTest, ComesBackAsItWas) {
    rules::Effects effects;
    effects.wake = {{"acme", "camera", "c1"}, {"\xC3\xBC \"org\"", "t\\", "|~"}};
    effects.acls_of = {"acme", "other"};
    const auto back = effects_of_message(change_message(effects));
    ASSERT_TRUE(back);
    EXPECT_EQ(back->wake, effects.wake);
    EXPECT_EQ(back->acls_of, effects.acls_of);
    EXPECT_FALSE(back->has_work);
}

TEST(ChangeMessageTest, TooMuchMeansAnything) {
    rules::Effects effects;
    effects.wake.assign(20000, {"an organization", "a type", "a node"});
    const std::string message = change_message(effects);
    EXPECT_LT(message.size(), 1024U * 1024U);
    EXPECT_FALSE(message.empty());
    EXPECT_FALSE(effects_of_message(message));
}

TEST(ChangeMessageTest, WhatCannotBeReadMeansAnything) {
    for (const std::string text :
         {"", "{}", "[]", "null", "{", R"({"wake":[]})", R"({"wake":[["a","b"]],"acls":[]})", R"({"wake":[["a","b",3]],"acls":[]})",
          R"({"wake":3,"acls":[]})", R"({"wake":[],"acls":[1]})", R"({"wake":[],"acls":{}})"}) {
        EXPECT_FALSE(effects_of_message(text)) << text;
    }
}

}  // namespace
}  // namespace edgesync::cluster
