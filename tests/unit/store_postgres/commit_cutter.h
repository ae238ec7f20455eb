// A forwarder before the database of the tests that cuts a connection exactly at a COMMIT.
#pragma once

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace edgesync::postgres {

/// Forwards connections from a socket in `folder` to the server in `target`, a folder and a port as in PostgresAddressCsv.
class CommitCutter {
public:
    enum class Moment {
        BeforeCommit,  ///< The server does not get it.
        AfterCommit,   ///< The server has committed, and its answer is lost.
    };

    CommitCutter(const std::string& folder, const std::string& target);
    ~CommitCutter();
    CommitCutter(const CommitCutter&) = delete;
    CommitCutter& operator=(const CommitCutter&) = delete;

    /// As in PostgresAddressCsv.
    const std::string& address() const { return address_; }
    /// Cuts the next connection that sends a COMMIT together with this text, and that one alone.
    void cut_once(std::string text, Moment moment);
    int cuts() const { return cuts_; }

private:
    void accept_clients();
    void forward(int client);
    /// False: the connection is over.
    bool pass_question(int client, int server);

    const std::string target_;
    const std::string address_;
    const int listener_;
    std::string text_;
    Moment moment_ = Moment::BeforeCommit;
    std::atomic<bool> is_armed_{false};
    std::atomic<bool> is_over_{false};
    std::atomic<int> cuts_{0};
    std::vector<std::thread> threads_;
    std::thread acceptor_;
};

}  // namespace edgesync::postgres
