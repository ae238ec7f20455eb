// The PostgreSQL server that the tests run beside (tests/with-postgres).
#pragma once

#include <chrono>
#include <filesystem>
#include <future>
#include <string>

namespace edgesync::system_test::database {

/// Whether the tests run beside one.
bool is_there();
/// The folder of its socket, in which the tests may make folders that it can reach.
std::string folder();
/// As after a power cut: without a last checkpoint.
void stop_immediately();
void start();
/// As when its machine hangs: connections stay, and nothing is answered. False without the right to do so; then some may have been stopped.
bool freeze();
void thaw();
/// Whether the server's clock can be moved.
bool has_clock();
/// From now on it is so much ahead.
void shift_clock(std::chrono::seconds ahead);
/// Runs SQL as the superuser; false if it failed.
bool run(const std::string& sql);
/// As docs/operating.md says: a whole database into a file, and that into a new database. False: it failed.
bool back_up(const std::string& database, const std::filesystem::path& file);
bool restore(const std::filesystem::path& file, const std::string& database);

/// Changes something and keeps it locked, until the test commits it or ten minutes are over.
class HeldTransaction {
public:
    explicit HeldTransaction(const std::string& sql);
    ~HeldTransaction() { commit(); }
    HeldTransaction(const HeldTransaction&) = delete;
    HeldTransaction& operator=(const HeldTransaction&) = delete;

    /// Whether a transaction of the service waits for it.
    bool keeps_service_waiting() const;
    /// False: the SQL failed.
    bool commit();

private:
    std::future<bool> is_done_;
};

}  // namespace edgesync::system_test::database
