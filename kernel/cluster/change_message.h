// What an instance tells the others that share its store: those effects of a transaction that concern what they keep in memory.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "kernel/rules/effects.h"

namespace edgesync::cluster {

/// For WriteTransaction::broadcast; empty if nothing concerns the others.
std::string change_message(const rules::Effects& effects);

/// What such a message says; nullopt if it says too much to be listed, or is of another version: then anything may have changed.
std::optional<rules::Effects> effects_of_message(std::string_view message);

}  // namespace edgesync::cluster
