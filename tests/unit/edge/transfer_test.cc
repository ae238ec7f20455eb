#include "kernel/data/transfer.h"

#include <gtest/gtest.h>

#include <future>
#include <thread>

namespace edgesync::data {
namespace {

/// A blob in memory; the write at 0 takes until the one at 4 was made.
class SlowBeginning : public BlobWriter {
public:
    void write(std::int64_t offset, std::span<const std::byte> octets) override {
        if (offset == 0) second_.get_future().wait();
        std::copy(octets.begin(), octets.end(), octets_.begin() + offset);
        if (offset == 4) second_.set_value();
    }
    void sync() override {}
    std::size_t read(std::int64_t offset, std::span<std::byte> out) override {
        std::copy_n(octets_.begin() + offset, out.size(), out.begin());
        read_back_ += out.size();
        return out.size();
    }
    std::size_t read_back() const { return read_back_; }

private:
    std::promise<void> second_;
    std::vector<std::byte> octets_ = std::vector<std::byte>(8);
    std::atomic<std::size_t> read_back_ = 0;
};

class NoScheduler : public rules::Scheduler {
public:
    void post(std::function<void()>) override {}
    std::uint64_t after(std::chrono::milliseconds, std::function<void()>) override { return 1; }
    void cancel(std::uint64_t) override {}
    bool work(std::function<void()>) override { return false; }
};

void store(Fetcher::Transfer& transfer, rules::Scheduler& scheduler, std::int64_t offset, const std::string& text) {
    TransferSink sink(
        transfer, {offset, offset + 4}, 0, [] {}, scheduler);
    ASSERT_TRUE(sink.begin(false, 4, ""));
    EXPECT_TRUE(sink.write(std::as_bytes(std::span(text))));
}

TEST(TransferSink, OctetsThatAreStoredAtOnceAreHashedFromMemoryInTheirOrder) {
    Fetcher::Transfer transfer;
    transfer.meta.object_size = 8;
    auto owned = std::make_unique<SlowBeginning>();
    const SlowBeginning& blob = *owned;
    transfer.writer = std::move(owned);
    NoScheduler scheduler;
    auto first = std::async(std::launch::async, [&] { store(transfer, scheduler, 0, "aaaa"); });
    const auto has_begun = [&] {
        const std::lock_guard lock(transfer.mutex);
        return !transfer.storing.empty();
    };
    while (!has_begun()) std::this_thread::yield();  // The first needs the lock, too.
    store(transfer, scheduler, 4, "bbbb");
    first.get();
    EXPECT_EQ(transfer.digest.finish(*transfer.writer, 8), sha256_of("aaaabbbb"));
    EXPECT_EQ(blob.read_back(), 0u);
    EXPECT_EQ(transfer.written, (std::vector<ByteRange>{{0, 8}}));
}

TEST(TransferSink, OctetsBehindAGapWaitForNobody) {
    Fetcher::Transfer transfer;
    transfer.meta.object_size = 8;
    transfer.writer = std::make_unique<SlowBeginning>();
    NoScheduler scheduler;
    store(transfer, scheduler, 4, "bbbb");
    store(transfer, scheduler, 0, "aaaa");
    EXPECT_EQ(transfer.digest.finish(*transfer.writer, 8), sha256_of("aaaabbbb"));
}

}  // namespace
}  // namespace edgesync::data
