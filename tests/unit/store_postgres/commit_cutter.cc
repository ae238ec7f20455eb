#include "tests/unit/store_postgres/commit_cutter.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string_view>

#include "tests/unit/store_postgres/unix_socket.h"

namespace edgesync::postgres {
namespace {

constexpr int kPatience = 20;  // Milliseconds, after which a thread looks whether it is over.

/// Empty: the connection is over.
std::string receive(int from) {
    std::array<char, 65536> octets;
    const ssize_t count = ::recv(from, octets.data(), octets.size(), 0);
    return count <= 0 ? std::string() : std::string(octets.data(), static_cast<std::size_t>(count));
}

bool send_all(int to, std::string_view octets) {
    while (!octets.empty()) {
        const ssize_t count = ::send(to, octets.data(), octets.size(), MSG_NOSIGNAL);
        if (count <= 0) return false;
        octets.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
}

/// Until the server says that it is ready for the next question, outside of a transaction.
void await_end_of_transaction(int server) {
    using namespace std::string_view_literals;
    for (std::string all; !all.ends_with("Z\0\0\0\5I"sv);) {
        const std::string more = receive(server);
        if (more.empty()) return;
        all += more;
    }
}

}  // namespace

CommitCutter::CommitCutter(const std::string& folder, const std::string& target)
    : target_(socket_of(target)), address_(folder + ":5432"), listener_(listen_at(socket_of(address_))) {
    acceptor_ = std::thread([this] { accept_clients(); });
}

CommitCutter::~CommitCutter() {
    is_over_ = true;
    acceptor_.join();
    for (auto& thread : threads_) thread.join();
    ::close(listener_);
}

void CommitCutter::cut_once(std::string text, Moment moment) {
    text_ = std::move(text);
    moment_ = moment;
    is_armed_ = true;
}

void CommitCutter::accept_clients() {
    while (!is_over_) {
        pollfd waiting{listener_, POLLIN, 0};
        if (::poll(&waiting, 1, kPatience) <= 0) continue;
        const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (client >= 0) threads_.emplace_back([this, client] { forward(client); });
    }
}

void CommitCutter::forward(int client) {
    const int server = connect_to(target_);
    bool is_open = server >= 0;
    while (is_open && !is_over_) {
        std::array<pollfd, 2> waiting{{{client, POLLIN, 0}, {server, POLLIN, 0}}};
        if (::poll(waiting.data(), waiting.size(), kPatience) <= 0) continue;
        if (waiting[0].revents != 0) is_open = pass_question(client, server);
        if (is_open && waiting[1].revents != 0) {
            const std::string answer = receive(server);
            is_open = !answer.empty() && send_all(client, answer);
        }
    }
    ::close(client);
    if (server >= 0) ::close(server);
}

// A question as small as those of the tests comes in one piece.
bool CommitCutter::pass_question(int client, int server) {
    const std::string question = receive(client);
    if (question.empty()) return false;
    const bool is_it = is_armed_ && question.find("COMMIT") != std::string::npos && question.find(text_) != std::string::npos;
    if (!is_it || !is_armed_.exchange(false)) return send_all(server, question);
    ++cuts_;
    if (moment_ == Moment::AfterCommit && send_all(server, question)) await_end_of_transaction(server);
    return false;
}

}  // namespace edgesync::postgres
