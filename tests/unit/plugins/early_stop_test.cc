// Signals that come before the service runs.
#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "kernel/plugins/early_stop.h"

namespace edgesync::plugins {
namespace {

using Phase = EarlyStop::Phase;

constexpr int kEnded = 7;
constexpr std::chrono::hours kLong{1};

class EarlyStops : public testing::Test {
protected:
    EarlyStops() {
        sigset_t signals;
        sigemptyset(&signals);
        sigaddset(&signals, SIGTERM);
        sigaddset(&signals, SIGINT);
        pthread_sigmask(SIG_BLOCK, &signals, &before_);
    }
    ~EarlyStops() override { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

    /// Returns when it was taken.
    static void ask(const EarlyStop& early) {
        ::kill(::getpid(), SIGTERM);
        while (!early.was_asked()) std::this_thread::yield();
    }

private:
    sigset_t before_{};
};

TEST_F(EarlyStops, RememberASignalInLaterPhases) {
    EarlyStop early(kLong, kEnded);
    EXPECT_FALSE(early.end());
    early.begin(Phase::Restart);
    ask(early);
    EXPECT_TRUE(early.end());
    early.begin(Phase::Start);
    EXPECT_TRUE(early.was_asked());
    EXPECT_TRUE(early.end());
}

TEST_F(EarlyStops, TakeASignalThatCameBetweenTwoPhases) {
    EarlyStop early(kLong, kEnded);
    EXPECT_FALSE(early.end());
    ::kill(::getpid(), SIGTERM);
    early.begin(Phase::Start);
    while (!early.was_asked()) std::this_thread::yield();
    EXPECT_TRUE(early.end());
}

TEST_F(EarlyStops, EndTheProcessWhenThePatienceOfALaterStartIsOver) {
    const auto start_again = [] {
        EarlyStop early(std::chrono::milliseconds(20), kEnded);
        early.begin(Phase::Restart);
        ask(early);
        early.begin(Phase::Start);
        for (;;) ::pause();
    };
    EXPECT_EXIT(start_again(), testing::ExitedWithCode(kEnded), "^Ended by SIGTERM before the service was running\n$");
}

TEST_F(EarlyStops, HaveNoHurryWhileTheServiceStopsToStartAgain) {
    const auto restart = [] {
        EarlyStop early(std::chrono::milliseconds(0), kEnded);
        early.begin(Phase::Restart);
        ask(early);
        ::kill(::getpid(), SIGINT);
        for (;;) ::pause();
    };
    EXPECT_EXIT(restart(), testing::ExitedWithCode(kEnded), "^Ended by SIGINT while the service stopped to start again\n$");
}

}  // namespace
}  // namespace edgesync::plugins
