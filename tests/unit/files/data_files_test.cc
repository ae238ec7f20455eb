#include "kernel/files/data_files.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "kernel/files/data_uri.h"
#include "tests/unit/temporary_folder.h"

namespace edgesync::files {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

const ObjectKey kModel{"acme", "model", "m1"};

OctetSource octets_of(const std::string& text) {
    return [text](std::int64_t offset, std::span<std::byte> out) {
        const std::size_t at = std::min(text.size(), static_cast<std::size_t>(offset));
        const std::size_t count = std::min(out.size(), text.size() - at);
        std::memcpy(out.data(), text.data() + at, count);
        return count;
    };
}

std::string content(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

void put(const fs::path& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }

/// persist/ with sync/, data/ and objects/; outside/ beside it.
class DataFilesTest : public ::testing::Test {
protected:
    DataFilesTest() {
        for (const char* folder : {"persist/sync/db", "persist/data/deep", "persist/syncopated", "outside"}) {
            fs::create_directories(at(folder));
        }
        put(at("persist/sync/db/data.mdb"), "database");
        put(at("persist/data/x.bin"), "hello");
        put(at("persist/data/deep/y.BIN"), "deep");
        put(at("outside/secret"), "secret");
        rules_.persistence_root = at("persist").string() + "/";
    }

    fs::path at(const std::string& path) const { return folder_.path() / path; }
    std::string uri(const std::string& path) const { return "file://" + at(path).string(); }
    DataFiles files() const { return DataFiles(rules_); }

    std::string read(const std::string& path) const {
        const auto reader = files().open(kModel, uri(path));
        std::string text(static_cast<std::size_t>(reader->size()), '\0');
        reader->read(0, std::as_writable_bytes(std::span(text)));
        return text;
    }
    void write(const std::string& path, const std::string& text) const {
        files().write(kModel, uri(path), static_cast<std::int64_t>(text.size()), octets_of(text));
    }

    /// Refused for reading, writing and removing alike.
    void expect_refused(const std::string& path, FileProblem problem) const {
        const std::function<void()> operations[] = {
            [&] { read(path); },
            [&] { files().check_destination(kModel, uri(path)); },
            [&] { write(path, "written"); },
            [&] { files().remove(kModel, uri(path)); },
        };
        for (std::size_t i = 0; i < std::size(operations); ++i) {
            try {
                operations[i]();
                ADD_FAILURE() << "operation " << i << " on " << path;
            } catch (const FileError& error) {
                EXPECT_EQ(error.problem(), problem) << path << ", operation " << i << ": " << error.what();
                EXPECT_EQ(error.kind(), ErrorKind::InvalidRequest) << path << ", operation " << i;
            }
        }
    }

    TemporaryFolder folder_;
    DataFileRules rules_;
};

TEST_F(DataFilesTest, AreReadWrittenAndRemovedBelowThePersistenceRoot) {
    EXPECT_EQ(read("persist/data/x.bin"), "hello");
    EXPECT_EQ(read("persist/data/../data/./deep/y.BIN"), "deep");
    write("persist/data/new", "new");
    write("persist/top", "top");
    write("persist/syncopated/z", "not in sync/");
    EXPECT_EQ(content(at("persist/data/new")), "new");
    EXPECT_EQ(content(at("persist/top")), "top");
    EXPECT_EQ(content(at("persist/syncopated/z")), "not in sync/");
    files().remove(kModel, uri("persist/data/new"));
    EXPECT_FALSE(fs::exists(at("persist/data/new")));
    EXPECT_NO_THROW(files().remove(kModel, uri("persist/data/new"))) << "absent is fine";
    EXPECT_NO_THROW(files().remove(kModel, uri("persist/nowhere/new")));
}

TEST_F(DataFilesTest, AreRefusedOutsideOfTheRoots) {
    fs::create_directories(at("persistent"));
    put(at("persistent/x"), "a neighbour whose name begins alike");
    for (const char* path : {"outside/secret", "outside/absent", "persist/../outside/secret", "persist/data/../../outside/secret",
                             "persistent/x", "persist/%2e%2e/outside/secret"}) {
        expect_refused(path, FileProblem::Security);
    }
    EXPECT_EQ(content(at("outside/secret")), "secret");
}

TEST_F(DataFilesTest, OfTheServiceItselfAreReserved) {
    fs::create_directories(at("persist/sync/certs"));
    for (const char* path : {"persist/sync/db/data.mdb", "persist/sync/preset-auth.json", "persist/./sync/x", "persist/data/../sync/x",
                             "persist/%73ync/x", "persist/sync"}) {
        expect_refused(path, FileProblem::Security);
    }
    EXPECT_EQ(content(at("persist/sync/db/data.mdb")), "database");
    rules_.roots = {folder_.path().string()};
    expect_refused("persist/sync/db/data.mdb", FileProblem::Security);
    rules_.roots = {at("persist/sync").string()};
    expect_refused("persist/sync/db/data.mdb", FileProblem::Security);
}

TEST_F(DataFilesTest, ThatTheConfigurationNamesAreReserved) {
    fs::create_directories(at("persist/log"));
    put(at("persist/key.pem"), "key");
    rules_.reserved = {at("persist/log").string(), at("persist/key.pem").string(), at("persist/absent.pem").string()};
    for (const char* path :
         {"persist/log/sync-service.log", "persist/log", "persist/key.pem", "persist/absent.pem", "persist/data/../key.pem"}) {
        expect_refused(path, FileProblem::Security);
    }
    EXPECT_NO_THROW(write("persist/key.pem2", "x"));
    EXPECT_NO_THROW(write("persist/logs", "x"));
}

TEST_F(DataFilesTest, OfTheServiceStayReservedUnderAnotherName) {
    fs::create_directory_symlink(at("persist"), at("alias"));
    rules_.roots = {at("alias").string()};
    expect_refused("alias/sync/db/data.mdb", FileProblem::Security);
    EXPECT_EQ(read("alias/data/x.bin"), "hello");
    // The database is elsewhere, below a root.
    fs::create_directories(at("big"));
    fs::rename(at("persist/sync"), at("big/sync-files"));
    fs::create_directory_symlink(at("big/sync-files"), at("persist/sync"));
    rules_.roots = {at("big").string()};
    expect_refused("big/sync-files/db/data.mdb", FileProblem::Security);
}

TEST_F(DataFilesTest, MayBeNamedThroughALinkThatIsTheRootItself) {
    fs::create_directory_symlink(at("persist"), at("linked"));
    rules_.persistence_root = at("linked").string() + "/";
    EXPECT_EQ(read("linked/data/x.bin"), "hello");
    EXPECT_EQ(read("persist/data/x.bin"), "hello") << "by the root's real name";
    expect_refused("linked/sync/db/data.mdb", FileProblem::Security);
    expect_refused("persist/sync/db/data.mdb", FileProblem::Security);
}

TEST_F(DataFilesTest, AreNeverReachedThroughLinks) {
    fs::create_symlink(at("outside/secret"), at("persist/data/link"));
    fs::create_symlink(at("persist/data/x.bin"), at("persist/data/inner"));
    fs::create_symlink(at("outside/absent"), at("persist/data/dangling"));
    fs::create_directory_symlink(at("outside"), at("persist/folder"));
    fs::create_directory_symlink(at("persist/data"), at("persist/data/deep/up"));
    fs::create_directory_symlink("/proc/self/root", at("persist/magic"));
    for (const char* path : {"persist/data/link", "persist/data/inner", "persist/data/dangling", "persist/folder/secret",
                             "persist/data/deep/up/x.bin", "persist/magic/etc/hostname"}) {
        expect_refused(path, FileProblem::Security);
    }
    EXPECT_EQ(content(at("outside/secret")), "secret");
    EXPECT_FALSE(fs::exists(at("outside/absent")));
}

TEST_F(DataFilesTest, AreWrittenPastALinkThatSomebodyPutInTheWay) {
    fs::create_symlink(at("outside/secret"), at("persist/data/x.bin.tmp"));
    write("persist/data/x.bin", "new");
    EXPECT_EQ(content(at("persist/data/x.bin")), "new");
    EXPECT_FALSE(fs::is_symlink(at("persist/data/x.bin")));
    EXPECT_EQ(content(at("outside/secret")), "secret");
}

TEST_F(DataFilesTest, AreRegularFilesOnly) {
    ASSERT_EQ(::mkfifo(at("persist/data/pipe").c_str(), 0600), 0);
    const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = at("persist/data/socket").string();
    ASSERT_LT(path.size(), sizeof(address.sun_path));
    path.copy(address.sun_path, path.size());
    ASSERT_EQ(::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    ::close(socket);
    expect_refused("persist/data/pipe", FileProblem::Security);
    expect_refused("persist/data/socket", FileProblem::Security);
    expect_refused("persist/data/deep", FileProblem::Path);
    expect_refused("persist/data/x.bin/y", FileProblem::Path);
}

TEST_F(DataFilesTest, HaveAnAllowedExtension) {
    rules_.extensions = {".bin", ".JSON"};
    EXPECT_EQ(read("persist/data/x.bin"), "hello");
    EXPECT_EQ(read("persist/data/deep/y.BIN"), "deep");
    EXPECT_NO_THROW(write("persist/data/z.json", "{}"));
    for (const char* path : {"persist/data/x", "persist/data/x.bin.exe", "persist/data/.bin", "persist/data/x.", "persist/data/x.bin2"}) {
        expect_refused(path, FileProblem::Security);
    }
}

TEST_F(DataFilesTest, LieBelowOneOfTheConfiguredRoots) {
    fs::create_directories(at("one/a"));
    fs::create_directories(at("two"));
    rules_.roots = {at("one").string(), at("two").string() + "/", at("absent").string()};
    write("one/a/x", "1");
    write("two/x", "2");
    EXPECT_EQ(read("one/a/x"), "1");
    EXPECT_EQ(read("two/x"), "2");
    expect_refused("persist/data/x.bin", FileProblem::Security);
}

TEST_F(DataFilesTest, ThatAreMissingAreNotFound) {
    for (const char* path : {"persist/data/absent", "persist/absent/x"}) {
        try {
            read(path);
            ADD_FAILURE() << path;
        } catch (const FileError& error) {
            EXPECT_EQ(error.kind(), ErrorKind::NotFound);
            EXPECT_EQ(error.problem(), FileProblem::Path);
        }
    }
    // Folders are not created.
    EXPECT_THROW(write("persist/absent/x", "x"), FileError);
    EXPECT_THROW(files().check_destination(kModel, uri("persist/absent/x")), FileError);
    EXPECT_FALSE(fs::exists(at("persist/absent")));
    EXPECT_THROW(write("persist/data/" + std::string(253, 'n'), "x"), FileError) << "the name is too long for .tmp";
}

TEST_F(DataFilesTest, AreReplacedAsAWholeByAFileThatOnlyTheServiceMayRead) {
    ::chmod(at("persist/data/x.bin").c_str(), 0666);
    put(at("persist/data/x.bin.tmp"), std::string(100000, 'l') + "left by a crash");
    const auto before = files().open(kModel, uri("persist/data/x.bin"));
    const std::string large(3 * 1024 * 1024 + 7, 'n');
    write("persist/data/x.bin", large);
    EXPECT_EQ(content(at("persist/data/x.bin")), large);
    EXPECT_FALSE(fs::exists(at("persist/data/x.bin.tmp")));
    EXPECT_EQ(fs::status(at("persist/data/x.bin")).permissions(), fs::perms::owner_read | fs::perms::owner_write);
    std::string old(5, '\0');
    EXPECT_EQ(before->read(0, std::as_writable_bytes(std::span(old))), 5U);
    EXPECT_EQ(old, "hello") << "who has it open keeps the old one";
    write("persist/data/x.bin", "");
    EXPECT_EQ(fs::file_size(at("persist/data/x.bin")), 0U);
}

TEST_F(DataFilesTest, StayAsTheyWereWhenTheNewOctetsEndEarly) {
    const auto cut = [](std::int64_t offset, std::span<std::byte> out) -> std::size_t {
        return offset > 0 ? 0 : std::min<std::size_t>(out.size(), 10);
    };
    EXPECT_THROW(files().write(kModel, uri("persist/data/x.bin"), 20, cut), Error);
    EXPECT_EQ(content(at("persist/data/x.bin")), "hello");
    EXPECT_FALSE(fs::exists(at("persist/data/x.bin.tmp")));
}

TEST_F(DataFilesTest, AreRemovedWithWhatACrashLeft) {
    put(at("persist/data/x.bin.tmp"), "left");
    files().remove(kModel, uri("persist/data/x.bin"));
    EXPECT_FALSE(fs::exists(at("persist/data/x.bin")));
    EXPECT_FALSE(fs::exists(at("persist/data/x.bin.tmp")));
}

TEST_F(DataFilesTest, ThatChangeWhileTheyAreReadAreSaidToBeCorrupt) {
    const auto grown = files().open(kModel, uri("persist/data/x.bin"));
    put(at("persist/data/x.bin"), "hello and more");
    std::string out(5, '\0');
    EXPECT_THROW(grown->read(0, std::as_writable_bytes(std::span(out))), Error);
    const auto same_size = files().open(kModel, uri("persist/data/x.bin"));
    put(at("persist/data/x.bin"), "HELLO AND MORE");
    const timespec times[2] = {{0, UTIME_OMIT}, {1234, 5}};
    ASSERT_EQ(::utimensat(AT_FDCWD, at("persist/data/x.bin").c_str(), times, 0), 0);
    EXPECT_THROW(same_size->read(0, std::as_writable_bytes(std::span(out))), Error);
}

TEST_F(DataFilesTest, AreReadOnlyWhereChangesAreSeen) {
    EXPECT_EQ(files().open(kModel, uri("persist/data/x.bin"))->file_descriptor(), -1) << "what is sent from a descriptor is not checked";
}

TEST_F(DataFilesTest, OfObjectsDataPathBelongToTheirObjectAlone) {
    rules_.objects_path = at("objects").string() + "/";
    rules_.extensions = {".bin"};
    files().start();
    const std::string own = uri_of_path(rules_.objects_path + file_name_of(kModel));
    files().write(kModel, own, 5, octets_of("world"));
    EXPECT_EQ(content(at("objects/acme~model~m1")), "world");
    const ObjectKey other{"acme", "model", "m2"};
    EXPECT_THROW(files().open(other, own), FileError);
    EXPECT_THROW(files().write(other, own, 1, octets_of("x")), FileError);
    // Also where a root reaches into it.
    rules_.roots = {folder_.path().string()};
    rules_.extensions.clear();
    EXPECT_THROW(files().write(other, own, 1, octets_of("x")), FileError);
    EXPECT_THROW(files().remove(other, own), FileError);
    EXPECT_EQ(content(at("objects/acme~model~m1")), "world");
    files().remove(kModel, own);
    EXPECT_FALSE(fs::exists(at("objects/acme~model~m1")));
}

TEST_F(DataFilesTest, InAFolderThatMayNotBeWrittenAreAQuestionOfSecurity) {
    if (::geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
    ::chmod(at("persist/data").c_str(), 0500);
    try {
        write("persist/data/new", "x");
        ADD_FAILURE() << "written";
    } catch (const FileError& error) {
        EXPECT_EQ(error.problem(), FileProblem::Security);
    }
    ::chmod(at("persist/data").c_str(), 0700);
}

}  // namespace
}  // namespace edgesync::files
