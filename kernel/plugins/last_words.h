// What a dying process says: who threw the exception that nobody caught, in whose code a signal such as SIGSEGV came, who called exit.
#pragma once

namespace edgesync::plugins {

/// Once, at the begin of the program. One line to standard error, then the process ends as it would have; after `exit` by SIGABRT, because
/// whoever starts it again must not take that for a success. Nothing can be said when somebody calls `_exit`.
void install_last_words();

/// When plugins have been loaded: what they want done at exit comes after the last words.
void have_last_words_first();

/// The program ends by itself from now on: nobody is to blame.
void end_without_last_words();

}  // namespace edgesync::plugins
