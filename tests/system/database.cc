#include "tests/system/database.h"

#include <signal.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace edgesync::system_test::database {
namespace {

void tell(const std::string& line) {
    const std::string ends = std::getenv("EDGESYNC_TEST_POSTGRES_CONTROL");
    const auto comma = ends.find(',');
    const int out = std::stoi(ends);
    if (::write(out, line.data(), line.size()) != static_cast<ssize_t>(line.size())) throw std::runtime_error("no answer");
    std::array<char, 5> answer{};
    if (::read(std::stoi(ends.substr(comma + 1)), answer.data(), answer.size()) != static_cast<ssize_t>(answer.size()))
        throw std::runtime_error("no answer");
}

/// Signals the server's processes, each of which is a child of the first.
bool signal_all(int number) {
    std::ifstream file(folder() + "/data/postmaster.pid");
    pid_t first = 0;
    if (!(file >> first)) return false;
    const std::string id = std::to_string(first);
    std::ifstream list("/proc/" + id + "/task/" + id + "/children");
    bool is_done = ::kill(first, number) == 0;
    for (pid_t child = 0; list >> child;) is_done = ::kill(child, number) == 0 && is_done;
    return is_done;
}

}  // namespace

bool is_there() { return std::getenv("EDGESYNC_TEST_POSTGRES") != nullptr; }

std::string folder() {
    const std::string server = std::getenv("EDGESYNC_TEST_POSTGRES");
    return server.substr(0, server.rfind(':'));
}

void stop_immediately() { tell("stop-immediate\n"); }

void start() { tell("start\n"); }

bool freeze() { return signal_all(SIGSTOP); }

void thaw() { signal_all(SIGCONT); }

bool has_clock() { return is_there() && std::filesystem::exists(folder() + "/clock"); }

// In place: the server has the file mapped.
void shift_clock(std::chrono::seconds ahead) {
    const long seconds = ahead.count();
    std::fstream file(folder() + "/clock", std::ios::in | std::ios::out | std::ios::binary);
    file.write(reinterpret_cast<const char*>(&seconds), sizeof(seconds)).flush();
    if (!file) throw std::runtime_error("the server's clock cannot be moved");
}

bool run(const std::string& sql) {
    const std::string server = std::getenv("EDGESYNC_TEST_POSTGRES");
    const std::string command = "PGOPTIONS=--client-min-messages=error psql -q -v ON_ERROR_STOP=1 -U postgres -h " + folder() + " -p " +
                                server.substr(server.rfind(':') + 1) + " postgres >/dev/null 2>&1 -c \"" + sql + "\"";
    return std::system(command.c_str()) == 0;
}

}  // namespace edgesync::system_test::database
