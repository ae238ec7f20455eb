#include "kernel/files/file_error.h"

#include <cerrno>
#include <system_error>

namespace edgesync::files {

FileError::~FileError() = default;

void refuse(FileProblem problem, const std::string& message) { throw FileError(ErrorKind::InvalidRequest, problem, message); }

void fail(const std::string& what, int code) {
    const std::string text = what + ": " + std::generic_category().message(code);
    switch (code) {
        case ENOENT: throw FileError(ErrorKind::NotFound, FileProblem::Path, text);
        case ENOTDIR:
        case EISDIR:
        case ENAMETOOLONG:
        case EINVAL: throw FileError(ErrorKind::InvalidRequest, FileProblem::Path, text);
        case ELOOP:
        case EACCES:
        case EPERM: throw FileError(ErrorKind::InvalidRequest, FileProblem::Security, text);
        case ENOSPC:
        case EDQUOT:
        case EFBIG: throw FileError(ErrorKind::NoSpace, FileProblem::Io, text);
        default: throw FileError(ErrorKind::Io, FileProblem::Io, text);
    }
}

}  // namespace edgesync::files
