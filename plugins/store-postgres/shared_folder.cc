#include "shared_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <random>

#include "blob_name.h"
#include "durable_folder.h"
#include "edgesync/sdk/error.h"
#include "file_seal.h"

namespace edgesync::postgres {
namespace {

/// Closes what it was given.
class Descriptor {
public:
    explicit Descriptor(int fd) : fd_(fd) {}
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int get() const { return fd_; }

private:
    const int fd_;
};

/// Several instances on several machines may start at once.
std::string name_of_probe() { return "edge-sync-probe." + std::to_string(std::random_device{}()); }

}  // namespace

SharedFolder::SharedFolder(std::filesystem::path path)
    : path_(std::move(path)), fd_(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    if (fd_ >= 0) return;
    const int code = errno;
    if (code == ENOENT)
        throw Error(ErrorKind::Io,
                    "PostgresBlobPath " + path_.string() + " does not exist: mount or create the folder that all instances share");
    fail("cannot be opened", code);
}

SharedFolder::~SharedFolder() { ::close(fd_); }

void SharedFolder::fail(const std::string& what, int code) const { durable::fail("PostgresBlobPath " + path_.string() + " " + what, code); }

void SharedFolder::write_new(const std::string& name, const std::string& text) const {
    const Descriptor file(::openat(fd_, name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (file.get() < 0 && errno == EEXIST) throw Error(ErrorKind::AlreadyExists, (path_ / name).string() + " exists already");
    if (file.get() < 0) fail("cannot be written", errno);
    errno = 0;
    if (::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(file.get()) == 0) return;
    const int code = errno == 0 ? ENOSPC : errno;  // A write that was cut short says nothing.
    ::unlinkat(fd_, name.c_str(), 0);
    fail("cannot be written", code);
}

void SharedFolder::check() const {
    const std::string name = name_of_probe();
    write_new(name, "probe");
    const Descriptor file(::openat(fd_, name.c_str(), O_RDWR | O_CLOEXEC));
    const int code = errno;
    ::unlinkat(fd_, name.c_str(), 0);
    if (file.get() < 0) fail("cannot be written", code);
    try {
        check_locks(file.get());
    } catch (const Error& error) {
        throw Error(ErrorKind::Io, "PostgresBlobPath " + path_.string() + " needs a file system with locks: " + error.what());
    }
}

std::optional<std::string> SharedFolder::marker() const {
    const Descriptor file(::openat(fd_, kMarker, O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (file.get() < 0 && errno == ENOENT) return std::nullopt;
    if (file.get() < 0) fail(std::string("has a file ") + kMarker + " that cannot be read", errno);
    std::array<char, 256> text{};
    const ssize_t size = ::read(file.get(), text.data(), text.size());
    if (size < 0) fail(std::string("has a file ") + kMarker + " that cannot be read", errno);
    std::string identity(text.data(), static_cast<std::size_t>(size));
    identity.erase(identity.find_last_not_of(" \r\n") + 1);
    return identity;
}

// Whole or not at all, so that no instance reads half of it: the name comes after the contents.
void SharedFolder::put_marker(const std::string& identity) const {
    const std::string unfinished = name_of_probe();
    write_new(unfinished, identity + "\n");
    const bool is_named = ::linkat(fd_, unfinished.c_str(), fd_, kMarker, 0) == 0;
    const int code = errno;
    ::unlinkat(fd_, unfinished.c_str(), 0);
    if (!is_named && code == EEXIST) throw Error(ErrorKind::AlreadyExists, (path_ / kMarker).string() + " exists already");
    if (!is_named || ::fsync(fd_) != 0) fail("cannot be written", is_named ? errno : code);
}

int SharedFolder::create(const BlobId& id) {
    const std::string folder = durable::folder_of(id);
    if (auto& is_durable = durable_folders_[id.bytes.back()]; !is_durable) {
        // Also if it exists: who made it may not have got as far as the sync.
        if (::mkdirat(fd_, folder.c_str(), 0700) != 0 && errno != EEXIST) fail("cannot be written", errno);
        if (::fsync(fd_) != 0) fail("cannot be synced", errno);
        is_durable = true;
    }
    const int fd = open(id, O_RDWR | O_CREAT | O_EXCL);
    if (fd < 0) fail("cannot be written", errno);
    return fd;
}

int SharedFolder::open(const BlobId& id, int flags) const {
    return ::openat(fd_, durable::path_of(id).c_str(), flags | O_NOFOLLOW | O_CLOEXEC, 0600);
}

int SharedFolder::open_to_write(const BlobId& id) const {
    const int fd = open(id, O_RDWR);
    return fd >= 0 ? fd : open_to_read(id);  // What is sealed cannot be opened for writing.
}

int SharedFolder::open_to_read(const BlobId& id) const {
    const int fd = open(id, O_RDONLY);
    if (fd < 0 && errno != ENOENT) fail("has a file that cannot be opened, " + durable::path_of(id).string(), errno);
    return fd;
}

void SharedFolder::sync_name(const BlobId& id) const {
    const Descriptor folder(::openat(fd_, durable::folder_of(id).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder.get() < 0 || ::fsync(folder.get()) != 0) fail("cannot be synced", errno);
}

void SharedFolder::seal(const BlobId& id) const {
    const Descriptor file(open_to_read(id));
    if (file.get() < 0) throw Error(ErrorKind::Conflict, "The data was replaced or removed");
    seal_file(file.get());
}

void SharedFolder::remove(const BlobId& id) const {
    if (::unlinkat(fd_, durable::path_of(id).c_str(), 0) != 0 && errno != ENOENT)
        fail("has a file that cannot be removed, " + durable::path_of(id).string(), errno);
}

std::vector<BlobId> SharedFolder::files_in(std::uint8_t number, std::chrono::seconds least_age, std::size_t limit) const {
    std::vector<BlobId> ids;
    const int fd = ::openat(fd_, durable::folder_of(number).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return ids;
    const std::unique_ptr<DIR, int (*)(DIR*)> entries(::fdopendir(fd), ::closedir);
    if (!entries) {
        ::close(fd);
        return ids;
    }
    const std::int64_t youngest = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now() - least_age);
    while (const dirent* entry = ids.size() < limit ? ::readdir(entries.get()) : nullptr) {
        const auto id = durable::blob_named(entry->d_name);
        struct ::stat status {};
        if (id && ::fstatat(fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 && status.st_mtime <= youngest) ids.push_back(*id);
    }
    return ids;
}

void SharedFolder::remove_all() const {
    for (unsigned number = 0; number < 256; ++number) {
        for (const BlobId& id : files_in(static_cast<std::uint8_t>(number), std::chrono::seconds(0), SIZE_MAX)) remove(id);
    }
}

}  // namespace edgesync::postgres
