#include "file_seal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "durable_folder.h"
#include "edgesync/sdk/error.h"

namespace edgesync::postgres {

using durable::fail;

namespace {

constexpr ::mode_t kSealed = 0400;
constexpr std::chrono::minutes kPatience{1};
constexpr std::chrono::milliseconds kPause{2};

/// Of the whole file.
struct ::flock lock_of(short type) {
    struct ::flock lock {};
    lock.l_type = type;
    lock.l_whence = SEEK_SET;
    return lock;
}

void set_lock(int fd, short type) {
    struct ::flock lock = lock_of(type);
    if (::fcntl(fd, F_OFD_SETLK, &lock) != 0) fail("Cannot lock a data file", errno);
}

bool has_writers(int fd) {
    struct ::flock lock = lock_of(F_WRLCK);
    if (::fcntl(fd, F_OFD_GETLK, &lock) != 0) fail("Cannot look for the writers of a data file", errno);
    return lock.l_type != F_UNLCK;
}

bool is_sealed(int fd) {
    struct ::stat status {};
    if (::fstat(fd, &status) != 0) fail("Cannot read the state of a data file", errno);
    return (status.st_mode & S_IWUSR) == 0;
}

}  // namespace

bool FileSeal::enter() {
    const std::lock_guard lock(mutex_);
    if (inside_ == 0) set_lock(fd_, F_RDLCK);
    if (is_sealed(fd_)) {
        if (inside_ == 0) set_lock(fd_, F_UNLCK);
        return false;
    }
    ++inside_;
    return true;
}

void FileSeal::leave() {
    const std::lock_guard lock(mutex_);
    // Should it fail, closing the file releases the lock.
    struct ::flock released = lock_of(F_UNLCK);
    if (--inside_ == 0) ::fcntl(fd_, F_OFD_SETLK, &released);
}

void seal_file(int fd) {
    if (::fchmod(fd, kSealed) != 0) fail("Cannot seal a data file", errno);
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (has_writers(fd)) {
        if (std::chrono::steady_clock::now() > end)
            throw Error(ErrorKind::Timeout, "Another instance has been writing to the same upload for too long");
        std::this_thread::sleep_for(kPause);
    }
    // With a lock a network file system forgets what it remembered of the file from before the others wrote.
    set_lock(fd, F_RDLCK);
    set_lock(fd, F_UNLCK);
    if (::fsync(fd) != 0) fail("Cannot sync a data file", errno);
}

void check_locks(int fd) {
    set_lock(fd, F_RDLCK);
    set_lock(fd, F_UNLCK);
}

}  // namespace edgesync::postgres
