// What can be wrong with a file that a data URI names.
#pragma once

#include <cstdint>
#include <string>

#include "edgesync/sdk/error.h"

namespace edgesync::files {

/// In the terms, and with the numbers, in which a receiver tells the origin of an object (feedback codes).
enum class FileProblem : std::int32_t { Io = 2, Security = 3, Path = 4 };

/// Its kind: NotFound for what is not there, InvalidRequest for what may not be named, NoSpace and Io for the disk.
class FileError : public Error {
public:
    FileError(ErrorKind kind, FileProblem problem, const std::string& message) : Error(kind, message), problem_(problem) {}
    ~FileError() override;
    FileError(const FileError&) = default;
    FileError& operator=(const FileError&) = default;

    FileProblem problem() const noexcept { return problem_; }

private:
    FileProblem problem_;
};

[[noreturn]] void refuse(FileProblem problem, const std::string& message);
/// Of a failed system call: `what` and the text of `code`.
[[noreturn]] void fail(const std::string& what, int code);

}  // namespace edgesync::files
