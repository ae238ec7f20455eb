#include "tests/system/database.h"

#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "tests/system/clock_file.h"
#include "tests/system/sandbox.h"

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

bool is_stopped(const std::string& id) {
    std::ifstream file("/proc/" + id + "/stat");
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    const auto end_of_name = text.rfind(") ");
    return end_of_name != std::string::npos && text.substr(end_of_name + 2, 1) == "T";
}

/// Signals the server's processes, each of which is a child of the first.
bool signal_all(int number) {
    std::ifstream file(folder() + "/data/postmaster.pid");
    pid_t first = 0;
    if (!(file >> first) || ::kill(first, number) != 0) return false;
    const std::string id = std::to_string(first);
    // It makes no more children then.
    if (number == SIGSTOP && !eventually([&] { return is_stopped(id); })) return false;
    std::ifstream list("/proc/" + id + "/task/" + id + "/children");
    bool is_done = true;
    for (pid_t child = 0; list >> child;) is_done = (::kill(child, number) == 0 || errno == ESRCH) && is_done;  // One may have ended.
    return is_done;
}

/// A program of PostgreSQL, as the superuser.
bool execute(const std::string& program, const std::string& arguments) {
    const std::string server = std::getenv("EDGESYNC_TEST_POSTGRES");
    const std::string where = " -U postgres -h " + folder() + " -p " + server.substr(server.rfind(':') + 1) + " ";
    return std::system((program + where + arguments + " >/dev/null 2>&1").c_str()) == 0;
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

void shift_clock(std::chrono::seconds ahead) { write_clock(folder() + "/clock", ahead); }

bool run(const std::string& sql) {
    return execute("PGOPTIONS=--client-min-messages=error psql -q -v ON_ERROR_STOP=1", "postgres -c \"" + sql + "\"");
}

bool back_up(const std::string& database, const std::filesystem::path& file) {
    return execute("pg_dump -Fc --no-unlogged-table-data -f " + file.string(), database);
}

bool restore(const std::filesystem::path& file, const std::string& database) {
    return execute("createdb", database) && execute("pg_restore --exit-on-error -d " + database, file.string());
}

// It sleeps until its sleep is cancelled, which is no failure. The text is a literal inside of another one.
HeldTransaction::HeldTransaction(const std::string& sql) {
    const std::string text = "DO 'BEGIN " + sql + "; BEGIN PERFORM pg_sleep(600); EXCEPTION WHEN query_canceled THEN NULL; END; END'";
    is_done_ = std::async(std::launch::async, [text] { return run(text); });
}

bool HeldTransaction::keeps_service_waiting() const {
    return run(
        "SELECT 1 / count(*) FROM pg_stat_activity AS held, pg_stat_activity AS waiting WHERE held.wait_event = 'PgSleep'"
        " AND waiting.application_name = 'edge-sync-service' AND held.pid = ANY (pg_blocking_pids(waiting.pid))");
}

bool HeldTransaction::commit() {
    if (!is_done_.valid()) return true;
    while (is_done_.wait_for(std::chrono::milliseconds(20)) != std::future_status::ready)
        run("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
    return is_done_.get();
}

}  // namespace edgesync::system_test::database
