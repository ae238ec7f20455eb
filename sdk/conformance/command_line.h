// The command line of the kit.
#pragma once

namespace edgesync::conformance {

/// Puts what the command line says into options(). Ends the program after --help, and with status 2 when it makes no sense.
void parse_command_line(int count, char** words);

}  // namespace edgesync::conformance
