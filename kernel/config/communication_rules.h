// Rules about the transports between CSS and ESS.
#pragma once

#include "kernel/config/validation.h"

namespace edgesync::config {

/// Sets `decisions.transports`; derives the CSS's URL and what MQTT needs; bounds chunks and queues.
void check_communication(EffectiveValues& values, const Surroundings& surroundings, Decisions& decisions, Findings& findings);

bool uses_mqtt(const Decisions& decisions);

}  // namespace edgesync::config
