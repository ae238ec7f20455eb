#include "kernel/plugins/plugin_identity.h"

#include <gmock/gmock.h>

namespace edgesync::plugins {
namespace {

using testing::HasSubstr;

const Expectation kNeeded{PluginKind::Store, "lmdb", 2, 3, "tag"};
const PluginIdentity kSame{2, 3, PluginKind::Store, "tag", "lmdb"};

TEST(PluginIdentity, TheSameMajorAndAnOlderOrEqualMinorVersionIsAccepted) {
    auto found = kSame;
    EXPECT_FALSE(why_refused(found, kNeeded));
    found.abi_minor = 0;
    EXPECT_FALSE(why_refused(found, kNeeded));
}

TEST(PluginIdentity, ARefusalSaysWhatWasFoundAndWhatIsNeeded) {
    auto found = kSame;
    found.abi_major = 1;
    EXPECT_THAT(why_refused(found, kNeeded).value(), HasSubstr("ABI 1.3, this service needs ABI 2.x up to 2.3"));
    found = kSame;
    found.abi_minor = 4;
    EXPECT_THAT(why_refused(found, kNeeded).value(), HasSubstr("ABI 2.4, this service offers only 2.3"));
    found = kSame;
    found.toolchain = "other\n";
    EXPECT_THAT(why_refused(found, kNeeded).value(), HasSubstr("'other ', this service needs 'tag'"));
    found = kSame;
    found.kind = PluginKind::Transport;
    EXPECT_THAT(why_refused(found, kNeeded).value(), HasSubstr("a transport plugin, but its file name says store"));
    found = kSame;
    found.name = "bolt";
    EXPECT_THAT(why_refused(found, kNeeded).value(), HasSubstr("calls itself 'bolt', but its file name says 'lmdb'"));
    found = kSame;
    found.has_own_cxx_library = true;
    EXPECT_THAT(why_refused(found, kNeeded).value(), HasSubstr("link libstdc++.so"));
}

TEST(PluginFileNames, AreLibKindName) {
    EXPECT_EQ(parse_file_name("libstore-lmdb.so")->name, "lmdb");
    EXPECT_EQ(parse_file_name("libtransport-my-net.so")->kind, PluginKind::Transport);
    EXPECT_EQ(file_name_of(PluginKind::Transport, "http"), "libtransport-http.so");
    for (const auto* other :
         {"store-lmdb.so", "libstore-.so", "libstore.so", "libstore-a.so.1", "libstore-A.so", "libstore-../x.so", ".so"}) {
        EXPECT_FALSE(parse_file_name(other)) << other;
    }
}

}  // namespace
}  // namespace edgesync::plugins
