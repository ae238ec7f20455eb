#include "kernel/packet_line/turns_by_line.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

namespace edgesync {
namespace {

using packet_line::TurnsByLine;

/// What has begun for each organization and not ended.
struct Under {
    std::map<std::string, std::vector<TurnsByLine::End>> way;

    std::function<void(TurnsByLine::End)> job(const std::string& org) {
        return [this, org](TurnsByLine::End end) { way[org].push_back(std::move(end)); };
    }
    std::size_t count(const std::string& org) { return way[org].size(); }
    void end_one(const std::string& org) {
        const auto end = way[org].back();
        way[org].pop_back();
        end();
    }
};

TEST(TurnsByLine, AnOrganizationHasNoMoreAtATimeThanItMayAndOthersDoNotWaitForIt) {
    TurnsByLine turns(2);
    Under under;
    for (int i = 0; i < 5; ++i) turns.run("stalled", under.job("stalled"));
    EXPECT_EQ(under.count("stalled"), 2U);
    turns.run("acme", under.job("acme"));
    EXPECT_EQ(under.count("acme"), 1U);
    for (int ended = 1; ended <= 3; ++ended) {
        under.end_one("stalled");
        EXPECT_EQ(under.count("stalled"), 2U) << "the next has its turn";
    }
    under.end_one("stalled");
    under.end_one("stalled");
    EXPECT_EQ(under.count("stalled"), 0U);
    turns.run("stalled", under.job("stalled"));
    EXPECT_EQ(under.count("stalled"), 1U) << "and again";
}

TEST(TurnsByLine, WithoutABoundNobodyWaits) {
    TurnsByLine turns(0);
    Under under;
    for (int i = 0; i < 5; ++i) turns.run("acme", under.job("acme"));
    EXPECT_EQ(under.count("acme"), 5U);
}

TEST(TurnsByLine, WhatEndsAtOnceIsFollowedByTheNextWithoutTheStackGrowing) {
    TurnsByLine turns(1);
    Under under;
    turns.run("acme", under.job("acme"));
    int depth = 0;
    int deepest = 0;
    int begun = 0;
    for (int i = 0; i < 10'000; ++i) {
        turns.run("acme", [&](const TurnsByLine::End& end) {
            ++begun;
            deepest = std::max(deepest, ++depth);
            end();
            --depth;
        });
    }
    turns.run("acme", under.job("acme"));
    EXPECT_EQ(begun, 0);
    under.end_one("acme");
    EXPECT_EQ(begun, 10'000);
    EXPECT_EQ(deepest, 1);
    EXPECT_EQ(under.count("acme"), 1U) << "the last has its turn";
    under.end_one("acme");
    turns.run("acme", under.job("acme"));
    EXPECT_EQ(under.count("acme"), 1U);
}

TEST(TurnsByLine, WhatThrowsHasEnded) {
    TurnsByLine turns(1);
    Under under;
    turns.run("acme", [](const TurnsByLine::End&) { throw std::runtime_error("it cannot begin"); });
    turns.run("acme", under.job("acme"));
    EXPECT_EQ(under.count("acme"), 1U);
}

TEST(TurnsByLine, WhatEndsTwiceGivesOneTurn) {
    TurnsByLine turns(1);
    Under under;
    for (int i = 0; i < 3; ++i) turns.run("acme", under.job("acme"));
    const auto end = under.way["acme"].back();
    end();
    end();
    EXPECT_EQ(under.count("acme"), 2U) << "the first, and the one that followed it";
}

}  // namespace
}  // namespace edgesync
