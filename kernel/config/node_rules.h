// Rules about the node itself: who it is, where it listens, where it keeps things, how it logs.
#pragma once

#include "kernel/config/validation.h"

namespace edgesync::config {

/// Makes folders absolute; PersistenceRootPath and ObjectsDataPath then end with '/'.
void derive_paths(EffectiveValues& values, const Surroundings& surroundings, Findings& findings);
/// NodeType, DestinationType, DestinationID, OrgID. Sets `decisions.is_single_org`.
void check_identity(EffectiveValues& values, const Surroundings& surroundings, Decisions& decisions, Findings& findings);
/// ListeningType and what it needs; AuthenticationHandler.
void check_listeners(EffectiveValues& values, const Decisions& decisions, Findings& findings);
/// Levels fall back to INFO; no usable destination is a problem.
void check_logging(EffectiveValues& values, Findings& findings);

/// "Key is 'value'" for a message, `<...>` for secrets.
std::string key_and_value(const EffectiveValues& values, const std::string& key);
void add_problem(Findings& findings, const std::string& key, std::string text, std::string advice);

}  // namespace edgesync::config
