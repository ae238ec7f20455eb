#pragma once

namespace edgesync::system_test {

/// A port of loopback that nobody uses at the moment, for servers that must keep theirs over a restart.
int free_port();

}  // namespace edgesync::system_test
