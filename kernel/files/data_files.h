// Files outside the store that data URIs name: which ones they may name, and how they are opened, written and removed. Links are never
// followed: a file is opened folder by folder below a root that the operator named.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "edgesync/sdk/store.h"
#include "kernel/files/file_error.h"

namespace edgesync::files {

struct DataFileRules {
    std::string persistence_root;         ///< Its folder sync/ is the service's own, whatever the roots are.
    std::vector<std::string> roots;       ///< DataURIRoots, absolute; empty: the persistence root.
    std::vector<std::string> extensions;  ///< AllowedDataFileExtensions, with dot, in any case; empty: all.
    std::vector<std::string> reserved;    ///< Further files and folders, absolute, of the service's own.
    std::string objects_path;  ///< ObjectsDataPath, ends with '/'; empty: none. An object may name its own file there, and no other.
};

/// An open file. When it was changed since it was opened, reading it is Error{Corrupt}. It gives no descriptor: what is sent from one is
/// not checked, and a transfer would mix the octets of two versions.
class DataFileReader : public BlobReader {
public:
    /// Owns the descriptor of a regular file.
    DataFileReader(int descriptor, std::string path);
    ~DataFileReader() override;
    DataFileReader(const DataFileReader&) = delete;
    DataFileReader& operator=(const DataFileReader&) = delete;

    std::int64_t size() const override { return size_; }
    std::size_t read(std::int64_t offset, std::span<std::byte> out) override;
    /// When its octets changed last, nanoseconds.
    std::int64_t changed_at() const { return changed_at_; }

private:
    const int descriptor_;
    const std::string path_;
    std::int64_t size_ = 0;
    std::int64_t changed_at_ = 0;
};

/// Gives octets at an offset; contract of BlobReader::read.
using OctetSource = std::function<std::size_t(std::int64_t offset, std::span<std::byte> out)>;

/// Immutable, thread-safe. All calls block on disk. `owner`: the object whose data it is. @throws FileError
class DataFiles {
public:
    explicit DataFiles(DataFileRules rules) : rules_(std::move(rules)) {}

    /// Creates ObjectsDataPath if it is configured and missing.
    void start() const;

    std::unique_ptr<DataFileReader> open(const ObjectKey& owner, const std::string& uri) const;
    /// Throws what `write` would throw before its first octet.
    void check_destination(const ObjectKey& owner, const std::string& uri) const;
    /// Where `write` puts the file, without links: one path for all the URIs that name it by its root's configured or real path.
    std::string real_path_of(const ObjectKey& owner, const std::string& uri) const;
    /// Writes a new file beside the old one, makes it durable and puts it in the old one's place: readers see the one or the other.
    /// The folder must exist. At most one call at a time for one path.
    void write(const ObjectKey& owner, const std::string& uri, std::int64_t size, const OctetSource& read) const;
    /// Removes the file, and what an interrupted `write` left, durably. Absent is fine.
    void remove(const ObjectKey& owner, const std::string& uri) const;
    /// The second of these alone.
    void remove_rest(const ObjectKey& owner, const std::string& uri) const;

private:
    struct Place {
        std::string root;                ///< Without links.
        std::vector<std::string> parts;  ///< Of the path below it; the last one names the file.
        std::string path;                ///< As given, for messages.
    };
    Place locate(const ObjectKey& owner, const std::string& path) const;
    static void remove_names(const Place& place, const std::vector<std::string>& names);
    bool is_reserved(const std::string& path) const;
    void check_extension(const std::string& path) const;

    const DataFileRules rules_;
};

}  // namespace edgesync::files
