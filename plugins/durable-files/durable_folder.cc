#include "durable_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "edgesync/sdk/error.h"

namespace edgesync::durable {

void fail(const std::string& what, int code) {
    const bool is_full = code == ENOSPC || code == EDQUOT || code == EFBIG;
    throw Error(is_full ? ErrorKind::NoSpace : ErrorKind::Io, what + ": " + std::strerror(code));
}

void sync_folder(const std::filesystem::path& folder) {
    const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) fail("Cannot open the folder " + folder.string(), errno);
    const int result = ::fsync(fd);
    const int code = errno;
    ::close(fd);
    if (result != 0) fail("Cannot sync the folder " + folder.string(), code);
}

void make_folder(const std::filesystem::path& folder) {
    if (!folder.has_relative_path() || std::filesystem::is_directory(folder)) return;
    make_folder(folder.parent_path());
    if (::mkdir(folder.c_str(), 0750) != 0 && errno != EEXIST) fail("Cannot create the folder " + folder.string(), errno);
    if (folder.has_parent_path()) sync_folder(folder.parent_path());
}

}  // namespace edgesync::durable
