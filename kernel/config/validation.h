// The rules between keys: what a role needs, what excludes what, and the values that follow from others.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "kernel/config/effective_values.h"

namespace edgesync::config {

/// What validation needs to know of the world; tests give their own.
struct Surroundings {
    std::filesystem::path working_directory;
    /// Organizations, types and ids.
    std::function<bool(std::string_view)> is_valid_name;
    std::function<std::uint64_t()> random;
};

/// Letters, digits and `| ! @ # $ ^ * - _ . ~`; other well-formed UTF-8 is let through (whether it is a letter is the rule of the
/// objects room, which the program passes in).
bool is_plain_name(std::string_view name);

struct Decisions {
    NodeRole role = NodeRole::Css;
    bool is_single_org = false;
    std::string store;                    ///< Plugin name, "lmdb".
    std::vector<std::string> transports;  ///< Plugin names, "http".
};

/// Replaces derived values, adds every problem it finds (not only the first) in the order of the documentation.
/// With a NodeType that is neither CSS nor ESS only that is reported, because all other rules depend on it.
Decisions validate(EffectiveValues& values, const Surroundings& surroundings, Findings& findings);

}  // namespace edgesync::config
