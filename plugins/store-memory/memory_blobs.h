// Blobs outside transactions: the staging area, and readers of what is there.
#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "blob_content.h"
#include "edgesync/sdk/store.h"

namespace edgesync::memory {

/// Holds the content of staged blobs by id until a commit publishes or erases them. Thread-safe.
class MemoryBlobs : public BlobStore {
public:
    explicit MemoryBlobs(std::shared_ptr<MemoryBudget> budget);

    BlobId new_id() override;
    /// @throws Error{AlreadyExists}
    std::unique_ptr<BlobWriter> create(const BlobId& id) override;
    std::unique_ptr<BlobWriter> reopen(const BlobId& id) override;
    void discard(const BlobId& id) noexcept override;

    /// Null if there is no staged content of that id.
    std::shared_ptr<BlobContent> content(const BlobId& id) const;

    std::shared_ptr<BlobContent> new_content() const;
    void clear() noexcept;

private:
    std::shared_ptr<MemoryBudget> budget_;
    mutable std::mutex mutex_;
    std::map<BlobId, std::shared_ptr<BlobContent>> staged_;
};

/// Keeps `content` alive; `size` octets are visible.
std::unique_ptr<BlobReader> make_reader(std::shared_ptr<BlobContent> content, std::int64_t size);

}  // namespace edgesync::memory
