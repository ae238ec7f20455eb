#include "tests/system/browser.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>

#include "tests/system/cluster.h"

extern char** environ;

namespace edgesync::system_test {
namespace {

using Json = nlohmann::json;
using Clock = std::chrono::steady_clock;

/// The descriptors from which the browser reads commands, and to which it writes what it has to say.
constexpr int kCommands = 3;
constexpr int kReports = 4;

struct Pipe {
    Pipe() {
        if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
        // Above the numbers that the browser's ends get, so that no copy overwrites another one.
        for (int& end : ends) {
            const int high = ::fcntl(end, F_DUPFD_CLOEXEC, 10);
            ::close(end);
            end = high;
        }
    }
    ~Pipe() {
        close(0);
        close(1);
    }
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;
    void close(std::size_t i) {
        if (ends.at(i) >= 0) ::close(ends.at(i));
        ends.at(i) = -1;
    }
    std::array<int, 2> ends{-1, -1};
};

}  // namespace

struct Browser::Parts {
    explicit Parts(const std::filesystem::path& folder);
    ~Parts();

    Json command(const std::string& method, const Json& parameters = Json::object());
    void take(const Json& report);
    std::optional<Json> next(Clock::time_point deadline);

    Pipe commands;
    Pipe reports;
    pid_t pid = -1;
    std::string received;
    int last_id = 0;
    std::string session;
    std::vector<std::string> complaints;
    std::set<std::string> requests;
};

Browser::Parts::Parts(const std::filesystem::path& folder) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, commands.ends[0], kCommands);
    posix_spawn_file_actions_adddup2(&actions, reports.ends[1], kReports);
    const std::string log = folder / "browser.out";
    posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    // A process group of its own, so that its helpers end with it.
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    for (const char* program : {"chromium-headless-shell", "chromium"}) {
        std::vector<std::string> arguments = {program,
                                              "--headless",
                                              "--no-sandbox",
                                              "--disable-gpu",
                                              "--disable-quic",
                                              "--no-first-run",
                                              "--disable-background-networking",
                                              "--disable-component-update",
                                              "--disable-sync",
                                              "--disable-dev-shm-usage",
                                              "--no-proxy-server",
                                              "--remote-debugging-pipe",
                                              "--user-data-dir=" + (folder / "profile").string(),
                                              "about:blank"};
        std::vector<char*> pointers;
        for (auto& argument : arguments) pointers.push_back(argument.data());
        pointers.push_back(nullptr);
        if (::posix_spawnp(&pid, program, &actions, &attributes, pointers.data(), environ) == 0) break;
        pid = -1;
    }
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (pid < 0) throw std::runtime_error("There is no chromium-headless-shell and no chromium: run scripts/install-deps");
    commands.close(0);
    reports.close(1);
    const Json target = command("Target.createTarget", {{"url", "about:blank"}});
    session = command("Target.attachToTarget", {{"targetId", target.at("targetId")}, {"flatten", true}}).at("sessionId");
    for (const char* domain : {"Page.enable", "Runtime.enable", "Log.enable", "Network.enable"}) command(domain);
}

Browser::Parts::~Parts() {
    if (pid < 0) return;
    try {
        session.clear();
        command("Browser.close");
    } catch (const std::exception&) {
        ::kill(-pid, SIGTERM);
    }
    // It ends its helpers first, so that nobody writes into the profile afterwards.
    if (eventually([this] { return ::waitpid(pid, nullptr, WNOHANG) == pid; }, std::chrono::seconds(20))) return;
    ::kill(-pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
}

std::optional<Json> Browser::Parts::next(Clock::time_point deadline) {
    for (;;) {
        if (const auto end = received.find('\0'); end != std::string::npos) {
            Json report = Json::parse(received.substr(0, end));
            received.erase(0, end + 1);
            return report;
        }
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
        pollfd ready{reports.ends[0], POLLIN, 0};
        if (left <= 0 || ::poll(&ready, 1, static_cast<int>(left)) <= 0) return std::nullopt;
        std::array<char, 65536> octets;
        const auto count = ::read(reports.ends[0], octets.data(), octets.size());
        if (count <= 0) return std::nullopt;
        received.append(octets.data(), static_cast<std::size_t>(count));
    }
}

Json Browser::Parts::command(const std::string& method, const Json& parameters) {
    Json message = {{"id", ++last_id}, {"method", method}, {"params", parameters}};
    if (!session.empty()) message["sessionId"] = session;
    const std::string text = message.dump() + '\0';
    if (::write(commands.ends[1], text.data(), text.size()) != static_cast<ssize_t>(text.size()))
        throw std::runtime_error("write to the browser");
    const auto deadline = Clock::now() + kPatience;
    while (const auto report = next(deadline)) {
        if (report->value("id", 0) != last_id) {
            take(*report);
        } else if (report->contains("error")) {
            throw std::runtime_error(method + ": " + report->at("error").dump());
        } else {
            return report->at("result");
        }
    }
    throw std::runtime_error("The browser does not answer " + method);
}

/// An event; others than these do not matter.
void Browser::Parts::take(const Json& report) {
    const std::string method = report.value("method", "");
    const Json parameters = report.value("params", Json::object());
    if (method == "Runtime.exceptionThrown") complaints.push_back(parameters.dump());
    if (method == "Runtime.consoleAPICalled" && (parameters["type"] == "error" || parameters["type"] == "warning"))
        complaints.push_back(parameters["args"].dump());
    if (method == "Log.entryAdded" && (parameters["entry"]["level"] == "error" || parameters["entry"]["level"] == "warning"))
        complaints.push_back(parameters["entry"].dump());
    if (method == "Network.loadingFailed") complaints.push_back("a request failed: " + parameters.dump());
    if (method != "Network.requestWillBeSent") return;
    const std::string url = parameters["request"]["url"];
    if (!url.starts_with("data:")) requests.insert(url);
}

Browser::Browser(const std::filesystem::path& folder) : parts_(std::make_unique<Parts>(folder)) {}

Browser::~Browser() = default;

void Browser::open(const std::string& url) { parts_->command("Page.navigate", {{"url", url}}); }

std::string Browser::evaluate(const std::string& expression) {
    const Json answer = parts_->command("Runtime.evaluate", {{"expression", "String(" + expression + ")"}, {"returnByValue", true}});
    return answer.contains("exceptionDetails") ? "" : answer["result"].value("value", "");
}

bool Browser::comes_true(const std::string& expression, std::chrono::milliseconds limit) {
    return eventually([&] { return evaluate("Boolean(" + expression + ")") == "true"; }, limit);
}

const std::vector<std::string>& Browser::complaints() const { return parts_->complaints; }

const std::set<std::string>& Browser::requests() const { return parts_->requests; }

}  // namespace edgesync::system_test
