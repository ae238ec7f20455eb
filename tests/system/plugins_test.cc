// Plugins of others in a running node: chosen in sync.conf, and what happens when they break their contract.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/system/cluster.h"

namespace edgesync::system_test {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

std::string plugin_path() {
    const auto own = std::filesystem::path(EDGESYNC_SERVICE).parent_path() / "../lib/edge-sync-service/plugins";
    return own.lexically_normal().string() + "," + EDGESYNC_UNRULY_FOLDER;
}

class Plugins : public testing::Test {
protected:
    /// An ESS whose CSS is behind the plugin.
    Node& edge(const std::string& mood, std::vector<std::string> lines = {}) {
        for (const std::string& line :
             {std::string("NodeType ESS"), std::string("OrgID acme"), std::string("DestinationType camera"),
              std::string("DestinationID cam1"), std::string("StorageProvider lmdb"), std::string("CommunicationProtocol unruly"),
              "PluginPath " + plugin_path(), "UnrulyMood " + mood, std::string("PluginWatchdogTime 1")}) {
            lines.push_back(line);
        }
        node_ = std::make_unique<Node>(folder_.path(), "unruly", lines);
        return *node_;
    }

    static json health_of(const Node& node) { return json::parse(node.request("GET", "health").body); }
    /// The first problem that its health tells.
    static std::string problem_of(const Node& node) {
        const json health = health_of(node);
        return health.contains("problems") ? health["problems"][0].get<std::string>() : "";
    }

    TemporaryFolder folder_;
    std::unique_ptr<Node> node_;
};

TEST_F(Plugins, HealthNamesThoseThatAreLoadedWithTheirVersions) {
    Node& node = edge("none");
    node.start();
    const json plugins = health_of(node)["plugins"];
    ASSERT_EQ(plugins.size(), 2U) << plugins;
    EXPECT_EQ(plugins[0]["kind"], "store");
    EXPECT_EQ(plugins[0]["name"], "lmdb");
    EXPECT_NE(plugins[0]["version"], "");
    EXPECT_EQ(plugins[1], (json{{"kind", "transport"}, {"name", "unruly"}, {"version", "0.9.1"}}));
    // A call that takes a second, on a busy machine, is one that hangs, until it comes back.
    EXPECT_TRUE(eventually([&] { return health_of(node)["general"]["healthStatus"] == "green"; })) << health_of(node);
    EXPECT_THAT(node.output(), HasSubstr("transport-unruly: in the mood none")) << "its lines carry its name";
}

TEST_F(Plugins, ACallThatDoesNotComeBackIsReportedWhileTheNodeServes) {
    Node& node = edge("send-hangs");
    node.start();
    ASSERT_TRUE(eventually([&] { return problem_of(node).find("transport-unruly has not come back from send for ") == 0; }))
        << health_of(node);
    EXPECT_EQ(health_of(node)["general"]["healthStatus"], "red");
    EXPECT_EQ(publish_on_edge(node, "model", "m1", "octets"), 204) << "its applications are served";
    EXPECT_TRUE(eventually([&] { return node.output().find("transport-unruly has not come back from send") != std::string::npos; }));
    EXPECT_EQ(node.terminate(), 0) << node.output();
}

TEST_F(Plugins, OneThatDoesNotSayHowItIsKeepsNobodyElseFromAnswers) {
    Node& node = edge("health-hangs");
    node.launch();
    // Who asks first waits as long as the plugin does.
    std::atomic<bool> is_over{false};
    std::thread first([&] { eventually([&] { return node.request("GET", "health").status != 0 || is_over; }); });
    const bool is_reported =
        eventually([&] { return node.output().find("transport-unruly has not come back from line_health") != std::string::npos; });
    EXPECT_TRUE(is_reported) << node.output();
    for (int i = 0; i < 40; ++i) ASSERT_EQ(node.request("GET", "health").status, 200) << i;
    EXPECT_THAT(problem_of(node), HasSubstr("transport-unruly has not come back from line_health for "));
    EXPECT_EQ(publish_on_edge(node, "model", "m1", "octets"), 204);
    is_over = true;
    node.kill_hard();
    first.join();
}

TEST_F(Plugins, WhatFailsToDeclareItsSettingsIsNamed) {
    Node& node = edge("none");
    node.set_environment("UNRULY_EARLY_MOOD", "declare-throws");
    node.launch();
    EXPECT_EQ(node.wait_for_end(), 98);
    constexpr char kLine[] = "transport-unruly failed in declare_settings: nothing to declare\n";
    EXPECT_EQ(node.output(), kLine) << "it is said once";
}

TEST_F(Plugins, AnExceptionInACallIsReportedWhileTheNodeServes) {
    Node& node = edge("send-throws");
    node.start();
    ASSERT_TRUE(eventually([&] { return problem_of(node).find("transport-unruly failed in send: boom (") == 0; })) << health_of(node);
    EXPECT_TRUE(eventually([&] { return health_of(node)["general"]["healthStatus"] == "yellow"; })) << health_of(node);
    EXPECT_EQ(publish_on_edge(node, "model", "m1", "octets"), 204);
    EXPECT_THAT(node.output(), HasSubstr("transport-unruly failed in send: boom"));
    EXPECT_EQ(node.terminate(), 0) << node.output();
}

TEST_F(Plugins, AnExceptionOfWhatOneMountsIsAnsweredAndReported) {
    Node& node = edge("handler-throws");
    node.start();
    EXPECT_EQ(call(node.port(), "GET", "/unruly", "", {}, "").status, 500);
    EXPECT_EQ(problem_of(node), "transport-unruly failed in handle: an object that is no exception (1 since the start)");
    EXPECT_EQ(node.terminate(), 0) << node.output();
}

struct FailedStart {
    const char* mood;
    const char* line;
};

class PluginStarts : public Plugins, public testing::WithParamInterface<FailedStart> {};

TEST_P(PluginStarts, ThatFailStopTheNodeWithALineThatNamesThePlugin) {
    Node& node = edge(GetParam().mood);
    node.launch();
    EXPECT_EQ(node.wait_for_end(), 1) << node.output();
    EXPECT_THAT(node.output(), HasSubstr(GetParam().line));
    EXPECT_THAT(node.output(), Not(HasSubstr("ESS is running")));
}

INSTANTIATE_TEST_SUITE_P(All, PluginStarts,
                         testing::Values(FailedStart{"refuses", "transport-unruly: UnrulyMood refuses: choose another"},
                                         FailedStart{"configure-throws", "transport-unruly failed in configure: map::at"},
                                         FailedStart{"start-fails", "transport-unruly: the device /dev/unruly is not there"},
                                         FailedStart{"start-throws", "transport-unruly failed in start: an object that is no exception"}),
                         [](const auto& row) {
                             std::string name = row.param.mood;
                             std::erase(name, '-');
                             return name;
                         });

/// Whether `signal`, which the process was sent, does not wait any more for somebody to take it.
bool is_taken(const Node& node, int signal) {
    std::ifstream status("/proc/" + std::to_string(node.pid()) + "/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("ShdPnd:")) return (std::stoull(line.substr(7), nullptr, 16) >> (signal - 1) & 1U) == 0;
    }
    return false;
}

class PluginsThatAreSlow : public Plugins {
protected:
    void SetUp() override {
        Plugins::SetUp();
        ASSERT_EQ(::mkfifo(gate_.c_str(), 0600), 0);
    }
    void TearDown() override {
        if (opened_ >= 0) ::close(opened_);
        Plugins::TearDown();
    }
    Node& slow(const std::string& mood, const std::string& early_mood) {
        Node& node = edge(mood);
        node.set_environment("UNRULY_EARLY_MOOD", early_mood);
        node.set_environment("UNRULY_GATE", gate_.string());
        node.launch();
        return node;
    }
    /// Whoever comes later passes, too.
    void open_gate() { opened_ = ::open(gate_.c_str(), O_RDWR | O_CLOEXEC); }

private:
    const std::filesystem::path gate_ = folder_.path() / "gate";
    int opened_ = -1;
};

struct HangingStart {
    const char* mood;
    const char* early_mood;
    const char* call;
};

class PluginsThatHang : public Plugins, public testing::WithParamInterface<HangingStart> {
protected:
    /// Returns when it hangs.
    Node& hanging() {
        Node& node = edge(GetParam().mood);
        node.set_environment("UNRULY_EARLY_MOOD", GetParam().early_mood);
        node.launch();
        const std::string reported = std::string("transport-unruly has not come back from ") + GetParam().call;
        EXPECT_TRUE(eventually([&] { return node.output().find(reported) != std::string::npos; })) << node.output();
        return node;
    }
    std::string last_line() const {
        return std::string(" before the service was running, in transport-unruly, in ") + GetParam().call + "\n";
    }
};

TEST_P(PluginsThatHang, BeforeTheServiceRunsEndAtTheSecondSignalWithALineThatNamesThem) {
    Node& node = hanging();
    ::kill(node.pid(), SIGTERM);
    ::kill(node.pid(), SIGINT);
    EXPECT_EQ(node.wait_for_end(), 1) << node.output();
    EXPECT_THAT(node.output(), HasSubstr(last_line()));
}

INSTANTIATE_TEST_SUITE_P(All, PluginsThatHang,
                         testing::Values(HangingStart{"none", "constructor-hangs", "loading"},
                                         HangingStart{"none", "declare-hangs", "declare_settings"},
                                         HangingStart{"configure-hangs", "", "configure"}, HangingStart{"start-hangs", "", "start"},
                                         HangingStart{"stop-hangs", "", "stop"}),
                         [](const auto& row) { return std::string("In") + row.param.call; });

TEST_F(Plugins, AStartThatHangsEndsSoonAfterOneSignal) {
    Node& node = edge("start-hangs");
    node.launch();
    ASSERT_TRUE(eventually([&] { return node.output().find("in the mood start-hangs") != std::string::npos; }));
    ::kill(node.pid(), SIGTERM);
    EXPECT_EQ(node.wait_for_end(std::chrono::seconds(40)), 1);
    EXPECT_THAT(node.output(), HasSubstr("FATAL: Ended by SIGTERM before the service was running, in transport-unruly, in start"));
}

TEST_F(PluginsThatAreSlow, ToStartLetTheServiceStopInOrderAfterASignal) {
    Node& node = slow("start-is-slow", "");
    ASSERT_TRUE(eventually([&] { return node.output().find("in the mood start-is-slow") != std::string::npos; }));
    ::kill(node.pid(), SIGTERM);
    ASSERT_TRUE(eventually([&] { return is_taken(node, SIGTERM); })) << "nobody listens while it starts";
    open_gate();
    EXPECT_EQ(node.wait_for_end(), 0) << node.output();
    EXPECT_THAT(node.output(), HasSubstr("ESS is running"));
    EXPECT_THAT(node.output(), HasSubstr("STATUS: Stopped"));
}

TEST_F(PluginsThatAreSlow, ToBeLoadedLetTheServiceEndInOrderAfterASignal) {
    Node& node = slow("none", "declare-is-slow");
    ASSERT_TRUE(eventually([&] { return node.output().find("has not come back from declare_settings") != std::string::npos; }));
    ::kill(node.pid(), SIGTERM);
    ASSERT_TRUE(eventually([&] { return is_taken(node, SIGTERM); }));
    open_gate();
    EXPECT_EQ(node.wait_for_end(), 0) << node.output();
    EXPECT_THAT(node.output(), HasSubstr("STATUS: Not started: a signal asked the service to end\n"));
    EXPECT_THAT(node.output(), Not(HasSubstr("in the mood"))) << "it was not even configured";
}

TEST_F(Plugins, ACheckThatHangsCanBeInterrupted) {
    Node& node = edge("none");
    node.add_arguments({"-check"});
    node.set_environment("UNRULY_EARLY_MOOD", "declare-hangs");
    node.launch();
    ASSERT_TRUE(eventually([&] { return node.output().find("has not come back from declare_settings") != std::string::npos; }));
    ::kill(node.pid(), SIGINT);
    ::kill(node.pid(), SIGTERM);
    EXPECT_EQ(node.wait_for_end(), 1) << node.output();
}

struct SuddenEnd {
    const char* mood;
    int signal;
    const char* line;
};

class PluginsThatEndTheProcess : public Plugins, public testing::WithParamInterface<SuddenEnd> {};

TEST_P(PluginsThatEndTheProcess, AreNamedInItsLastLine) {
    Node& node = edge(GetParam().mood);
    node.launch();
    EXPECT_EQ(node.wait_for_end(), 128 + GetParam().signal) << node.output();
    const std::string output = node.output();
    EXPECT_THAT(output, HasSubstr(GetParam().line));
    const auto first = output.find("edge-sync-service: fatal: ");
    EXPECT_EQ(output.find("edge-sync-service: fatal: ", first + 1), std::string::npos) << "it is said once:\n" << output;
}

constexpr char kExited[] = "fatal: exit with status 0 was called in libtransport-unruly.so; nobody had asked the service to stop";
INSTANTIATE_TEST_SUITE_P(
    ByExceptionOrExit, PluginsThatEndTheProcess,
    testing::Values(SuddenEnd{"thread-throws", SIGABRT, "nobody caught an exception (nobody is there to catch it) in the thread "},
                    SuddenEnd{"thread-throws", SIGABRT, ", in libtransport-unruly.so\n"}, SuddenEnd{"start-exits", SIGABRT, kExited},
                    SuddenEnd{"send-exits", SIGABRT, kExited}, SuddenEnd{"thread-exits", SIGABRT, kExited},
                    SuddenEnd{"send-quick-exits", SIGABRT, "fatal: quick_exit was called in libtransport-unruly.so"}),
    [](const auto& row) {
        std::string name = row.param.mood + std::string(row.index == 1 ? "Where" : "");
        std::erase(name, '-');
        return name;
    });

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
INSTANTIATE_TEST_SUITE_P(
    BySignal, PluginsThatEndTheProcess,
    testing::Values(
        SuddenEnd{"send-crashes", SIGSEGV, "fatal: SEGV in libtransport-unruly.so; the thread was in transport-unruly, in send\n"},
        SuddenEnd{"start-device-thread-crashes", SIGSEGV, "fatal: SEGV in libunruly-device.so\n"},
        SuddenEnd{"start-device-crashes", SIGSEGV,
                  "fatal: SEGV in libunruly-device.so, called by libtransport-unruly.so; the thread was in "},
        SuddenEnd{"start-device-crashes-deep", SIGSEGV,
                  "fatal: SEGV in libunruly-device.so; the thread was in transport-unruly, in start\n"},
        SuddenEnd{"send-overflows", SIGSEGV,
                  "fatal: SEGV in libtransport-unruly.so, the thread's stack is used up; the thread was in transport-unruly, in send\n"},
        SuddenEnd{"thread-overflows", SIGSEGV, "fatal: SEGV in libtransport-unruly.so, the thread's stack is used up\n"},
        SuddenEnd{"start-overflows", SIGSEGV,
                  "fatal: SEGV in libtransport-unruly.so, the thread's stack is used up; the thread was in transport-unruly, in start\n"},
        SuddenEnd{"send-aborts", SIGABRT, "fatal: ABRT in libtransport-unruly.so; the thread was in transport-unruly, in send\n"},
        SuddenEnd{"thread-aborts", SIGABRT, "fatal: ABRT in libtransport-unruly.so\n"}),
    [](const auto& row) {
        std::string name = row.param.mood;
        std::erase(name, '-');
        return name;
    });

TEST_F(Plugins, ACrashOfAProcessThatOneForkedIsNotTheServices) {
    Node& node = edge("send-forks");
    node.start();
    constexpr char kForked[] = "edge-sync-service: a process forked from it: SEGV in libtransport-unruly.so; the thread was in ";
    EXPECT_TRUE(eventually([&] { return node.output().find(kForked) != std::string::npos; })) << node.output();
    EXPECT_EQ(node.terminate(), 0) << node.output();
    EXPECT_THAT(node.output(), Not(HasSubstr("fatal:")));
}
#endif

TEST_F(Plugins, SettingsAreCheckedAndShownLikeTheServicesOwn) {
    Node& node = edge("none", {"UnrulyLevel 10"});
    node.launch();
    EXPECT_EQ(node.wait_for_end(), 98);
    EXPECT_THAT(node.output(), HasSubstr("UnrulyLevel 10 is out of range 1..9"));

    Node& checked = edge("none", {"UnrulySecret geheim"});
    checked.add_arguments({"-check"});
    checked.launch();
    EXPECT_EQ(checked.wait_for_end(), 0) << checked.output();
    EXPECT_THAT(checked.output(), HasSubstr("UnrulyLevel"));
    EXPECT_THAT(checked.output(), HasSubstr("UnrulySecret"));
    EXPECT_THAT(checked.output(), Not(HasSubstr("geheim")));
}

TEST_F(Plugins, ACheckAsksThemWhatTheyHaveAgainstTheirSettings) {
    Node& refused = edge("refuses");
    refused.add_arguments({"-check"});
    refused.launch();
    EXPECT_EQ(refused.wait_for_end(), 98);
    EXPECT_THAT(refused.output(), testing::StartsWith("transport-unruly: UnrulyMood refuses: choose another\n"));
    EXPECT_THAT(refused.output(), testing::ContainsRegex("UnrulyMood +file +refuses")) << "the values are shown in any case";
    EXPECT_FALSE(std::filesystem::exists(refused.root())) << "a check touches nothing";
}

TEST_F(Plugins, ACheckSaysOnceWhatTheyThrow) {
    Node& node = edge("configure-throws");
    node.add_arguments({"-check"});
    node.launch();
    EXPECT_EQ(node.wait_for_end(), 98);
    const std::string refusal = "transport-unruly failed in configure: map::at\n";
    EXPECT_EQ(node.output().find(refusal), 0U);
    EXPECT_EQ(node.output().find(refusal, 1), std::string::npos);
}

TEST_F(Plugins, AnExceptionAfterTheEndOfTheProgramIsReportedAndTakesNothingThatWasPrinted) {
    Node& node = edge("none");
    node.add_arguments({"-check"});
    node.launch();
    ASSERT_EQ(node.wait_for_end(), 0);
    const std::string effective = node.output();
    ASSERT_GT(effective.size(), 4096U) << "more than a buffer takes";

    Node& throwing = edge("none");
    throwing.add_arguments({"-check"});
    throwing.set_environment("UNRULY_EARLY_MOOD", "static-throws");
    throwing.launch();
    EXPECT_EQ(throwing.wait_for_end(), 128 + SIGABRT);
    EXPECT_THAT(throwing.output(), HasSubstr("fatal: nobody caught an exception (too late) in the thread "));
    EXPECT_THAT(throwing.output(), HasSubstr(", in libtransport-unruly.so\n"));
    const std::string last_line = effective.substr(effective.rfind('\n', effective.size() - 2) + 1);
    EXPECT_THAT(throwing.output(), HasSubstr(last_line));
}

TEST_F(Plugins, OneThatCallsExitWhileTheServiceStopsIsNamed) {
    Node& node = edge("stop-exits");
    node.start();
    EXPECT_EQ(node.terminate(), 128 + SIGABRT);
    EXPECT_THAT(node.output(),
                HasSubstr("fatal: exit with status 0 was called in libtransport-unruly.so while the service was stopping\n"));
}

TEST_F(Plugins, ACheckShowsTheirWarnings) {
    Node& warned = edge("none", {"LmdbSync meta"});
    warned.add_arguments({"-check"});
    warned.launch();
    EXPECT_EQ(warned.wait_for_end(), 0);
    EXPECT_THAT(warned.output(), HasSubstr("warning: store-lmdb: LmdbSync is 'meta': power loss may take back what was acknowledged"));
    EXPECT_THAT(warned.output(), Not(HasSubstr("in the mood"))) << "that is no warning";
    EXPECT_FALSE(std::filesystem::exists(warned.root())) << "a check touches nothing";
}

TEST_F(Plugins, WhatSeveralOfThemRefuseIsToldAtOnce) {
    if (!std::filesystem::exists(std::filesystem::path(EDGESYNC_SERVICE).parent_path() /
                                 "../lib/edge-sync-service/plugins/libstore-postgres.so")) {
        GTEST_SKIP() << "was built without PostgreSQL";
    }
    node_ = std::make_unique<Node>(
        folder_.path(), "css",
        std::vector<std::string>{"NodeType CSS", "StorageProvider postgres", "PostgresPasswordFile /nonexistent",
                                 "CommunicationProtocol unruly", "PluginPath " + plugin_path(), "UnrulyMood refuses"});
    for (const bool checks : {false, true}) {
        if (checks) node_->add_arguments({"-check"});
        const auto said = node_->output().size();
        node_->launch();
        EXPECT_EQ(node_->wait_for_end(), checks ? 98 : 1) << node_->output();
        EXPECT_THAT(node_->output().substr(said), HasSubstr("store-postgres: PostgresPasswordFile /nonexistent cannot be read\n"
                                                            "transport-unruly: UnrulyMood refuses: choose another\n"));
    }
}

TEST_F(Plugins, RunBesideTheServicesOwnOnOneCloudNode) {
    node_ = std::make_unique<Node>(folder_.path(), "css",
                                   std::vector<std::string>{"NodeType CSS", "StorageProvider lmdb", "CommunicationProtocol http,unruly",
                                                            "PluginPath " + plugin_path(), "UnrulyMood none"});
    node_->start();
    EXPECT_EQ(health_of(*node_)["plugins"].size(), 3U);
    auto ess = make_ess(folder_.path(), "cam1", node_->port(), {"CommunicationProtocol http"});
    ess->start();
    ASSERT_TRUE(eventually([&] { return registered(*node_, 1); }));
    EXPECT_EQ(publish(*node_, "model", "m1", R"({"destinationType":"camera"})", "octets"), 204);
    EXPECT_TRUE(eventually([&] { return deliveries(*node_, "model", "m1") == "cam1=delivered"; }));
}

}  // namespace
}  // namespace edgesync::system_test
