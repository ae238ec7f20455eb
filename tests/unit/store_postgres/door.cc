#include "tests/unit/store_postgres/door.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>

#include "tests/unit/store_postgres/unix_socket.h"

namespace edgesync::postgres {
namespace {

constexpr int kPatience = 20;  // Milliseconds, after which the thread looks whether it is over.

}  // namespace

Door::Door(std::string folder)
    : folder_(std::move(folder)), socket_(socket_of(folder_ + ":5432")), listener_(listen_at(socket_)), thread_([this] { answer(); }) {}

Door::~Door() {
    is_over_ = true;
    thread_.join();
    ::close(listener_);
    turn_away();
}

std::vector<Door::Clock::time_point> Door::attempts() const {
    const std::lock_guard lock(mutex_);
    return attempts_;
}

bool Door::await_attempts(std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [&] { return attempts_.size() >= count; });
}

void Door::keep_waiting(bool is_kept_waiting) {
    const std::lock_guard lock(mutex_);
    is_kept_waiting_ = is_kept_waiting;
    if (!is_kept_waiting) turn_away();
}

// In one step, so that nobody finds nothing there.
void Door::open(const std::string& address) {
    std::filesystem::create_symlink(socket_of(address), socket_ + ".open");
    std::filesystem::rename(socket_ + ".open", socket_);
}

void Door::answer() {
    while (!is_over_) {
        pollfd waiting{listener_, POLLIN, 0};
        if (::poll(&waiting, 1, kPatience) <= 0) continue;
        const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (client < 0) continue;
        const std::lock_guard lock(mutex_);
        attempts_.push_back(Clock::now());
        waiting_.push_back(client);
        if (!is_kept_waiting_) turn_away();
        changed_.notify_all();
    }
}

void Door::turn_away() {
    for (const int client : waiting_) ::close(client);
    waiting_.clear();
}

}  // namespace edgesync::postgres
