// One blob in the shared folder.
#pragma once

#include <atomic>
#include <memory>

#include "blobs.h"
#include "data_file.h"
#include "file_seal.h"
#include "shared_folder.h"

namespace edgesync::postgres {

/// Takes octets until the file is sealed, by whichever instance.
class BlobFileWriter : public BlobWriter {
public:
    /// Owns the descriptor. A sealed file's may be open for reading only.
    BlobFileWriter(std::shared_ptr<const SharedFolder> folder, const BlobId& id, int fd, bool is_sealed)
        : folder_(std::move(folder)), id_(id), file_(fd), seal_(fd), is_sealed_(is_sealed) {}
    void write(std::int64_t offset, std::span<const std::byte> octets) override;
    void sync() override;
    std::size_t read(std::int64_t offset, std::span<std::byte> out) override { return file_.read(offset, out); }

private:
    const std::shared_ptr<const SharedFolder> folder_;
    const BlobId id_;
    durable::DataFile file_;
    FileSeal seal_;
    std::atomic<bool> is_sealed_;
    std::atomic<bool> is_named_ = false;  ///< The file's name survives power loss.
};

/// Keeps the file from being removed by this instance while it is read; the others wait for the time of grace.
class BlobFileReader : public durable::FileReader {
public:
    BlobFileReader(std::shared_ptr<OpenReaders> readers, const BlobId& id, int fd, std::int64_t size)
        : FileReader(fd, size), reading_(std::move(readers), id) {}

private:
    const Reading reading_;
};

}  // namespace edgesync::postgres
