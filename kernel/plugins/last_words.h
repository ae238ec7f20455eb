// What a dying process says: who threw the exception that nobody caught, or in whose code a signal such as SIGSEGV came.
#pragma once

namespace edgesync::plugins {

/// Once, at the begin of the program. One line to standard error, then the process ends as it would have.
void install_last_words();

}  // namespace edgesync::plugins
