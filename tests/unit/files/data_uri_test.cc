#include "kernel/files/data_uri.h"

#include <gtest/gtest.h>

#include <set>

#include "kernel/files/file_error.h"

namespace edgesync::files {
namespace {

TEST(DataUri, NamesACleanedAbsolutePath) {
    struct Row {
        std::string uri;
        std::string path;
    };
    const Row rows[] = {
        {"file:///data/x.bin", "/data/x.bin"},
        {"file:/data/x.bin", "/data/x.bin"},
        {"FILE:///data/x.bin", "/data/x.bin"},
        {"File:///x", "/x"},
        {"file:////data//x", "/data/x"},
        {"file:///data/./a/../x", "/data/x"},
        {"file:///../../x", "/x"},
        {"file:///data/%2e%2E/x", "/x"},
        {"file:///data%2Fx", "/data/x"},
        {"file:///a%20b", "/a b"},
        {"file:///a b", "/a b"},
        {"file:///a+b", "/a+b"},
        {"file:///what%3F%23", "/what?#"},
        {"file:///100%25", "/100%"},
        {"file:///%252e%252e/x", "/%2e%2e/x"},
        {"file:///gr%C3%BCn", "/gr\xC3\xBCn"},
        {"file:///...", "/..."},
    };
    for (const Row& row : rows) {
        EXPECT_EQ(path_of_uri(row.uri), row.path) << row.uri;
        EXPECT_EQ(path_or_nothing(row.uri), row.path);
    }
}

TEST(DataUri, RefusesEveryOtherForm) {
    const std::string refused[] = {
        "",
        "x",
        "/data/x",
        "file:",
        "file:x",
        "file://",
        "file:///",
        "file://host/x",
        "file://localhost/x",
        "file://./x",
        "http:///x",
        "files:///x",
        " file:///x",
        "file:///x?y",
        "file:///x?",
        "file:///x#y",
        "file:///x#",
        "file:///x/",
        "file:///x/.",
        "file:///x/..",
        "file:///.",
        "file:///x%",
        "file:///x%2",
        "file:///x%zz",
        "file:///x%00y",
        "file:///x%0Ay",
        "file:///x%7f",
        std::string("file:///x\0y", 11),
        "file:///x\ny",
        "file:///%2e%2e/..%2f",
    };
    for (const auto& uri : refused) {
        try {
            path_of_uri(uri);
            ADD_FAILURE() << uri;
        } catch (const FileError& error) {
            EXPECT_EQ(error.problem(), FileProblem::Path) << uri;
            EXPECT_EQ(error.kind(), ErrorKind::InvalidRequest) << uri;
        }
        EXPECT_EQ(path_or_nothing(uri), "");
    }
}

TEST(DataUri, OfADestinationDoesNotNameAFileThatIsBeingWritten) {
    EXPECT_EQ(destination_of_uri("file:///data/x"), "/data/x");
    EXPECT_THROW(destination_of_uri("file:///data/x.tmp"), FileError);
    EXPECT_EQ(path_of_uri("file:///data/x.tmp"), "/data/x.tmp");
}

TEST(DataUri, OfAPathNamesThatPath) {
    for (const std::string path : {"/x", "/data/a b/100%?#", "/gr\xC3\xBCn/+@~", "/a/%2e%2e"}) {
        EXPECT_EQ(path_of_uri(uri_of_path(path)), path) << uri_of_path(path);
    }
}

TEST(ObjectFileName, DiffersForDifferentObjectsAndFitsAFileSystem) {
    const std::string long_name(1024, 'x');
    const ObjectKey keys[] = {
        {"acme", "model", "m1"},
        {"acme", "model~m1", "x"},
        {"acme", "model", "m1~x"},
        {"a-b", "c", "d"},
        {"a", "b-c", "d"},
        {"a", "b", "c-d"},
        {"acme", "model", ".."},
        {"acme", "model", "m1.tmp"},
        {"acme", "model", "m1%2Etmp"},
        {"acme", "model", long_name},
        {"acme", "model", long_name + "y"},
        {"acme", long_name, "m1"},
        {"acme", "model", "gr\xC3\xBCn"},
        {"acme", "model", "a#b|c"},
    };
    std::set<std::string> names;
    for (const auto& key : keys) {
        const std::string name = file_name_of(key);
        EXPECT_TRUE(names.insert(name).second) << name;
        EXPECT_EQ(name.find('/'), std::string::npos);
        EXPECT_FALSE(name.ends_with(".tmp")) << name;
        EXPECT_LE(name.size(), 255U - 4);
    }
    EXPECT_EQ(file_name_of({"acme", "model", "m1"}), "acme~model~m1");
    EXPECT_EQ(file_name_of({"acme", "model", "a/b"}), "acme~model~a%2Fb");
}

}  // namespace
}  // namespace edgesync::files
