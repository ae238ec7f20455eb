// Keys and self-signed certificates made for one test.
#pragma once

#include <string>

namespace edgesync::system_test {

struct Certificate {
    std::string certificate;  ///< PEM.
    std::string key;          ///< PEM.
};

/// RSA 2048, for localhost and 127.0.0.1, valid for an hour; its own CA.
Certificate make_certificate();

}  // namespace edgesync::system_test
