// A library that a plugin links: what crashes in it is in nobody's plugin file.
#pragma once

#define UNRULY_DEVICE __attribute__((visibility("default"), noinline))

/// Crashes below that many calls of its own.
UNRULY_DEVICE int unruly_device_crash(int depth);
/// Crashes in a thread that has none but its own calls.
UNRULY_DEVICE void unruly_device_crash_in_thread();
