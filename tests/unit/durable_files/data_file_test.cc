#include "plugins/durable-files/data_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <thread>
#include <vector>

#include "tests/unit/temporary_folder.h"

namespace edgesync::durable {
namespace {

constexpr std::size_t kPage = DataFile::kAlignment;
constexpr std::size_t kBuffer = 512 * 1024;

class DataFileTest : public testing::Test {
protected:
    static std::byte octet_at(std::int64_t offset) { return static_cast<std::byte>((offset * 31 + offset / 4096) & 0xff); }

    /// The octets that belong at `offset`, at an address that is `shift` behind the beginning of a page.
    std::span<const std::byte> octets(std::int64_t offset, std::size_t size, std::size_t shift) {
        for (std::size_t i = 0; i < size; ++i) buffer_.get()[shift + i] = octet_at(offset + static_cast<std::int64_t>(i));
        return {buffer_.get() + shift, size};
    }
    static void expect_right(const DataFile& file, std::int64_t offset, std::size_t size) {
        std::vector<std::byte> found(size);
        ASSERT_EQ(file.read(offset, found), size);
        for (std::size_t i = 0; i < size; ++i) {
            ASSERT_EQ(found[i], octet_at(offset + static_cast<std::int64_t>(i))) << "at " << offset + static_cast<std::int64_t>(i);
        }
    }
    int new_fd() const { return ::open((folder_.path() / "data").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600); }
    bool can_write_past_cache() const {
        const int fd = ::open((folder_.path() / "probe").c_str(), O_RDWR | O_CREAT | O_DIRECT | O_CLOEXEC, 0600);
        if (fd < 0) return false;
        const bool is_done = ::pwrite(fd, buffer_.get(), kPage, 0) == static_cast<ssize_t>(kPage);
        ::close(fd);
        return is_done;
    }
    static std::size_t cached_pages(int fd, std::int64_t offset, std::size_t size) {
        void* map = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, offset);
        std::vector<unsigned char> pages(size / kPage);
        EXPECT_EQ(::mincore(map, size, pages.data()), 0);
        ::munmap(map, size);
        return static_cast<std::size_t>(std::count_if(pages.begin(), pages.end(), [](unsigned char page) { return (page & 1U) != 0; }));
    }

    TemporaryFolder folder_;
    const std::unique_ptr<std::byte, decltype(&std::free)> buffer_{static_cast<std::byte*>(std::aligned_alloc(kPage, kBuffer + kPage)),
                                                                   &std::free};
};

TEST_F(DataFileTest, KeepsWhatIsWrittenAtAnyOffsetAddressAndSize) {
    struct Case {
        std::int64_t offset;
        std::size_t size;
        std::size_t shift;
    };
    constexpr std::int64_t kFar = DataFile::kCached;
    const std::vector<Case> cases = {
        {0, kBuffer, 0},           {kFar - 100, kBuffer, 0}, {kFar, kBuffer, 0},
        {kFar, kBuffer - 1, 0},    {kFar, kBuffer, 1},       {kFar + 1, kBuffer, 0},
        {kFar + 8192, 200'001, 0}, {kFar + 4096, 100, 0},    {kFar + 3 * kBuffer, kBuffer - 4095, 0},  // Behind a hole.
    };
    for (const auto& part : cases) {
        SCOPED_TRACE(std::to_string(part.offset) + " " + std::to_string(part.size) + " " + std::to_string(part.shift));
        std::filesystem::remove(folder_.path() / "data");
        DataFile file(new_fd());
        file.write(kFar - 4096, octets(kFar - 4096, 8192, 0));  // Pages that the cache has, dirty, are written over.
        file.write(part.offset, octets(part.offset, part.size, part.shift));
        expect_right(file, part.offset, part.size);
        expect_right(file, kFar - 4096, 4096);
    }
}

TEST_F(DataFileTest, ThreadsMayWriteNeighbouringRanges) {
    constexpr std::int64_t kPart = 6 * 512 * 1024 + 4097;
    DataFile file(new_fd());
    std::vector<std::thread> threads;
    for (int part = 0; part < 4; ++part) {
        threads.emplace_back([&file, part] {
            const std::unique_ptr<std::byte, decltype(&std::free)> window(static_cast<std::byte*>(std::aligned_alloc(kPage, kBuffer)),
                                                                          &std::free);
            const std::int64_t begin = DataFile::kCached + part * kPart;
            for (std::int64_t at = begin; at < begin + kPart;) {
                const auto size = static_cast<std::size_t>(std::min<std::int64_t>(kBuffer, begin + kPart - at));
                for (std::size_t i = 0; i < size; ++i) window.get()[i] = octet_at(at + static_cast<std::int64_t>(i));
                file.write(at, {window.get(), size});
                at += static_cast<std::int64_t>(size);
            }
        });
    }
    for (auto& thread : threads) thread.join();
    expect_right(file, DataFile::kCached, 4 * kPart);
}

TEST_F(DataFileTest, TheEndOfALargeFileTakesNoMemoryFromOtherData) {
    if (!can_write_past_cache()) GTEST_SKIP() << "this file system always uses the page cache";
    const int fd = new_fd();
    DataFile file(fd);
    file.write(0, octets(0, kBuffer, 0));
    file.write(DataFile::kCached, octets(DataFile::kCached, kBuffer, 0));
    EXPECT_EQ(cached_pages(fd, 0, kBuffer), kBuffer / kPage);
    EXPECT_EQ(cached_pages(fd, DataFile::kCached, kBuffer), 0U);
}

}  // namespace
}  // namespace edgesync::durable
