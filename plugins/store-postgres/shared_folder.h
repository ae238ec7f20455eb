// The folder of PostgresBlobPath: large blobs, one file each, for all instances on one database.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "edgesync/sdk/store.h"

namespace edgesync::postgres {

/// The folder is opened once and everything is reached from there, so that nothing is ever written beside it when it is unmounted.
/// Thread-safe; calls block on the file system. Messages name the key and the folder.
class SharedFolder {
public:
    /// Its file with the identity of the database that it belongs to.
    static constexpr char kMarker[] = "edge-sync-blobs.id";

    /// Opens a folder that exists. @throws Error{Io}
    explicit SharedFolder(std::filesystem::path path);
    ~SharedFolder();
    SharedFolder(const SharedFolder&) = delete;
    SharedFolder& operator=(const SharedFolder&) = delete;

    const std::filesystem::path& path() const { return path_; }
    /// Tries what the service will do there. @throws Error{Io, NoSpace}
    void check() const;
    /// nullopt: there is none. @throws Error{Io}
    std::optional<std::string> marker() const;
    /// Durable when it returns. @throws Error{Io, NoSpace}; Error{AlreadyExists} there is one
    void put_marker(const std::string& identity) const;

    /// A new file of mode 0600 as a descriptor for reading and writing. @throws Error{Io, NoSpace}
    int create(const BlobId& id);
    /// -1: there is no such file. A file that is sealed is opened for reading only. @throws Error{Io}
    int open_to_write(const BlobId& id) const;
    int open_to_read(const BlobId& id) const;
    /// The file's name survives power loss when it returns. @throws Error{Io}
    void sync_name(const BlobId& id) const;
    /// Nobody changes the file any more. @throws Error{Conflict} it is gone; as seal_file
    void seal(const BlobId& id) const;
    /// Absent is fine. @throws Error{Io}
    void remove(const BlobId& id) const;
    void remove_all() const;
    /// Some of the blobs in the folder of this number that were not written to for so long.
    std::vector<BlobId> files_in(std::uint8_t number, std::chrono::seconds least_age, std::size_t limit) const;

private:
    int open(const BlobId& id, int flags) const;
    void write_new(const std::string& name, const std::string& text) const;
    [[noreturn]] void fail(const std::string& what, int code) const;

    const std::filesystem::path path_;
    const int fd_;
    std::array<std::atomic<bool>, 256> durable_folders_{};  ///< Whose names survive power loss.
};

}  // namespace edgesync::postgres
