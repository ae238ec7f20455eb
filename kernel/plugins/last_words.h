// What a dying process says: who threw the exception that nobody caught, in whose code a signal such as SIGSEGV came, who called exit.
#pragma once

namespace edgesync::plugins {

/// Once, at the begin of the program. One line to standard error, then the process ends as it would have; after `exit` by SIGABRT, because
/// whoever starts it again must not take that for a success. Nothing can be said when somebody calls `_exit`.
void install_last_words();

/// When plugins have been loaded: what they want done at exit comes after the last words.
void have_last_words_first();

/// Somebody wants the process to end: whoever calls `exit` from now on only does it too early.
void stopping_begins() noexcept;

/// The program ends by itself from now on, and calls `exit`. An exception or a crash after that still has its line.
void exit_is_expected() noexcept;

}  // namespace edgesync::plugins
