#include "kernel/hooks/hook_url.h"

#include <gtest/gtest.h>

#include "edgesync/sdk/error.h"

namespace edgesync::hooks {
namespace {

TEST(HookUrlTest, TakesHttpAddresses) {
    struct Case {
        std::string url, host;
        std::uint16_t port;
        std::string target, authority;
        bool is_tls;
    };
    const std::vector<Case> cases = {
        {"http://10.0.0.5:9000/hook", "10.0.0.5", 9000, "/hook", "10.0.0.5:9000", false},
        {"https://example.org", "example.org", 443, "/", "example.org", true},
        {"HTTP://Example.org:80?x=1", "example.org", 80, "/?x=1", "example.org", false},
        {"http://[::1]:8080/a?b=c", "::1", 8080, "/a?b=c", "[::1]:8080", false},
    };
    for (const auto& part : cases) {
        const HookUrl url = parse_hook_url(part.url);
        EXPECT_EQ(url.host, part.host) << part.url;
        EXPECT_EQ(url.port, part.port) << part.url;
        EXPECT_EQ(url.target, part.target) << part.url;
        EXPECT_EQ(url.authority(), part.authority) << part.url;
        EXPECT_EQ(url.is_tls, part.is_tls) << part.url;
    }
}

TEST(HookUrlTest, RefusesEverythingElse) {
    for (const std::string& url : std::vector<std::string>{
             "", "hook", "/hook", "ftp://a/b", "file:///etc/passwd", "http://", "http:///x", "http://user:secret@a/", "http://a b/",
             "http://a/\r\nX: y", "http://a:0/", "http://a:99999/", "javascript:alert(1)", "http://a/" + std::string(3000, 'x')}) {
        EXPECT_THROW(parse_hook_url(url), Error) << url;
    }
}

TEST(HookUrlTest, ComparesAllowedHostsWithoutCase) {
    EXPECT_TRUE(is_allowed_host("any", {}));
    EXPECT_TRUE(is_allowed_host("Hooks.Example.org", {"other", "hooks.example.ORG"}));
    EXPECT_FALSE(is_allowed_host("hooks.example.org.evil", {"hooks.example.org"}));
}

}  // namespace
}  // namespace edgesync::hooks
