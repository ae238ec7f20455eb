// Octets outside transactions: what is being received, and readers of what is there. FILL IN: files, or rows of a table.
#pragma once

#include <edgesync/sdk/store.h>

#include <map>
#include <memory>
#include <mutex>
#include <vector>

namespace plugin_name_store {

struct Octets {
    std::mutex mutex;
    std::vector<std::byte> bytes;

    void write(std::int64_t offset, std::span<const std::byte> octets);
    std::size_t read(std::int64_t offset, std::span<std::byte> out, std::int64_t end);
    std::int64_t size();
};

/// `end`: how many octets are visible; -1: all that are there.
std::unique_ptr<edgesync::BlobReader> make_reader(std::shared_ptr<Octets> octets, std::int64_t end);

/// Staged octets by id, until a commit publishes or erases them. Thread-safe.
class Blobs final : public edgesync::BlobStore {
public:
    edgesync::BlobId new_id() override;
    std::unique_ptr<edgesync::BlobWriter> create(const edgesync::BlobId& id) override;
    std::unique_ptr<edgesync::BlobWriter> reopen(const edgesync::BlobId& id) override;
    void discard(const edgesync::BlobId& id) noexcept override;

    /// Null: there are none.
    std::shared_ptr<Octets> staged(const edgesync::BlobId& id);
    void clear();

private:
    std::mutex mutex_;
    std::map<edgesync::BlobId, std::shared_ptr<Octets>> staged_;
};

}  // namespace plugin_name_store
