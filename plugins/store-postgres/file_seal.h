// Ends the writing of a file that several processes, also on several machines, have open: afterwards none of them changes it.
#pragma once

#include <mutex>

namespace edgesync::postgres {

/// One open file of one writer. A writer holds a shared lock of the file while it writes, and looks for the seal, the missing right to
/// write, after it has the lock; who seals takes that right away first and then waits until nobody holds the lock. So no database
/// connection is held while octets are written, and a writer that is cut off from a network file system loses its lock with
/// its connection. Thread-safe.
class FileSeal {
public:
    /// `fd` is open for reading and writing and outlives this.
    explicit FileSeal(int fd) : fd_(fd) {}
    FileSeal(const FileSeal&) = delete;
    FileSeal& operator=(const FileSeal&) = delete;

    /// Before octets are written. False: the file is sealed. Every true needs a `leave`. @throws Error{Io}
    bool enter();
    void leave();

private:
    const int fd_;
    std::mutex mutex_;
    int inside_ = 0;  ///< The lock belongs to the open file, so that the last one who leaves must release it.
};

/// Seals the file, durably with all its octets, and waits for who is writing. Repeating it is fine. `fd` is no writer's and open for
/// reading at least. @throws Error{Timeout} after a minute, Error{Io}
void seal_file(int fd);

/// Whether the file's system has the locks that this needs. @throws Error{Io}
void check_locks(int fd);

}  // namespace edgesync::postgres
