#include "kernel/plugins/new_plugin.h"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <csignal>
#include <fstream>
#include <iterator>

#include "tests/unit/temporary_folder.h"

namespace edgesync::plugins {
namespace {

using testing::HasSubstr;

class NewPlugin : public testing::Test {
protected:
    NewPlugin() {
        std::filesystem::create_directories(templates() / "store");
        std::ofstream(templates() / "store" / "store.cc") << "plugin-name plugin_name_store PluginNameStore PLUGIN_NAME plugin name";
    }

    std::filesystem::path templates() const { return folder_.path() / "templates"; }
    std::filesystem::path project() const { return folder_.path() / "new" / "project"; }

    std::string made(const std::string& name) const {
        create_plugin_project(PluginKind::Store, name, project(), templates());
        std::ifstream in(project() / "store.cc");
        return {std::istreambuf_iterator<char>(in), {}};
    }

    ErrorKind refusal(PluginKind kind, const std::string& name, const std::string& text) const {
        try {
            create_plugin_project(kind, name, project(), templates());
        } catch (const Error& error) {
            EXPECT_THAT(error.what(), HasSubstr(text));
            EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
            return error.kind();
        }
        ADD_FAILURE() << "accepted";
        return ErrorKind::Internal;
    }

    TemporaryFolder folder_;
};

TEST_F(NewPlugin, PutsItsNameWhereItBelongs) {
    EXPECT_EQ(made("acme-serial2_x"), "acme-serial2_x acme_serial2_x_store AcmeSerial2XStore ACME_SERIAL2_X plugin name");
}

TEST_F(NewPlugin, MayBeCalledAsThePlaceholdersAre) { EXPECT_EQ(made("my-plugin-name").substr(0, 14), "my-plugin-name"); }

TEST_F(NewPlugin, RefusesNamesThatNoPluginOrNoClassCanHave) {
    for (const auto* name : {"", "-a", "a-", "a--b", "9p", "A", "a b", "../a", "a\nb", "a.b"}) {
        EXPECT_EQ(refusal(PluginKind::Store, name, "must begin with a letter"), ErrorKind::InvalidRequest);
    }
    EXPECT_EQ(refusal(PluginKind::Store, std::string(64, 'a'), "at most 63"), ErrorKind::InvalidRequest);
    EXPECT_FALSE(std::filesystem::exists(project().parent_path()));
}

TEST_F(NewPlugin, RefusesTheNamesOfThePluginsThatComeWithTheService) {
    for (const auto* name : {"http", "mqtt", "wiotp"}) {
        EXPECT_EQ(refusal(PluginKind::Transport, name, "the service has a transport '" + std::string(name) + "' of its own"),
                  ErrorKind::InvalidRequest);
    }
    for (const auto* name : {"lmdb", "memory", "postgres"}) {
        EXPECT_EQ(refusal(PluginKind::Store, name, "choose another name"), ErrorKind::InvalidRequest);
    }
    EXPECT_FALSE(std::filesystem::exists(project().parent_path()));
    EXPECT_NE(made("http"), "") << "the file of a store has another name than that of a transport";
}

TEST_F(NewPlugin, RefusesFoldersThatCMakeCannotBuildIn) {
    for (const auto* name : {"a;b", "a\"b", "a;b/project"}) {
        try {
            create_plugin_project(PluginKind::Store, "a", folder_.path() / name, templates());
            ADD_FAILURE() << "accepted: " << name;
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::InvalidRequest);
            EXPECT_THAT(error.what(), HasSubstr("CMake cannot build in " + (folder_.path() / name).string()));
        }
        EXPECT_FALSE(std::filesystem::exists(folder_.path() / name));
    }
}

TEST_F(NewPlugin, LeavesAnExistingFolderAlone) {
    std::filesystem::create_directories(project());
    EXPECT_EQ(refusal(PluginKind::Store, "a", project().string() + " exists already"), ErrorKind::AlreadyExists);
    EXPECT_TRUE(std::filesystem::is_empty(project()));
    std::filesystem::remove(project());
    std::filesystem::create_symlink("/nonexistent", project());
    EXPECT_EQ(refusal(PluginKind::Store, "a", "exists already"), ErrorKind::AlreadyExists);
}

TEST_F(NewPlugin, SaysWhatToInstallWhenThereIsNoTemplate) {
    EXPECT_EQ(refusal(PluginKind::Transport, "a", "install the package edge-sync-service-dev"), ErrorKind::NotFound);
}

TEST_F(NewPlugin, LeavesNothingBehindWhenItFails) {
    struct rlimit before {};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    const struct rlimit no_octet { 0, before.rlim_max };
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &no_octet), 0);
    EXPECT_EQ(refusal(PluginKind::Store, "a", "cannot write " + project().string()), ErrorKind::Io);
    EXPECT_FALSE(std::filesystem::exists(project().parent_path())) << "parents are left";
    std::filesystem::create_directories(project().parent_path());
    EXPECT_EQ(refusal(PluginKind::Store, "a", "cannot write " + project().string()), ErrorKind::Io);
    EXPECT_TRUE(std::filesystem::is_empty(project().parent_path())) << "the project is left, or a parent of others is gone";
    ::setrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, handler);
}

TEST_F(NewPlugin, TakesAFolderThatIsWrittenWithASlashAndNoneWithoutAName) {
    create_plugin_project(PluginKind::Store, "a", project() / "", templates());
    EXPECT_TRUE(std::filesystem::exists(project() / "store.cc"));
    EXPECT_THROW(create_plugin_project(PluginKind::Store, "a", "", templates()), Error);
}

TEST(ShellWords, AreQuotedWhereAShellWouldMakeSomethingElseOfThem) {
    EXPECT_EQ(shell_quoted("../store-acme_2/x.y"), "../store-acme_2/x.y");
    EXPECT_EQ(shell_quoted("my plugins"), "'my plugins'");
    EXPECT_EQ(shell_quoted("it's $HOME"), "'it'\\''s $HOME'");
    EXPECT_EQ(shell_quoted("a;b"), "'a;b'");
    EXPECT_EQ(shell_quoted("~"), "'~'");
    EXPECT_EQ(shell_quoted("\xc3\xa9"), "'\xc3\xa9'");
    EXPECT_EQ(shell_quoted(""), "''");
}

TEST_F(NewPlugin, SaysWhereItCannotWrite) {
    std::ofstream(project().parent_path()) << "a file";
    EXPECT_EQ(refusal(PluginKind::Store, "a", "cannot write the project into " + project().string()), ErrorKind::Io);
}

}  // namespace
}  // namespace edgesync::plugins
