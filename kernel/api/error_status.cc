#include "kernel/api/error_status.h"

namespace edgesync::api {

int status_of(ErrorKind kind) noexcept {
    switch (kind) {
        case ErrorKind::InvalidRequest: return 400;
        case ErrorKind::NotFound: return 404;
        case ErrorKind::AlreadyExists: return 409;
        case ErrorKind::Conflict: return 409;
        case ErrorKind::Busy: return 429;
        case ErrorKind::NotConnected: return 503;
        case ErrorKind::Timeout: return 504;
        case ErrorKind::NoSpace:  // Known clients treat 507 as fatal in the same way, but only 500 is established.
        case ErrorKind::Io:
        case ErrorKind::Corrupt:
        case ErrorKind::Unsupported:
        case ErrorKind::Internal: return 500;
    }
    return 500;
}

StatusAndText describe(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const Error& problem) {
        std::string text = problem.what();
        if (problem.kind() == ErrorKind::NoSpace) text = "There is no space left to store the data: " + text;
        return {status_of(problem.kind()), std::move(text)};
    } catch (const std::exception& problem) {
        return {500, std::string("Internal error: ") + problem.what()};
    } catch (...) {
        return {500, "Internal error"};
    }
}

}  // namespace edgesync::api
