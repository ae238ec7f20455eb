// A process that writes is killed at random moments: what was acknowledged is there, and nothing is half there.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <random>

#include "fault_child.h"
#include "options.h"
#include "store_test.h"

namespace edgesync::conformance {
namespace {

constexpr int kRounds = 10;

/// The kit's own program in child mode, writing to the store in `folder`.
class Child {
public:
    explicit Child(const std::filesystem::path& folder) {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("cannot create a pipe");
        constexpr int kChildEnd = 63;
        const std::string role = options().role == NodeRole::Css ? "css" : "ess";
        std::vector<std::string> words = {"edge-sync-plugin-test",
                                          "--plugin",
                                          options().plugin.string(),
                                          "--root",
                                          folder.string(),
                                          "--role",
                                          role,
                                          "--child-acknowledges-on",
                                          std::to_string(kChildEnd)};
        if (!options().settings.empty()) words.insert(words.end(), {"--settings", options().settings.string()});
        for (const auto& [key, value] : options().given) words.insert(words.end(), {"--setting", key + "=" + value});
        for (const auto& [name, port] : options().ports)
            words.insert(words.end(), {"--port", std::string(name).append("=").append(std::to_string(port))});
        std::vector<char*> arguments;
        for (std::string& word : words) arguments.push_back(word.data());
        arguments.push_back(nullptr);
        posix_spawn_file_actions_t actions;
        ::posix_spawn_file_actions_init(&actions);
        ::posix_spawn_file_actions_adddup2(&actions, ends[1], kChildEnd);
        const int error = ::posix_spawn(&pid_, "/proc/self/exe", &actions, nullptr, arguments.data(), environ);
        ::posix_spawn_file_actions_destroy(&actions);
        ::close(ends[1]);
        fd_ = ends[0];
        if (error != 0) throw std::runtime_error("cannot start the child");
    }
    ~Child() {
        kill();
        ::close(fd_);
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    /// The next acknowledged version; nullopt at the deadline or when the child has ended.
    std::optional<std::uint64_t> next(std::chrono::steady_clock::time_point deadline) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
        pollfd one{fd_, POLLIN, 0};
        if (::poll(&one, 1, static_cast<int>(std::max<std::int64_t>(0, left.count()))) != 1) return std::nullopt;
        std::uint64_t version = 0;
        if (::read(fd_, &version, sizeof version) != sizeof version) return std::nullopt;
        return version;
    }
    /// Kills it if it runs. True if it was killed by us, false if it had ended by itself.
    bool kill() {
        if (pid_ <= 0) return false;
        ::kill(pid_, SIGKILL);
        int status = 0;
        ::waitpid(pid_, &status, 0);
        pid_ = 0;
        return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    }

private:
    pid_t pid_ = 0;
    int fd_ = -1;
};

class Crash : public StoreTest {
protected:
    using Versions = std::array<std::uint64_t, kFaultObjects>;

    void SetUp() override {
        StoreTest::SetUp();
        if (!store().traits().is_persistent) GTEST_SKIP() << "the store is not persistent";
    }

    /// Runs a child for `milliseconds` after its first acknowledgement and raises `acknowledged`.
    void run_child(int milliseconds, Versions& acknowledged);
    void check_object(ReadTransaction& t, std::uint64_t number, std::uint64_t acknowledged);
    void check_staged();
};

void Crash::run_child(int milliseconds, Versions& acknowledged) {
    Child child(folder());
    const auto note = [&](std::uint64_t version) {
        auto& largest = acknowledged[version % kFaultObjects];
        largest = std::max(largest, version);
    };
    const auto first = child.next(std::chrono::steady_clock::now() + std::chrono::minutes(1));
    ASSERT_TRUE(first) << "the writing child failed to start or acknowledged nothing within a minute";
    note(*first);
    const auto moment = std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
    while (const auto version = child.next(moment)) note(*version);
    ASSERT_TRUE(child.kill()) << "the writing child ended by itself; its message is above";
    while (const auto version = child.next(std::chrono::steady_clock::now())) note(*version);
}

void Crash::check_object(ReadTransaction& t, std::uint64_t number, std::uint64_t acknowledged) {
    const ObjectKey key = fault_object(number);
    const auto object = t.object(key);
    if (!object) {
        EXPECT_EQ(acknowledged, 0U) << broken("a persistent store keeps acknowledged transactions; version " +
                                              std::to_string(acknowledged) + " of " + key.id + " was acknowledged and is lost");
        return;
    }
    const auto version = static_cast<std::uint64_t>(object->meta.instance_id);
    EXPECT_GE(version, acknowledged) << broken("a persistent store keeps acknowledged transactions; " + key.id + " went back");
    const auto mix = broken("a transaction is kept whole or not at all: records of " + key.id + " are of different versions");
    const std::string text = std::to_string(version);
    EXPECT_EQ(t.delivery(key, fault_node()).value_or(DeliveryRecord()).message, text) << mix;
    EXPECT_EQ(t.delivery_counts(key)[version % 6], 1U) << mix;
    EXPECT_EQ(t.notification(key, fault_node()).value_or(NotificationRecord()).instance_id, object->meta.instance_id) << mix;
    EXPECT_EQ(t.entry(EntryTable::Setting, {key.id}), text) << mix;
    ASSERT_TRUE(object->data) << mix;
    EXPECT_EQ(t.blob(*object->data).value_or(BlobRecord()).instance_id, object->meta.instance_id) << mix;
    const auto reader = t.open_blob(*object->data);
    ASSERT_TRUE(reader) << broken("an object's data is durable before the transaction that points at it: no octets of " + key.id);
    EXPECT_TRUE(content_of(*reader) == fault_octets(version)) << broken("the octets of " + key.id + " are those of its version, complete");
}

void Crash::check_staged() {
    const auto staged = get([](ReadTransaction& t) { return t.staged_blobs(at(100), 1000); });
    for (const BlobId& id : staged) {
        const auto record = get([&](ReadTransaction& t) { return t.blob(id); });
        ASSERT_TRUE(record) << broken("staged_blobs: lists blobs that have a record");
        const auto writer = store().blobs().reopen(id);
        ASSERT_TRUE(writer) << broken("reopen: a staged blob with a record is continued after a crash");
        const auto expected = fault_octets(static_cast<std::uint64_t>(record->instance_id));
        std::vector<std::byte> out(expected.size());
        EXPECT_EQ(writer->read(0, out), out.size()) << broken("BlobWriter::sync: what was written before survives");
        EXPECT_TRUE(out == expected) << broken("BlobWriter::sync: what was written before survives");
    }
    // As the service's sweep does with transfers that were given up.
    write([&](WriteTransaction& t) {
        for (const BlobId& id : staged) t.erase_blob(id);
    });
}

TEST_F(Crash, KeepsWhatWasAcknowledgedAndNeverMixesVersions) {
    close_store();
    std::mt19937_64 random(options().seed);
    Versions acknowledged{};
    InstanceId issued = 0;
    for (int round = 0; round < kRounds && !HasFatalFailure(); ++round) {
        run_child(static_cast<int>(random() % 250), acknowledged);
        if (HasFatalFailure()) return;
        open_store();
        store().read([&](ReadTransaction& t) {
            for (std::uint64_t i = 0; i < kFaultObjects; ++i) check_object(t, i, acknowledged[i]);
            const auto text = t.entry(EntryTable::Setting, {"issued"});
            if (text) issued = std::max<InstanceId>(issued, std::stoll(*text));
        });
        check_staged();
        InstanceId next = 0;
        write([&](WriteTransaction& t) { next = t.next_instance_id(at(0), 0); });
        EXPECT_GT(next, issued) << broken("next_instance_id: never repeats, over crashes too");
        issued = next;
        close_store();
    }
    std::printf("killed %d times, last version %llu\n", kRounds,
                static_cast<unsigned long long>(*std::max_element(acknowledged.begin(), acknowledged.end())));
}

}  // namespace
}  // namespace edgesync::conformance
