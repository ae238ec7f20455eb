// Rules about the store, the keys of the former database, and files of certificates and keys.
#pragma once

#include "kernel/config/validation.h"

namespace edgesync::config {

/// Sets `decisions.store`; warns about keys of the former database, never showing their values.
void check_storage(EffectiveValues& values, Decisions& decisions, Findings& findings);
/// Certificate and key files that this configuration uses must be allowed places and names.
void check_certificate_paths(EffectiveValues& values, const Decisions& decisions, Findings& findings);

}  // namespace edgesync::config
