#include "kernel/files/data_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <utility>

#include "kernel/files/data_uri.h"

namespace edgesync::files {
namespace {

constexpr std::size_t kWindow = 1024 * 1024;
constexpr mode_t kFileMode = 0600;
constexpr mode_t kFolderMode = 0750;

class Descriptor {
public:
    explicit Descriptor(int fd) : fd_(fd) {}
    Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    int get() const { return fd_; }
    int release() { return std::exchange(fd_, -1); }

private:
    int fd_;
};

/// Links resolved as far as the path exists; without a slash at the end.
std::string real_path(const std::string& path) {
    std::error_code error;
    auto real = std::filesystem::weakly_canonical(path, error);
    if (error) real = std::filesystem::path(path).lexically_normal();
    std::string text = real.string();
    while (text.size() > 1 && text.ends_with('/')) text.pop_back();
    return text;
}

std::string plain_path(const std::string& path) {
    std::string text = std::filesystem::path(path).lexically_normal().string();
    while (text.size() > 1 && text.ends_with('/')) text.pop_back();
    return text;
}

/// What follows `base` in `path`, without the slash; empty if it is not below.
std::string below(const std::string& path, const std::string& base) {
    const std::string folder = base == "/" ? base : base + "/";
    return path.starts_with(folder) ? path.substr(folder.size()) : std::string{};
}

std::string lower_case(std::string text) {
    for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return text;
}

std::vector<std::string> split(const std::string& path) {
    std::vector<std::string> parts;
    for (const auto& part : std::filesystem::path(path)) parts.push_back(part.string());
    return parts;
}

std::int64_t nanoseconds(const timespec& time) { return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec; }

/// What `name` in the folder is; nullopt if there is nothing. A link is itself.
std::optional<struct stat> look(int folder, const std::string& name, const std::string& path) {
    struct stat status {};
    if (::fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) return status;
    if (errno == ENOENT) return std::nullopt;
    fail("Cannot look at " + path, errno);
}

void require_regular(const struct stat& status, const std::string& path) {
    if (S_ISREG(status.st_mode)) return;
    if (S_ISLNK(status.st_mode)) refuse(FileProblem::Security, path + " is a link, which data URIs do not follow");
    if (S_ISDIR(status.st_mode)) refuse(FileProblem::Path, path + " is a folder");
    refuse(FileProblem::Security, path + " is not a regular file");
}

/// Goes down from the root to the folder of the last part, following no link.
Descriptor open_folder(const std::string& root, const std::vector<std::string>& parts, const std::string& path) {
    Descriptor folder(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (folder.get() < 0) fail("Cannot open the folder of " + path, errno);
    for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
        Descriptor next(::openat(folder.get(), parts[i].c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        if (next.get() < 0) {
            const int code = errno;
            const auto status = code == ENOTDIR || code == ELOOP ? look(folder.get(), parts[i], path) : std::nullopt;
            if (status && S_ISLNK(status->st_mode)) {
                refuse(FileProblem::Security, "The folder '" + parts[i] + "' of " + path + " is a link, which data URIs do not follow");
            }
            fail("Cannot open the folder of " + path, code);
        }
        folder = std::move(next);
    }
    return folder;
}

/// Makes the folder's entries durable.
void sync_folder(int folder, const std::string& path) {
    const Descriptor readable(::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (readable.get() < 0 || ::fsync(readable.get()) != 0) fail("Cannot sync the folder of " + path, errno);
}

void write_all(int file, std::int64_t size, const OctetSource& read, const std::string& path) {
    std::vector<std::byte> window(static_cast<std::size_t>(std::min<std::int64_t>(size, kWindow)));
    for (std::int64_t offset = 0; offset < size;) {
        const auto wanted = std::span(window).first(static_cast<std::size_t>(std::min<std::int64_t>(size - offset, kWindow)));
        const std::size_t count = read(offset, wanted);
        if (count == 0) throw Error(ErrorKind::Corrupt, "The data for " + path + " ends before its size");
        for (std::size_t done = 0; done < count;) {
            const ssize_t written = ::write(file, window.data() + done, count - done);
            if (written < 0 && errno == EINTR) continue;
            if (written < 0) fail("Cannot write " + path, errno);
            done += static_cast<std::size_t>(written);
        }
        offset += static_cast<std::int64_t>(count);
    }
}

/// A new file; what an interrupted write left goes first.
Descriptor create(int folder, const std::string& name, const std::string& path) {
    if (::unlinkat(folder, name.c_str(), 0) != 0 && errno != ENOENT) fail("Cannot replace " + path + std::string(kTemporaryEnd), errno);
    Descriptor file(::openat(folder, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kFileMode));
    if (file.get() < 0) fail("Cannot create " + path + std::string(kTemporaryEnd), errno);
    return file;
}

void remove_regular(int folder, const std::string& name, const std::string& path) {
    const auto status = look(folder, name, path);
    if (!status) return;
    require_regular(*status, path);
    if (::unlinkat(folder, name.c_str(), 0) != 0 && errno != ENOENT) fail("Cannot remove " + path, errno);
}

}  // namespace

DataFileReader::DataFileReader(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {
    struct stat status {};
    if (::fstat(descriptor_, &status) != 0) {
        const int code = errno;
        ::close(descriptor_);
        fail("Cannot look at " + path_, code);
    }
    size_ = status.st_size;
    changed_at_ = nanoseconds(status.st_mtim);
}

DataFileReader::~DataFileReader() { ::close(descriptor_); }

std::size_t DataFileReader::read(std::int64_t offset, std::span<std::byte> out) {
    std::size_t done = 0;
    while (done < out.size()) {
        const ssize_t count = ::pread(descriptor_, out.data() + done, out.size() - done, offset + static_cast<std::int64_t>(done));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) fail("Cannot read " + path_, errno);
        if (count == 0) break;
        done += static_cast<std::size_t>(count);
    }
    // Afterwards, so that octets of two versions are never taken for one.
    struct stat status {};
    if (::fstat(descriptor_, &status) != 0) fail("Cannot look at " + path_, errno);
    if (status.st_size != size_ || nanoseconds(status.st_mtim) != changed_at_) {
        throw Error(ErrorKind::Corrupt, path_ + " was changed while it was read");
    }
    return done;
}

void DataFiles::start() const {
    if (rules_.objects_path.empty()) return;
    std::error_code error;
    const auto folder = std::filesystem::path(rules_.objects_path).parent_path();
    std::filesystem::create_directories(folder.parent_path(), error);
    if (::mkdir(folder.c_str(), kFolderMode) != 0 && errno != EEXIST) fail("Cannot create ObjectsDataPath " + folder.string(), errno);
}

bool DataFiles::is_reserved(const std::string& path) const {
    const std::string own = real_path(rules_.persistence_root) + "/sync";
    std::vector<std::string> reserved{own, real_path(own)};
    for (const auto& place : rules_.reserved) reserved.push_back(real_path(place));
    for (const auto& place : reserved) {
        if (path == place || !below(path, place).empty()) return true;
    }
    if (rules_.objects_path.empty()) return false;
    const std::string inside = below(path, real_path(rules_.objects_path));
    return !inside.empty() && inside.find('/') == std::string::npos;
}

void DataFiles::check_extension(const std::string& path) const {
    if (rules_.extensions.empty()) return;
    const std::string extension = lower_case(std::filesystem::path(path).extension().string());
    const bool is_allowed = std::any_of(rules_.extensions.begin(), rules_.extensions.end(),
                                        [&](const std::string& allowed) { return lower_case(allowed) == extension; });
    if (!is_allowed) refuse(FileProblem::Security, "The extension of " + path + " is none of AllowedDataFileExtensions");
}

DataFiles::Place DataFiles::locate(const ObjectKey& owner, const std::string& path) const {
    if (!rules_.objects_path.empty()) {
        const std::string real = real_path(rules_.objects_path);
        const std::string name = file_name_of(owner);
        if (path == plain_path(rules_.objects_path) + "/" + name || path == real + "/" + name) return {real, {name}, path};
    }
    check_extension(path);
    const std::vector<std::string> by_default{rules_.persistence_root};
    for (const auto& root : rules_.roots.empty() ? by_default : rules_.roots) {
        const std::string real = real_path(root);
        for (const auto& base : {plain_path(root), real}) {
            const std::string inside = below(path, base);
            if (inside.empty()) continue;
            std::string whole = real == "/" ? "" : real;
            whole.append("/").append(inside);
            if (is_reserved(whole)) refuse(FileProblem::Security, path + " is reserved for the service");
            return {real, split(inside), path};
        }
    }
    refuse(FileProblem::Security, path + " is outside of the folders for data (DataURIRoots)");
}

std::unique_ptr<DataFileReader> DataFiles::open(const ObjectKey& owner, const std::string& uri) const {
    const Place place = locate(owner, path_of_uri(uri));
    const Descriptor folder = open_folder(place.root, place.parts, place.path);
    // Looked at before it is opened, because opening a device or a pipe may do something.
    const auto status = look(folder.get(), place.parts.back(), place.path);
    if (!status) fail("Cannot open " + place.path, ENOENT);
    require_regular(*status, place.path);
    Descriptor file(::openat(folder.get(), place.parts.back().c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (file.get() < 0) fail("Cannot open " + place.path, errno);
    struct stat opened {};
    if (::fstat(file.get(), &opened) != 0) fail("Cannot look at " + place.path, errno);
    require_regular(opened, place.path);
    return std::make_unique<DataFileReader>(file.release(), place.path);
}

void DataFiles::check_destination(const ObjectKey& owner, const std::string& uri) const {
    const Place place = locate(owner, destination_of_uri(uri));
    const Descriptor folder = open_folder(place.root, place.parts, place.path);
    if (const auto status = look(folder.get(), place.parts.back(), place.path)) require_regular(*status, place.path);
    if (::faccessat(folder.get(), ".", W_OK | X_OK, AT_EACCESS) != 0) fail("Cannot write into the folder of " + place.path, errno);
}

std::string DataFiles::real_path_of(const ObjectKey& owner, const std::string& uri) const {
    const Place place = locate(owner, destination_of_uri(uri));
    std::string path = place.root == "/" ? std::string{} : place.root;
    for (const auto& part : place.parts) path.append("/").append(part);
    return path;
}

void DataFiles::write(const ObjectKey& owner, const std::string& uri, std::int64_t size, const OctetSource& read) const {
    const Place place = locate(owner, destination_of_uri(uri));
    const std::string& name = place.parts.back();
    const std::string temporary = name + std::string(kTemporaryEnd);
    const Descriptor folder = open_folder(place.root, place.parts, place.path);
    // Renaming would put the file in the place of a link or a pipe; whoever made that meant something else.
    if (const auto status = look(folder.get(), name, place.path)) require_regular(*status, place.path);
    try {
        const Descriptor file = create(folder.get(), temporary, place.path);
        write_all(file.get(), size, read, place.path);
        if (::fsync(file.get()) != 0) fail("Cannot sync " + place.path, errno);
        if (::renameat(folder.get(), temporary.c_str(), folder.get(), name.c_str()) != 0) fail("Cannot replace " + place.path, errno);
    } catch (...) {
        ::unlinkat(folder.get(), temporary.c_str(), 0);
        throw;
    }
    sync_folder(folder.get(), place.path);
}

void DataFiles::remove(const ObjectKey& owner, const std::string& uri) const {
    const Place place = locate(owner, destination_of_uri(uri));
    remove_names(place, {place.parts.back(), place.parts.back() + std::string(kTemporaryEnd)});
}

void DataFiles::remove_rest(const ObjectKey& owner, const std::string& uri) const {
    const Place place = locate(owner, destination_of_uri(uri));
    remove_names(place, {place.parts.back() + std::string(kTemporaryEnd)});
}

void DataFiles::remove_names(const Place& place, const std::vector<std::string>& names) {
    try {
        const Descriptor folder = open_folder(place.root, place.parts, place.path);
        for (const auto& name : names) remove_regular(folder.get(), name, place.path);
        sync_folder(folder.get(), place.path);
    } catch (const FileError& error) {
        if (error.kind() != ErrorKind::NotFound) throw;
    }
}

}  // namespace edgesync::files
