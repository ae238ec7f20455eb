// The command line of the conformance programs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "edgesync/sdk/settings.h"

namespace edgesync::conformance {

struct Options {
    std::filesystem::path plugin;              ///< The .so under test, absolute.
    std::filesystem::path settings;            ///< Lines "Key value" as in sync.conf; empty: defaults only.
    std::map<std::string, std::string> given;  ///< The same, before the file's.
    std::filesystem::path root;                ///< Existing folder for everything the tests write, absolute.
    NodeRole role = NodeRole::Css;
    bool is_verbose = false;  ///< Shows what the plugin logs.
    std::uint64_t seed = 1;   ///< Of all random choices.
};

/// Set by main before any test runs, not changed afterwards.
Options& options();

}  // namespace edgesync::conformance
