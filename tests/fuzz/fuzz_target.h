// What the fuzz targets share: how they say that something is wrong. A target is a file with `LLVMFuzzerTestOneInput`; an exception that
// it does not expect, a failed `require` and whatever a sanitizer finds end the process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "edgesync/sdk/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace edgesync::fuzz {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) { return {reinterpret_cast<const char*>(data), size}; }

inline void require(bool is_true, const char* what) {
    if (is_true) return;
    std::fprintf(stderr, "broken: %s\n", what);
    std::abort();
}

/// Whether `function` returns; it may throw an Error of this kind, and nothing else.
template <typename Function>
bool succeeds(ErrorKind expected, const Function& function) {
    try {
        function();
        return true;
    } catch (const Error& error) {
        require(error.kind() == expected, error.what());
        return false;
    }
}

}  // namespace edgesync::fuzz
