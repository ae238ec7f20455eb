#include "edgesync/sdk/network_guard.h"

#include <gtest/gtest.h>

#include "edgesync/sdk/error.h"

namespace edgesync {
namespace {

TEST(PrivateAddress, IsWhatThePublicNetworkDoesNotReach) {
    for (const char* address : {"127.0.0.1",
                                "127.9.9.9",
                                "10.1.2.3",
                                "172.16.0.1",
                                "172.31.255.255",
                                "192.168.0.1",
                                "169.254.169.254",
                                "0.0.0.0",
                                "0.1.2.3",
                                "224.0.0.1",
                                "239.255.255.250",
                                "240.0.0.1",
                                "255.255.255.255",
                                "100.64.0.1",
                                "100.127.255.255",
                                "198.18.0.1",
                                "192.0.0.170",
                                "::1",
                                "::",
                                "fe80::1",
                                "febf::1",
                                "fec0::1",
                                "fc00::1",
                                "fd12:3456::1",
                                "ff02::1",
                                "::ffff:127.0.0.1",
                                "::ffff:10.0.0.1",
                                "::ffff:169.254.169.254",
                                "::10.0.0.1",
                                "64:ff9b::a00:1",
                                "no address",
                                "",
                                "localhost",
                                "1.2.3",
                                "0x7f.0.0.1",
                                "fe80::1%eth0"}) {
        EXPECT_TRUE(is_private_address(address)) << address;
    }
    for (const char* address : {"8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.1",
                                "193.168.0.1", "223.255.255.255", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::808:808"}) {
        EXPECT_FALSE(is_private_address(address)) << address;
    }
}

TEST(NumericAddress, IsAnAddressInDigitsAlone) {
    for (const char* address : {"8.8.8.8", "127.0.0.1", "::1", "2001:db8::1"}) EXPECT_TRUE(is_numeric_address(address)) << address;
    for (const char* text : {"", "localhost", "example.org", "8.8.8", "8.8.8.8:80", "[::1]", "1.2.3.4.5"})
        EXPECT_FALSE(is_numeric_address(text)) << text;
}

TEST(PinnedCertificates, AreFoundHoweverTheirFingerprintsAreWritten) {
    const std::string digits = "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF";
    std::string with_colons;
    for (std::size_t i = 0; i < digits.size(); i += 2) with_colons += (i > 0 ? ":" : "") + digits.substr(i, 2);
    std::string digest;
    for (int round = 0; round < 2; ++round) {
        for (int i = 0; i < 16; ++i) digest.push_back(static_cast<char>(i * 0x11));
    }
    for (const std::string& written : {digits, with_colons, "  " + digits + " "}) {
        const PinnedCertificates pinned({written}, "Key");
        EXPECT_TRUE(pinned.contains(digest)) << written;
        EXPECT_FALSE(pinned.contains(std::string(32, 'x')));
        EXPECT_FALSE(pinned.empty());
    }
    EXPECT_TRUE(PinnedCertificates({}, "Key").empty());
}

TEST(PinnedCertificates, RefuseWhatIsNoFingerprint) {
    for (const std::string& text :
         {std::string("abc"), std::string(63, 'a'), std::string(65, 'a'), std::string(63, 'a') + "g", std::string()}) {
        try {
            const PinnedCertificates pinned({text}, "HTTPCSSPinnedCertFingerprints");
            FAIL() << text;
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::InvalidRequest);
            EXPECT_NE(std::string(error.what()).find("HTTPCSSPinnedCertFingerprints"), std::string::npos) << error.what();
        }
    }
}

}  // namespace
}  // namespace edgesync
