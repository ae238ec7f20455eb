// The one mapping of errors to HTTP status (rest-api 1.7).
#pragma once

#include <exception>
#include <string>

#include "edgesync/sdk/error.h"

namespace edgesync::api {

int status_of(ErrorKind kind) noexcept;

struct StatusAndText {
    int status = 500;
    std::string text;
};

/// `error` is not null. Exceptions that are no Error are 500 with their text.
StatusAndText describe(const std::exception_ptr& error);

}  // namespace edgesync::api
