#include "blob_file.h"

#include <unistd.h>

#include <cerrno>

#include "durable_folder.h"

namespace edgesync::postgres {

void BlobFileWriter::write(std::int64_t offset, std::span<const std::byte> octets) {
    if (is_sealed_ || !seal_.enter()) {
        is_sealed_ = true;
        refuse_sealed();
    }
    const std::unique_ptr<FileSeal, void (*)(FileSeal*)> inside(&seal_, [](FileSeal* seal) { seal->leave(); });
    file_.write(offset, octets);
}

void BlobFileWriter::sync() {
    if (::fdatasync(file_.fd()) != 0) durable::fail("Cannot sync a data file", errno);
    if (is_named_) return;
    folder_->sync_name(id_);
    is_named_ = true;
}

}  // namespace edgesync::postgres
