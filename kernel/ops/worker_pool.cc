#include "kernel/ops/worker_pool.h"

#include <pthread.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <vector>

namespace edgesync::ops {
namespace {

// The address sanitizer's frames are several times larger.
#ifdef __SANITIZE_ADDRESS__
constexpr std::size_t kStackBytes = 2 * 1024 * 1024;
#else
constexpr std::size_t kStackBytes = 256 * 1024;
#endif

}  // namespace

struct WorkerPool::State {
    State(std::size_t threads, std::size_t queued, std::chrono::milliseconds limit)
        : max_threads(threads == 0 ? 1 : threads), max_queued(queued), idle_limit(limit) {}

    static void* thread_main(void* state);
    void run();
    bool start_thread();
    void join_finished(std::unique_lock<std::mutex>& lock);

    const std::size_t max_threads;
    const std::size_t max_queued;
    const std::chrono::milliseconds idle_limit;

    mutable std::mutex mutex;
    std::condition_variable work_added;
    std::condition_variable thread_ended;
    std::deque<std::function<void()>> queue;
    std::vector<pthread_t> finished;  ///< Ended or about to; to be joined.
    std::size_t running = 0;
    std::size_t idle = 0;
    bool is_stopped = false;
};

void* WorkerPool::State::thread_main(void* state) {
    static_cast<State*>(state)->run();
    return nullptr;
}

void WorkerPool::State::run() {
    std::unique_lock lock(mutex);
    for (;;) {
        if (queue.empty() && !is_stopped) {
            ++idle;
            const bool was_woken = work_added.wait_for(lock, idle_limit, [this] { return !queue.empty() || is_stopped; });
            --idle;
            if (!was_woken) break;
        }
        if (queue.empty()) break;
        std::function<void()> work = std::move(queue.front());
        queue.pop_front();
        lock.unlock();
        work();
        work = nullptr;
        lock.lock();
    }
    --running;
    finished.push_back(pthread_self());
    thread_ended.notify_all();
}

bool WorkerPool::State::start_thread() {
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0) return false;
    pthread_attr_setstacksize(&attributes, kStackBytes);
    pthread_t thread;
    const bool started = pthread_create(&thread, &attributes, &State::thread_main, this) == 0;
    pthread_attr_destroy(&attributes);
    if (!started) return false;
    pthread_setname_np(thread, "worker");
    ++running;
    return true;
}

void WorkerPool::State::join_finished(std::unique_lock<std::mutex>& lock) {
    std::vector<pthread_t> ended;
    ended.swap(finished);
    if (ended.empty()) return;
    lock.unlock();  // The threads in the list need nothing but this lock to end.
    for (const pthread_t thread : ended) pthread_join(thread, nullptr);
    lock.lock();
}

WorkerPool::WorkerPool(std::size_t max_threads, std::size_t max_queued, std::chrono::milliseconds idle_limit)
    : state_(std::make_shared<State>(max_threads, max_queued, idle_limit)) {}

WorkerPool::~WorkerPool() { stop(); }

bool WorkerPool::try_post(std::function<void()> work) {
    State& s = *state_;
    std::unique_lock lock(s.mutex);
    if (s.is_stopped || s.queue.size() >= s.max_queued) return false;
    if (!s.finished.empty()) {
        s.join_finished(lock);
        if (s.is_stopped || s.queue.size() >= s.max_queued) return false;
    }
    if (s.idle <= s.queue.size() && s.running < s.max_threads) {
        const bool started = s.start_thread();
        if (!started && s.running == 0) return false;
    }
    s.queue.push_back(std::move(work));
    lock.unlock();
    s.work_added.notify_one();
    return true;
}

void WorkerPool::stop() {
    State& s = *state_;
    std::unique_lock lock(s.mutex);
    s.is_stopped = true;
    s.work_added.notify_all();
    s.thread_ended.wait(lock, [&s] { return s.running == 0; });
    s.join_finished(lock);
}

std::size_t WorkerPool::threads() const {
    const std::lock_guard lock(state_->mutex);
    return state_->running;
}

std::size_t WorkerPool::queued() const {
    const std::lock_guard lock(state_->mutex);
    return state_->queue.size();
}

}  // namespace edgesync::ops
