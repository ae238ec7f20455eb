// What the command line of the kit said.
#pragma once

#include <chrono>
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
    NodeRole role = NodeRole::Css;             ///< Of a store.
    std::string only;                          ///< Pattern of rules and tests; empty: all.
    std::string server;                        ///< Command of what runs between the nodes; empty: nothing.
    std::string cut;                           ///< Command that breaks the line between the nodes; empty: there is none.
    std::string restore;                       ///< Command that mends it.
    bool is_list_wanted = false;               ///< Instead of a run.
    bool is_verbose = false;                   ///< Shows what the plugin logs and what the test framework says.
    std::uint64_t seed = 1;                    ///< Of all random choices.
    std::chrono::seconds timeout{180};         ///< Of one test.
    std::chrono::seconds patience{600};        ///< How long broken tests may take altogether.

    // Of the test that runs, and of a process that it starts:
    std::filesystem::path shared;      ///< Folder that all its nodes see.
    std::map<std::string, int> ports;  ///< That were given out, by name.
    int acknowledgement_fd = -1;       ///< Where a process that a crash test kills says what is durable; -1: this is none.
};

/// Set by main before any test runs; what is said of a test, by the test's own process.
Options& options();

/// How long a test waits for what should come at once.
inline std::chrono::milliseconds usual_wait() { return std::chrono::milliseconds(options().timeout) / 6; }

}  // namespace edgesync::conformance
