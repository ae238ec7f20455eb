// Many messages: their order, a host that is slow, and many threads that send.
#include <algorithm>
#include <atomic>
#include <map>
#include <set>
#include <thread>

#include "transport_test.h"

namespace edgesync::conformance {
namespace {

class TransportFlow : public TransportTest {
protected:
    static std::string name(const std::string& prefix, int number) { return prefix + std::to_string(number); }

    /// Of the messages about objects, in the order in which they came; repeats left out.
    static std::vector<std::string> ids(const Seen& seen, const std::string& prefix) {
        std::vector<std::string> found;
        std::set<std::string> known;
        for (const auto& one : seen.handled) {
            const std::string& id = one.message.meta.object_id;
            if (id.starts_with(prefix) && known.insert(id).second) found.push_back(id);
        }
        return found;
    }
    static std::vector<std::string> names(const std::string& prefix, int count) {
        std::vector<std::string> all;
        for (int i = 0; i < count; ++i) all.push_back(name(prefix, i));
        return all;
    }
    static bool has_all(RecordingHost& host, const std::string& prefix, int count) {
        return host.await([&](const Seen& seen) { return ids(seen, prefix).size() == static_cast<std::size_t>(count); }, 2 * usual_wait());
    }
    /// Says it to the cloud or to the node; again when the line takes no more for longer than the plugin waits. How often it did.
    std::size_t say(bool is_up, const std::string& id, Command command = Command::Update) {
        const Message message = is_up ? from_node(command, id) : from_cloud(command, id);
        const auto once = [&] { is_up ? static_cast<void>(send(message)) : tell(kNode, message); };
        std::size_t count = 0;
        EXPECT_TRUE(eventually([&] { return ++count, !failure_of(once); })) << id;
        return count;
    }
    static std::string missing(RecordingHost& host, const std::string& prefix, int count) {
        const auto found = host.see([&](const Seen& seen) { return ids(seen, prefix); });
        std::string list;
        for (const auto& one : names(prefix, count)) {
            if (std::find(found.begin(), found.end(), one) == found.end()) list += " " + one;
        }
        return "missing:" + list + breaks("messages");
    }
};

/// Waits a little with every third message, so that a later one could overtake it.
HandleResult stumble(const NodeKey&, const Message& message) {
    if (!message.meta.object_id.empty() && message.meta.object_id.back() % 3 == 0) std::this_thread::sleep_for(3ms);
    return {};
}

TEST_F(TransportFlow, MessagesOfOnePeerKeepTheirOrder) {
    constexpr int kCount = 300;
    Script script;
    script.answer = stumble;
    css().host().follow(script);
    ess().host().follow(script);
    for (const bool is_up : {true, false}) {
        const std::string prefix = is_up ? "up" : "down";
        RecordingHost& host = is_up ? css().host() : ess().host();
        for (int i = 0; i < kCount; ++i) say(is_up, name(prefix, i), i % 2 == 0 ? Command::Update : Command::Received);
        ASSERT_TRUE(has_all(host, prefix, kCount)) << missing(host, prefix, kCount);
        EXPECT_EQ(host.see([&](const Seen& seen) { return ids(seen, prefix); }), names(prefix, kCount))
            << broken("messages of one peer reach `handle` in the order in which they were sent");
    }
}

TEST_F(TransportFlow, AMessageArrivesOnce) {
    constexpr int kCount = 50;
    for (const bool is_up : {true, false}) {
        const std::string prefix = is_up ? "up" : "down";
        RecordingHost& host = is_up ? css().host() : ess().host();
        std::map<std::string, std::size_t> said;
        for (int i = 0; i < kCount; ++i) said[name(prefix, i)] = say(is_up, name(prefix, i));
        // What was sent before it, and again, has arrived when it has.
        say(is_up, "last" + prefix);
        ASSERT_TRUE(host.await([&](const Seen& seen) { return !seen.about("last" + prefix).empty(); }));
        host.see([&](const Seen& seen) {
            for (const auto& id : names(prefix, kCount)) {
                EXPECT_NE(seen.about(id).size(), 0U) << id << " did not arrive" << breaks("messages");
                EXPECT_LE(seen.about(id).size(), said.at(id)) << id << broken("a line that nothing disturbs brings each message once");
            }
            return 0;
        });
    }
}

TEST_F(TransportFlow, AHostThatGivesItsVerdictsLateLosesNothing) {
    constexpr int kThreads = 8;
    constexpr int kEach = 25;
    css().host().hold();
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
        threads.emplace_back([this, t] {
            for (int i = 0; i < kEach; ++i) say(true, name("held", t * kEach + i));
        });
    }
    EXPECT_TRUE(css().host().await([](const Seen& seen) { return ids(seen, "held").size() >= kThreads; }));
    css().host().release();
    for (auto& thread : threads) thread.join();
    EXPECT_TRUE(has_all(css().host(), "held", kThreads * kEach)) << missing(css().host(), "held", kThreads * kEach);
}

TEST_F(TransportFlow, AHostThatTakesNoMoreForSomeSecondsLosesNothing) {
    constexpr int kCount = 200;
    for (const bool is_up : {true, false}) {
        const std::string prefix = is_up ? "up" : "down";
        RecordingHost& host = is_up ? css().host() : ess().host();
        host.block();
        std::thread sender([&] {
            for (int i = 0; i < kCount; ++i) say(is_up, name(prefix, i));
        });
        std::this_thread::sleep_for(1500ms);  // What the test is about.
        host.unblock();
        sender.join();
        EXPECT_TRUE(has_all(host, prefix, kCount)) << missing(host, prefix, kCount);
    }
}

TEST_F(TransportFlow, ManyThreadsSendAtOnce) {
    constexpr int kThreads = 8;
    constexpr int kEach = 50;
    std::atomic<int> refused{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; i < kEach; ++i) {
                Message message = from_node(Command::Update, name("many", t * kEach + i));
                message.meta.description = std::string(static_cast<std::size_t>(t * kEach + i), 'x');
                if (failure_of([&] { send(message); })) ++refused;
            }
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(refused, 0);
    ASSERT_TRUE(has_all(css().host(), "many", kThreads * kEach));
    css().host().see([](const Seen& seen) {
        for (int i = 0; i < kThreads * kEach; ++i) {
            const auto got = seen.about(name("many", i));
            EXPECT_EQ(got.size(), 1U) << i;
            EXPECT_EQ(got.front().message.meta.description.size(), static_cast<std::size_t>(i)) << "parts of two messages were mixed";
        }
        return 0;
    });
}

TEST_F(TransportFlow, ALongMessageArrivesWhole) {
    // Many times what is usual.
    Message message = from_node(Command::Update, "long");
    message.meta.destinations_list.emplace();
    for (int i = 0; i < 2000; ++i) message.meta.destinations_list->push_back("type:" + name("destination", i));
    const std::int64_t limit = largest_up();
    if (limit > 0 && limit < 200'000) GTEST_SKIP() << "the line takes no such message";
    send(message);
    ASSERT_TRUE(css().host().await([](const Seen& seen) { return !seen.about("long").empty(); }));
    const auto got = css().host().see([](const Seen& seen) { return seen.about("long").front().message.meta; });
    EXPECT_EQ(got.destinations_list, message.meta.destinations_list);
}

}  // namespace
}  // namespace edgesync::conformance
