#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <utility>

#include "tests/system/cluster.h"

namespace edgesync::system_test {
namespace {

/// From its next start on "root@acme" may stop it.
void name_administrator(const Node& node) {
    std::filesystem::create_directories(node.root() / "sync");
    std::ofstream(node.root() / "sync/dummy-auth.json") << R"({"regularUsers":[],"syncAdmins":["root"],"exchangeAdmins":[]})";
}

TEST(Program, EndsGracefullyOnSigterm) {
    TemporaryFolder folder;
    auto css = make_css(folder.path());
    css->start();
    auto ess = make_ess(folder.path(), "cam1", css->port());
    ess->start();
    ASSERT_TRUE(eventually([&] { return registered(*css, 1); }));
    EXPECT_EQ(ess->terminate(), 0) << ess->output();
    EXPECT_EQ(css->terminate(), 0) << css->output();
    css->start();
    EXPECT_TRUE(registered(*css, 1)) << "a stop by signal does not unregister";
}

TEST(Program, RefusesAnInvalidConfigurationWithEveryProblem) {
    TemporaryFolder folder;
    Node node(folder.path(), "bad", {"NodeType ESS", "HTTPCSSPort 99999"});
    node.launch();
    EXPECT_NE(node.wait_for_end(), 0);
    for (const char* key : {"DestinationType", "DestinationID", "OrgID", "HTTPCSSPort"})
        EXPECT_NE(node.output().find(key), std::string::npos) << key;
}

TEST(Program, RefusesAnUnknownPluginInOneLine) {
    TemporaryFolder folder;
    Node node(folder.path(), "bad", {"NodeType CSS", "StorageProvider nosuch"});
    node.launch();
    EXPECT_EQ(node.wait_for_end(), 98);
    EXPECT_NE(node.output().find("libstore-nosuch.so was not found"), std::string::npos) << node.output();
}

TEST(Program, NamesEveryPluginThatCannotBeUsed) {
    TemporaryFolder folder;
    const auto file = folder.path() / "sync.conf";
    const auto output = folder.path() / "output";
    std::ofstream(file) << "NodeType CSS\nStorageProvider nosuch\nCommunicationProtocol nor,this\n";
    const std::string command =
        std::string("env -i ") + EDGESYNC_SERVICE + " -check -c " + file.string() + " > " + output.string() + " 2>&1";
    EXPECT_EQ(WEXITSTATUS(std::system(command.c_str())), 98);
    std::stringstream text;
    text << std::ifstream(output).rdbuf();
    for (const char* name : {"libstore-nosuch.so", "libtransport-nor.so", "libtransport-this.so"}) {
        EXPECT_NE(text.str().find(std::string(name) + " was not found"), std::string::npos) << text.str();
    }
}

TEST(Program, NamesTheConfigurationFileThatIsNotThere) {
    TemporaryFolder folder;
    const auto output = folder.path() / "output";
    const std::string command =
        std::string("env -i ") + EDGESYNC_SERVICE + " -check -c /nonexistent/sync.conf > " + output.string() + " 2>&1";
    // Its defaults alone may make a node, as with the traditional service.
    EXPECT_NE(std::system(command.c_str()), -1);
    std::stringstream text;
    text << std::ifstream(output).rdbuf();
    EXPECT_NE(text.str().find("'/nonexistent/sync.conf' cannot be opened"), std::string::npos) << text.str();
}

TEST(Program, RefusesAStoreThatIsNoStore) {
    TemporaryFolder folder;
    auto css = make_css(folder.path());
    std::filesystem::create_directories(css->root() / "sync/db/css.mdb");
    std::ofstream(css->root() / "sync/db/css.mdb/data.mdb") << std::string(20000, 'x');
    css->launch();
    EXPECT_EQ(css->wait_for_end(), 1);
    EXPECT_NE(css->output().find("is not a store of this service"), std::string::npos) << css->output();
}

TEST(Program, RefusesASecondProcessOnOneStore) {
    TemporaryFolder folder;
    auto first = make_css(folder.path());
    first->start();
    auto second = make_css(folder.path());
    second->launch();
    EXPECT_EQ(second->wait_for_end(), 1);
    EXPECT_NE(second->output().find("is in use by another process"), std::string::npos) << second->output();
}

TEST(Program, LeavesNoCoreFile) {
    TemporaryFolder folder;
    const auto css = make_css(folder.path());
    css->start();
    std::ifstream limits("/proc/" + std::to_string(css->pid()) + "/limits");
    std::string line;
    while (std::getline(limits, line) && !line.starts_with("Max core file size")) {
    }
    std::istringstream words(line.substr(line.find("size") + 4));
    std::string soft;
    std::string hard;
    words >> soft >> hard;
    EXPECT_LE(std::stoi(soft), 1) << line;
    EXPECT_LE(std::stoi(hard), 1) << line;
}

TEST(Program, AnswersProbesWithoutCredentialsOnlyIfItShall) {
    TemporaryFolder folder;
    auto node = make_css(folder.path());
    const auto probe = [&](const std::string& path) { return call(node->port(), "GET", path, "", {}, ""); };
    node->start();
    for (const char* path : {"/livez", "/readyz"}) EXPECT_EQ(probe(path).status, 404) << path;
    EXPECT_EQ(node->terminate(), 0);
    node = make_css(folder.path(), {"AnonymousProbes true"});
    node->start();
    for (const char* path : {"/livez", "/readyz"}) EXPECT_EQ(probe(path).status, 200) << path;
    EXPECT_EQ(probe("/livez/more").status, 404);
    EXPECT_EQ(call(node->port(), "HEAD", "/readyz", "", {}, "").status, 200);
    EXPECT_EQ(call(node->port(), "PUT", "/livez", "", {}, "").status, 405);
}

TEST(Program, IsNotReadyOnceItStops) {
    TemporaryFolder folder;
    auto css = make_css(folder.path(), {"AnonymousProbes true", "AnonymousProbesFrom any"});
    name_administrator(*css);
    css->start();
    EXPECT_EQ(call(css->port(), "GET", "/readyz", "", {}, "").body, "ok\n");
    ASSERT_EQ(call(css->port(), "POST", "/api/v1/shutdown?quiesce=600", "", {}, "root@acme").status, 204);
    EXPECT_TRUE(eventually([&] { return call(css->port(), "GET", "/readyz", "", {}, "").status == 503; }));
    EXPECT_EQ(call(css->port(), "GET", "/readyz", "", {}, "").body, "not ready\n") << "and nothing more";
    EXPECT_EQ(call(css->port(), "GET", "/livez", "", {}, "").status, 200);
    EXPECT_EQ(css->terminate(), 128 + SIGTERM);
}

TEST(Program, StopsOnlyForTheServiceAdministrator) {
    TemporaryFolder folder;
    auto css = make_css(folder.path());
    name_administrator(*css);
    css->start();
    EXPECT_EQ(call(css->port(), "POST", "/api/v1/shutdown", "", {}, "admin@acme").status, 403);
    EXPECT_EQ(call(css->port(), "POST", "/api/v1/shutdown?quiesce=0", "", {}, "root@acme").status, 204);
    EXPECT_EQ(css->wait_for_end(), 0);
}

TEST(Program, RefusesRequestsForTheQuiesceTimeBeforeItStops) {
    TemporaryFolder folder;
    auto css = make_css(folder.path());
    name_administrator(*css);
    css->start();
    ASSERT_EQ(call(css->port(), "POST", "/api/v1/shutdown?quiesce=10", "", {}, "root@acme").status, 204);
    ASSERT_TRUE(eventually([&] { return css->request("GET", "objects/acme/model/m1").status == 503; }));
    const auto refused_since = std::chrono::steady_clock::now();
    EXPECT_TRUE(css->is_healthy());
    EXPECT_EQ(css->wait_for_end(), 0);
    EXPECT_GT(std::chrono::steady_clock::now() - refused_since, std::chrono::milliseconds(1500));
}

TEST(Program, EndsAtOnceWhenASignalComesWhileItQuiesces) {
    TemporaryFolder folder;
    auto css = make_css(folder.path());
    name_administrator(*css);
    css->start();
    ASSERT_EQ(call(css->port(), "POST", "/api/v1/shutdown?quiesce=600", "", {}, "root@acme").status, 204);
    ASSERT_TRUE(eventually([&] { return css->request("GET", "objects/acme/model/m1").status == 503; }));
    EXPECT_EQ(css->terminate(), 128 + SIGTERM);
}

class ProgramThatRestarts : public testing::Test {
protected:
    /// Returns while it is stopping to start again, which takes `quiesce`.
    Node& stopping(std::chrono::seconds quiesce) {
        name_administrator(*css_);
        css_->start();
        const std::string path = "/api/v1/shutdown?restart=true&quiesce=" + std::to_string(quiesce.count());
        EXPECT_EQ(call(css_->port(), "POST", path, "", {}, "root@acme").status, 204);
        EXPECT_TRUE(eventually([&] { return css_->request("GET", "objects/acme/model/m1").status == 503; }));
        return *css_;
    }

    TemporaryFolder folder_;
    std::unique_ptr<Node> css_ = make_css(folder_.path());
};

TEST_F(ProgramThatRestarts, StopsInOrderAndDoesNotStartAgainAfterASignal) {
    // Longer than what is under way has when the program starts.
    Node& css = stopping(std::chrono::seconds(16));
    const auto signalled = std::chrono::steady_clock::now();
    ::kill(css.pid(), SIGTERM);
    EXPECT_EQ(css.wait_for_end(), 0) << css.output();
    EXPECT_GT(std::chrono::steady_clock::now() - signalled, std::chrono::seconds(6)) << "requests have their time";
    EXPECT_THAT(css.output(), testing::HasSubstr("STATUS: Stopped\n"));
    EXPECT_THAT(css.output(), testing::HasSubstr("STATUS: Not started: a signal asked the service to end\n"));
    EXPECT_THAT(css.output(), testing::Not(testing::HasSubstr("Restarting")));
}

TEST_F(ProgramThatRestarts, EndsAtOnceAfterTwoSignalsAndSaysWhatItDid) {
    Node& css = stopping(std::chrono::seconds(600));
    ::kill(css.pid(), SIGTERM);
    ::kill(css.pid(), SIGINT);
    EXPECT_EQ(css.wait_for_end(), 1) << css.output();
    EXPECT_THAT(css.output(), testing::ContainsRegex("FATAL: Ended by SIG(TERM|INT) while the service stopped to start again\n"));
}

/// A pipe that nobody reads, of the smallest size.
class NeglectedPipe {
public:
    explicit NeglectedPipe(std::filesystem::path path) : path_(std::move(path)) {
        if (::mkfifo(path_.c_str(), 0600) != 0) throw std::runtime_error("mkfifo");
        descriptor_ = ::open(path_.c_str(), O_RDWR | O_CLOEXEC);
        ::fcntl(descriptor_, F_SETPIPE_SZ, 4096);
    }
    ~NeglectedPipe() { ::close(descriptor_); }
    NeglectedPipe(const NeglectedPipe&) = delete;
    NeglectedPipe& operator=(const NeglectedPipe&) = delete;
    const std::filesystem::path& path() const { return path_; }
    int octets() const {
        int count = 0;
        return ::ioctl(descriptor_, FIONREAD, &count) == 0 ? count : 0;
    }

private:
    std::filesystem::path path_;
    int descriptor_ = -1;
};

TEST(Program, EndsByASignalWhileNobodyTakesTheLinesOfItsLog) {
    TemporaryFolder folder;
    const Node configured(folder.path(), "css", {"NodeType CSS", "StorageProvider memory"});
    const NeglectedPipe pipe(folder.path() / "pipe");
    const pid_t pid = start_process({EDGESYNC_SERVICE, "-c", configured.config().string()}, pipe.path());
    // The values in force are more than fits.
    int octets = 0;
    int unchanged = 0;
    EXPECT_TRUE(eventually([&] {
        unchanged = std::exchange(octets, pipe.octets()) == octets ? unchanged + 1 : 0;
        return octets > 3500 && unchanged > 10;
    })) << octets;
    ::kill(pid, SIGTERM);
    ::kill(pid, SIGINT);
    int status = 0;
    const bool has_ended = eventually([&] { return ::waitpid(pid, &status, WNOHANG) == pid; });
    EXPECT_TRUE(has_ended);
    if (!has_ended) ::kill(pid, SIGKILL);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) << "even its last line finds nobody: " << status;
}

TEST(Program, ThatHasNoDescriptorsLeftSaysSoInsteadOfStarting) {
    TemporaryFolder folder;
    const Node configured(folder.path(), "css", {"NodeType CSS", "StorageProvider memory"});
    const auto output = folder.path() / "said";
    const std::string command = "ulimit -n 4; exec " EDGESYNC_SERVICE " -c " + configured.config().string();
    const pid_t pid = start_process({"/bin/sh", "-c", command}, output);
    int status = 0;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 1) << status;
    std::ifstream in(output);
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), "The service cannot wait for signals: Too many open files\n");
}

}  // namespace
}  // namespace edgesync::system_test
