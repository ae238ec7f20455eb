// What the program does for its flags, and how a configuration that it cannot use ends: scripts of operators rely on exit codes and
// streams.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

#include "tests/system/cluster.h"

namespace edgesync::system_test {
namespace {

constexpr char kSecret[] = "correct-horse-battery";

class CommandLine : public ::testing::Test {
protected:
    struct Outcome {
        int code = -1;  ///< 124: it did not end by itself.
        std::string out;
        std::string err;
    };

    /// Runs the program to its end, with nothing but `variables` ("NAME=value") in its environment.
    Outcome run(const std::string& arguments, const std::string& variables = "") const {
        const std::string command = "env -i " + variables + " timeout 60 '" EDGESYNC_SERVICE "' " + arguments + " >'" + file("out") +
                                    "' 2>'" + file("err") + "' </dev/null";
        const int ended = std::system(command.c_str());
        return {WIFEXITED(ended) ? WEXITSTATUS(ended) : -1, text_of("out"), text_of("err")};
    }

    /// "-c FILE" for a file with these lines.
    std::string configuration(const std::vector<std::string>& lines) const {
        std::ofstream out(file("sync.conf"));
        for (const auto& line : lines) out << line << "\n";
        return "-c '" + file("sync.conf") + "'";
    }
    std::vector<std::string> valid_lines(std::vector<std::string> more = {}) const {
        for (const std::string& line :
             {std::string("NodeType ESS"), std::string("OrgID acme"), std::string("DestinationType camera"),
              std::string("DestinationID cam1"), std::string("ListeningType unsecure"), std::string("HTTPCSSHost 127.0.0.1"),
              std::string("HTTPCSSPort 9"), std::string("CommunicationProtocol http"), std::string("StorageProvider lmdb"),
              "PersistenceRootPath " + file("data"), "LogRootPath " + file("log"), "TraceRootPath " + file("trace")})
            more.push_back(line);
        return more;
    }

    std::string file(const std::string& name) const { return (folder_.path() / name).string(); }
    std::string text_of(const std::string& name) const {
        std::ifstream in(file(name));
        return {std::istreambuf_iterator<char>(in), {}};
    }

    TemporaryFolder folder_;
};

/// Key, origin and value as `-check` shows them; empty: it does not show the key.
std::vector<std::string> shown(const std::string& output, const std::string& key) {
    std::istringstream lines(output);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::vector<std::string> found{std::istream_iterator<std::string>(words), {}};
        if (!found.empty() && found.front() == key) return found;
    }
    return {};
}

bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST_F(CommandLine, CheckPrintsTheEffectiveValuesAndMasksSecrets) {
    const auto lines =
        valid_lines({"ResendInterval 7", std::string("MQTTPassword ") + kSecret, std::string("PostgresPassword ") + kSecret});
    const Outcome check = run(configuration(lines) + " -check", std::string("MQTT_USER_NAME=") + kSecret + " HTTP_POLLING_INTERVAL=9");
    EXPECT_EQ(check.code, 0) << check.err;
    EXPECT_EQ(shown(check.out, "ResendInterval"), (std::vector<std::string>{"ResendInterval", "file", "7"})) << check.out;
    EXPECT_EQ(shown(check.out, "HTTPPollingInterval"), (std::vector<std::string>{"HTTPPollingInterval", "environment", "9"}));
    EXPECT_EQ(shown(check.out, "MaxConnections").at(1), "default") << check.out;
    for (const char* key : {"MQTTPassword", "PostgresPassword", "MQTTUserName"}) EXPECT_EQ(shown(check.out, key).at(2), "<...>") << key;
    EXPECT_FALSE(holds(check.out + check.err, kSecret));
    EXPECT_FALSE(std::filesystem::exists(file("data"))) << "a check touches nothing";
    EXPECT_FALSE(std::filesystem::exists(file("log")));
}

TEST_F(CommandLine, CheckNamesEveryProblemOfAnInvalidConfiguration) {
    const Outcome check = run(configuration({"NodeType ESS", "HTTPCSSPort 99999", std::string("MQTTPassword ") + kSecret}) + " -check");
    EXPECT_EQ(check.code, 98);
    for (const char* key : {"DestinationType", "DestinationID", "OrgID", "HTTPCSSPort"}) EXPECT_TRUE(holds(check.err, key)) << key;
    EXPECT_EQ(check.out, "");
    EXPECT_FALSE(holds(check.err, kSecret));
}

TEST_F(CommandLine, AConfigurationThatCannotBeLoadedIsToldOnStandardOutput) {
    struct Row {
        const char* wrong;
        const char* named;
    };
    for (const Row& row : {Row{"NodeType CSS", "NodeType"}, Row{"ResendInterval soon", "ResendInterval"}}) {
        for (const char* flag : {"", " -check"}) {
            const Outcome start = run(configuration(valid_lines({row.wrong})) + flag);
            EXPECT_EQ(start.code, 99) << row.wrong << flag << start.out << start.err;
            EXPECT_TRUE(holds(start.out, row.named)) << start.out;
            EXPECT_FALSE(holds(start.err, row.named)) << start.err;
        }
    }
    const Outcome start = run(configuration(valid_lines()), "RESEND_INTERVAL=soon");
    EXPECT_EQ(start.code, 99) << "nor can the environment be";
    EXPECT_TRUE(holds(start.out, "ResendInterval")) << start.out;
    EXPECT_FALSE(std::filesystem::exists(file("data")));
}

TEST_F(CommandLine, AnswersVersionAndHelp) {
    const Outcome version = run("-version");
    EXPECT_EQ(version.code, 0);
    EXPECT_TRUE(version.out.starts_with("edge-sync-service ")) << version.out;
    EXPECT_EQ(run("--version").out, version.out) << "two dashes are as good";
    for (const char* flag : {"-h", "-help", "--help"}) {
        const Outcome help = run(flag);
        EXPECT_EQ(help.code, 0) << flag;
        EXPECT_EQ(help.out, "") << flag;
        for (const char* known : {"-c ", "-swagger ", "-check ", "-plugins ", "-new-plugin ", "-version "})
            EXPECT_TRUE(holds(help.err, known)) << known;
    }
}

TEST_F(CommandLine, ANewPluginNeedsItsKindAndAName) {
    for (const auto* arguments : {"-new-plugin", "-new-plugin store", "-new-plugin other acme", "-new-plugin store acme a b"}) {
        const Outcome outcome = run(arguments);
        EXPECT_EQ(outcome.code, 2) << arguments;
        EXPECT_TRUE(holds(outcome.err, "-new-plugin needs a kind, transport or store, a name")) << outcome.err;
    }
    const Outcome refused = run("-new-plugin store Acme '" + file("new") + "'");
    EXPECT_EQ(refused.code, 1);
    EXPECT_TRUE(holds(refused.err, "No plugin was made: the name of the plugin is 'Acme'")) << refused.err;
    EXPECT_FALSE(std::filesystem::exists(file("new")));
}

TEST_F(CommandLine, ANewPluginIsMadeWhereItWasAskedFor) {
    const Outcome made = run("-new-plugin transport acme '" + file("new") + "'");
    EXPECT_EQ(made.code, 0) << made.err;
    EXPECT_TRUE(holds(made.out, file("new"))) << made.out;
    EXPECT_TRUE(std::filesystem::exists(file("new") + "/CMakeLists.txt"));
}

TEST_F(CommandLine, AFlagThatIsUnknownOrIncompleteIsAnErrorOfUsage) {
    for (const char* wrong : {"-nosuch", "stray", "-c", "-swagger", "-check -nosuch=1"}) {
        const Outcome start = run(wrong);
        EXPECT_EQ(start.code, 2) << wrong;
        EXPECT_EQ(start.out, "") << wrong;
        EXPECT_TRUE(holds(start.err, "Usage of edge-sync-service")) << start.err;
    }
    EXPECT_TRUE(holds(run("-nosuch").err, "-nosuch"));
}

/// With a copy of the plugins in another folder.
class OtherFolder : public CommandLine {
protected:
    OtherFolder() {
        std::filesystem::create_directory(plugins_);
        for (const char* name : {"libstore-lmdb.so", "libtransport-http.so"})
            std::filesystem::copy_file(installed_ / name, plugins_ / name);
    }
    /// The files of plugins that the process has in its memory.
    static std::set<std::string> loaded(const Node& node) {
        std::ifstream maps("/proc/" + std::to_string(node.pid()) + "/maps");
        std::set<std::string> found;
        for (std::string line; std::getline(maps, line);) {
            if (holds(line, "/libstore-") || holds(line, "/libtransport-")) found.insert(line.substr(line.find('/')));
        }
        return found;
    }
    std::set<std::string> copies() const {
        return {(plugins_ / "libstore-lmdb.so").string(), (plugins_ / "libtransport-http.so").string()};
    }
    const std::filesystem::path installed_ =
        std::filesystem::path(EDGESYNC_SERVICE).parent_path().parent_path() / "lib/edge-sync-service/plugins";
    const std::filesystem::path plugins_ = std::filesystem::canonical(folder_.path()) / "plugins";
};

TEST_F(OtherFolder, OfTheFileIsWherePluginsComeFrom) {
    Node css(folder_.path(), "css", {"NodeType CSS", "PluginPath " + plugins_.string()});
    css.start();
    EXPECT_EQ(loaded(css), copies());
    EXPECT_EQ(publish(css, "model", "m", "{}", "x"), 204);
    EXPECT_EQ(css.terminate(), 0);
}

TEST_F(OtherFolder, OfTheEnvironmentWinsOverTheFile) {
    Node css(folder_.path(), "css", {"NodeType CSS", "PluginPath /nonexistent"});
    ::setenv("PLUGIN_PATH", plugins_.c_str(), 1);
    css.launch();
    ::unsetenv("PLUGIN_PATH");
    EXPECT_TRUE(eventually([&] { return css.is_healthy(); })) << css.output();
    EXPECT_EQ(loaded(css), copies());
}

TEST_F(OtherFolder, IsTheOnlyOneThatIsLookedInto) {
    std::filesystem::remove(plugins_ / "libstore-lmdb.so");
    const Outcome start = run(configuration(valid_lines({"PluginPath " + plugins_.string()})));
    EXPECT_EQ(start.code, 98);
    EXPECT_TRUE(holds(start.err, "libstore-lmdb.so was not found; looked in " + plugins_.string())) << start.err;
    EXPECT_TRUE(holds(start.err, "PluginPath leaves out the folder that has it: name " + installed_.string() + " there, too")) << start.err;
    const Outcome list = run(configuration(valid_lines({"PluginPath " + plugins_.string()})) + " -plugins");
    EXPECT_EQ(list.code, 0);
    EXPECT_TRUE(list.out.starts_with((plugins_ / "libtransport-http.so").string() + ": ")) << list.out;
    EXPECT_FALSE(holds(list.out, "libstore-")) << list.out;
    EXPECT_TRUE(holds(list.out, installed_.string() + ": not searched: PluginPath does not name it\n")) << list.out;
    const std::string both = plugins_.string() + "," + installed_.string();
    EXPECT_EQ(run(configuration(valid_lines({"PluginPath " + both})) + " -check").code, 98) << "there are two libtransport-http.so";
    std::filesystem::remove(plugins_ / "libtransport-http.so");
    EXPECT_EQ(run(configuration(valid_lines({"PluginPath " + both})) + " -check").code, 0);
}

}  // namespace
}  // namespace edgesync::system_test
