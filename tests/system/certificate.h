// Keys and certificates made for one test.
#pragma once

#include <string>

namespace edgesync::system_test {

struct Certificate {
    std::string certificate;  ///< PEM.
    std::string key;          ///< PEM.
};

/// RSA 2048, for localhost and 127.0.0.1, valid for an hour; its own CA.
Certificate make_certificate();

/// An authority of its own, valid for an hour.
Certificate make_authority(const std::string& common_name);
/// By an authority, valid for an hour; for a server with these `names`, "DNS:localhost,IP:127.0.0.1", for a client without.
Certificate issue_certificate(const Certificate& authority, const std::string& common_name, const std::string& names);
/// SHA-256 of the certificate in DER, hexadecimal.
std::string fingerprint(const Certificate& certificate);

}  // namespace edgesync::system_test
