#include "plugins/store-postgres/shared_folder.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "blob_name.h"
#include "edgesync/sdk/error.h"
#include "plugins/store-postgres/file_seal.h"
#include "tests/unit/temporary_folder.h"

namespace edgesync::postgres {
namespace {

BlobId blob(std::uint8_t number) {
    BlobId id;
    id.bytes.fill(number);
    return id;
}

std::string refusal_of(const std::function<void()>& f) {
    try {
        f();
    } catch (const Error& e) {
        return e.what();
    }
    return {};
}

class SharedFolderTest : public ::testing::Test {
protected:
    std::filesystem::path file_of(std::uint8_t number) const { return temporary_.path() / durable::path_of(blob(number)); }

    const TemporaryFolder temporary_;
    SharedFolder folder_{temporary_.path()};
};

TEST_F(SharedFolderTest, KeepsAFileForItsOwnerAlone) {
    ::close(folder_.create(blob(7)));
    struct ::stat status {};
    ASSERT_EQ(::stat(file_of(7).c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
    ASSERT_EQ(::stat(file_of(7).parent_path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0700U);
    EXPECT_THROW(folder_.create(blob(7)), Error) << "an id is never used twice";
}

TEST_F(SharedFolderTest, SaysWhatIsWrongWithIt) {
    const std::string missing = (temporary_.path() / "missing").string();
    EXPECT_EQ(refusal_of([&] { SharedFolder{missing}; }),
              "PostgresBlobPath " + missing + " does not exist: mount or create the folder that all instances share");
    const std::string file = (temporary_.path() / "file").string();
    std::ofstream(file) << "x";
    EXPECT_EQ(refusal_of([&] { SharedFolder{file}; }), "PostgresBlobPath " + file + " cannot be opened: Not a directory");
    EXPECT_EQ(refusal_of([&] { folder_.check(); }), "");
    std::filesystem::remove_all(temporary_.path());
    EXPECT_EQ(refusal_of([&] { folder_.check(); }),
              "PostgresBlobPath " + temporary_.path().string() + " cannot be written: No such file or directory");
}

TEST_F(SharedFolderTest, SaysThatItIsFullAndLeavesNothingThere) {
    ::signal(SIGXFSZ, SIG_IGN);
    rlimit former{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &former), 0);
    const rlimit nothing{0, former.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &nothing), 0);
    const std::string said = refusal_of([&] { folder_.check(); });
    const std::string marked = refusal_of([&] { folder_.put_marker("0123"); });
    ::setrlimit(RLIMIT_FSIZE, &former);
    EXPECT_EQ(said, "PostgresBlobPath " + temporary_.path().string() + " cannot be written: File too large");
    EXPECT_EQ(marked, said);
    EXPECT_TRUE(std::filesystem::is_empty(temporary_.path()));
}

TEST_F(SharedFolderTest, HasOneMarker) {
    EXPECT_FALSE(folder_.marker());
    folder_.put_marker("0123");
    EXPECT_EQ(folder_.marker(), "0123");
    EXPECT_THROW(folder_.put_marker("4567"), Error);
    EXPECT_EQ(folder_.marker(), "0123");
    folder_.remove_all();
    EXPECT_EQ(folder_.marker(), "0123") << "it says whose folder it is, also when it is empty";
}

TEST_F(SharedFolderTest, IsUsedThoughItsPathLeadsElsewhere) {
    const auto elsewhere = temporary_.path().string() + "-moved";
    std::filesystem::rename(temporary_.path(), elsewhere);
    std::filesystem::create_directory(temporary_.path());
    ::close(folder_.create(blob(1)));
    EXPECT_TRUE(std::filesystem::is_empty(temporary_.path())) << "nothing is written where the mount was";
    EXPECT_TRUE(std::filesystem::exists(std::filesystem::path(elsewhere) / durable::path_of(blob(1))));
    std::filesystem::remove_all(elsewhere);
}

TEST_F(SharedFolderTest, ListsWhatNobodyWroteToForLong) {
    ::close(folder_.create(blob(1)));
    std::ofstream(temporary_.path() / "01" / "other") << "not ours";
    EXPECT_TRUE(folder_.files_in(1, std::chrono::hours(1), 10).empty());
    EXPECT_EQ(folder_.files_in(1, std::chrono::seconds(0), 10), std::vector<BlobId>{blob(1)});
    EXPECT_TRUE(folder_.files_in(2, std::chrono::seconds(0), 10).empty());
    folder_.remove(blob(1));
    folder_.remove(blob(1));
    EXPECT_TRUE(folder_.files_in(1, std::chrono::seconds(0), 10).empty());
}

TEST_F(SharedFolderTest, ASealedFileAdmitsNobodyAndIsStillRead) {
    const int fd = folder_.create(blob(1));
    FileSeal before(fd);
    EXPECT_TRUE(before.enter());
    EXPECT_TRUE(before.enter());
    before.leave();
    before.leave();
    folder_.seal(blob(1));
    folder_.seal(blob(1));
    EXPECT_FALSE(before.enter());
    const int again = folder_.open_to_write(blob(1));
    ASSERT_GE(again, 0);
    EXPECT_FALSE(FileSeal(again).enter());
    ::close(again);
    ::close(fd);
    EXPECT_THROW(folder_.seal(blob(2)), Error) << "there is no such file";
}

TEST_F(SharedFolderTest, SealingWaitsForTheLastOfTheWriters) {
    const int fd = folder_.create(blob(1));
    FileSeal seal(fd);
    ASSERT_TRUE(seal.enter());
    ASSERT_TRUE(seal.enter());
    std::atomic<bool> is_sealed = false;
    std::thread sealing([&] {
        folder_.seal(blob(1));
        is_sealed = true;
    });
    struct ::stat status {};
    do {
        ASSERT_EQ(::fstat(fd, &status), 0);
    } while ((status.st_mode & S_IWUSR) != 0);
    EXPECT_FALSE(seal.enter()) << "nobody gets in while it waits";
    seal.leave();
    EXPECT_FALSE(is_sealed) << "one is still inside";
    seal.leave();
    sealing.join();
    EXPECT_TRUE(is_sealed);
    ::close(fd);
}

}  // namespace
}  // namespace edgesync::postgres
