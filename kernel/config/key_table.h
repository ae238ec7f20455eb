// Every key of the service itself, the other spellings of keys, and the keys of the former database.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "edgesync/sdk/settings.h"

namespace edgesync::config {

/// In the order of the documentation. Plugins may declare some of them again (see EffectiveValues::declare).
const std::vector<SettingDeclaration>& service_keys();

/// A second spelling of `key`; the key itself wins when both are present.
struct KeyAlias {
    const char* alias;
    const char* environment;  ///< Empty: only the alias itself.
    const char* key;
};
std::span<const KeyAlias> key_aliases();

/// A key of the Go service's MongoDB store: accepted, never used.
struct FormerKey {
    const char* key;
    const char* environment;
    const char* default_value;
    const char* counterpart;  ///< Our key; empty: none.
};
std::span<const FormerKey> former_keys();

/// A key of the Go service that is checked but changes nothing here, because the service does not have what it would set.
struct KeyWithoutEffect {
    const char* key;
    const char* reason;  ///< Completes "KEY has no effect: ".
};
std::span<const KeyWithoutEffect> keys_without_effect();

}  // namespace edgesync::config
