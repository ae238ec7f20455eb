#include "kernel/plugins/watchdog.h"

#include <gmock/gmock.h>

#include <thread>

#include "edgesync/sdk/map_transaction.h"
#include "kernel/plugins/watched_store.h"
#include "kernel/plugins/watched_transport.h"

namespace edgesync::plugins {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;

class CollectedLog final : public Log {
public:
    bool logs(LogLevel) const noexcept override { return true; }
    bool traces(LogLevel) const noexcept override { return false; }
    void log(LogLevel level, std::string_view text) noexcept override {
        const std::lock_guard lock(mutex_);
        lines_.push_back((level == LogLevel::Error ? "error: " : "") + std::string(text));
        changed_.notify_all();
    }
    void trace(LogLevel, std::string_view) noexcept override {}

    std::string line(std::size_t index) {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, std::chrono::seconds(20), [&] { return lines_.size() > index; });
        return lines_.size() > index ? lines_[index] : "no such line";
    }
    std::size_t size() {
        const std::lock_guard lock(mutex_);
        return lines_.size();
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::string> lines_;
};

TEST(Watchdog, LogsOnceThatACallHangsAndThatItCameBack) {
    CollectedLog log;
    Watchdog watchdog(log, milliseconds(30));
    CallWatch& watch = watchdog.add(PluginKind::Transport, "x", "1.2.3");
    {
        const CallWatch::Running running(watch, "send");
        EXPECT_THAT(log.line(0), HasSubstr("error: transport-x has not come back from send for "));
        const auto states = watchdog.states();
        ASSERT_EQ(states.size(), 1U);
        EXPECT_TRUE(states[0].hangs);
        EXPECT_THAT(states[0].problem, HasSubstr("transport-x has not come back from send for "));
        EXPECT_EQ(states[0].name + " " + states[0].version, "x 1.2.3");
    }
    EXPECT_EQ(log.line(1), "transport-x came back");
    EXPECT_FALSE(watchdog.states()[0].hangs);
    EXPECT_EQ(watchdog.states()[0].problem, "");
    EXPECT_EQ(log.size(), 2U);
}

struct Advised {
    const char* call;
    const char* advice;
};

class WatchdogAdvice : public testing::TestWithParam<Advised> {};

TEST_P(WatchdogAdvice, SaysWhatHelps) {
    CollectedLog log;
    Watchdog watchdog(log, milliseconds(30));
    const CallWatch::Running running(watchdog.add(PluginKind::Store, "x", "1"), GetParam().call);
    EXPECT_THAT(log.line(0), HasSubstr(GetParam().advice));
}

INSTANTIATE_TEST_SUITE_P(All, WatchdogAdvice,
                         testing::Values(Advised{"read", ". What it was to do waits; if that lasts, restart the service"},
                                         Advised{"open", ": then wait, because a restart begins from the start"},
                                         Advised{"start", ". The service does not run before that; SIGTERM ends it"},
                                         Advised{"close", ". The service does not end before that; SIGTERM"},
                                         Advised{"wipe", ". All that is stored is being removed"}),
                         [](const auto& row) { return std::string(row.param.call); });

TEST(Watchdog, WhoWaitsForAStoreThatHangsIsNotToBlame) {
    CollectedLog log;
    Watchdog watchdog(log, milliseconds(200));
    CallWatch& store = watchdog.add(PluginKind::Store, "x", "1");
    CallWatch& transport = watchdog.add(PluginKind::Transport, "y", "1");
    {
        const auto transaction = store.submitted();
        const CallWatch::Running handled(transport, "handle");
        EXPECT_THAT(log.line(0), HasSubstr("error: store-x has not come back from a transaction for "));
        const auto deadline = CallWatch::Clock::now() + std::chrono::seconds(10);
        while (!transport.late(milliseconds(250)) && CallWatch::Clock::now() < deadline) std::this_thread::yield();
        EXPECT_TRUE(watchdog.states()[0].hangs);
        EXPECT_FALSE(watchdog.states()[1].hangs) << watchdog.states()[1].problem;
        store.ended(transaction);
        EXPECT_THAT((std::vector{log.line(1), log.line(2)}),
                    testing::UnorderedElementsAre("store-x came back", HasSubstr("error: transport-y has not come back from handle for ")));
        EXPECT_TRUE(watchdog.states()[1].hangs) << "now it is the transport's own doing";
    }
    EXPECT_EQ(log.line(3), "transport-y came back");
}

TEST(Watchdog, WhatHungBeforeTheStoreDidIsStillReported) {
    CollectedLog log;
    Watchdog watchdog(log, milliseconds(30));
    CallWatch& store = watchdog.add(PluginKind::Store, "x", "1");
    const CallWatch::Running sending(watchdog.add(PluginKind::Transport, "y", "1"), "send");
    EXPECT_THAT(log.line(0), HasSubstr("error: transport-y has not come back from send for "));
    const CallWatch::Running reading(store, "read");
    EXPECT_THAT(log.line(1), HasSubstr("error: store-x has not come back from read for "));
    EXPECT_TRUE(watchdog.states()[1].hangs);
}

TEST(Watchdog, RemembersWhatWasThrown) {
    CollectedLog log;
    Watchdog watchdog(log, milliseconds(0));
    CallWatch& watch = watchdog.add(PluginKind::Store, "x", "1");
    for (int i = 0; i < 2; ++i) EXPECT_THROW(watched(watch, "read", [] { throw 1; }), Error);
    EXPECT_EQ(watchdog.states()[0].problem, "store-x failed in read: an object that is no exception (2 since the start)");
    EXPECT_FALSE(watchdog.states()[0].hangs);
    EXPECT_EQ(log.line(0), "error: store-x failed in read: an object that is no exception");
}

TEST(Watchdog, SwitchedOffItReportsNothing) {
    CollectedLog log;
    Watchdog watchdog(log, milliseconds(0));
    CallWatch& watch = watchdog.add(PluginKind::Store, "x", "1");
    static_cast<void>(watch.submitted());
    EXPECT_FALSE(watchdog.states()[0].hangs);
}

/// Throws what the contract does not allow, from every call.
class UnrulyTransport final : public Transport {
public:
    void configure(const Settings&, Log&) override { throw std::runtime_error("configure"); }
    TransportTraits traits() const noexcept override { return {.largest_payload = 9}; }
    void start(TransportHost&) override { throw 1; }
    void drain() override { throw 1; }
    void stop() noexcept override {}
    PeerAnswer send(const NodeKey&, const Message&) override { throw std::runtime_error("send"); }
    PeerAnswer fetch(const NodeKey&, const DataRequest&, DataSink& sink) override {
        std::vector<std::byte> octets(3);
        sink.begin(true, 3, {});
        sink.write(octets);
        return {};
    }
    PeerAnswer push(const NodeKey&, const DataRequest&, BlobReader& source, const std::string&) override {
        if (source.file_descriptor() >= 0) throw std::runtime_error("a descriptor");
        return {Verdict::Accepted, std::to_string(source.size()), {}};
    }
    void registration_changed(bool, const std::vector<std::string>&) override { throw 1; }
    std::int64_t largest_payload(const NodeKey&) const override { throw 1; }
    std::string communication() const override { throw 1; }
    void leadership_changed(bool) override { throw 1; }
    std::optional<LineHealth> line_health() const override { throw 1; }
};

class CountingSink final : public DataSink {
public:
    bool begin(bool, std::int64_t, const std::string&) override { return true; }
    bool write(std::span<const std::byte> octets) override {
        octets_ += octets.size();
        return true;
    }
    std::size_t octets_ = 0;
};

class FileReader final : public BlobReader {
public:
    std::int64_t size() const override { return 42; }
    std::size_t read(std::int64_t, std::span<std::byte>) override { return 0; }
    int file_descriptor() const override { return 1; }
};

TEST(WatchedTransport, TurnsEverythingThatIsThrownIntoErrors) {
    CollectedLog log;
    Watchdog watchdog(log, milliseconds(0));
    WatchedTransport transport(std::make_unique<UnrulyTransport>(), watchdog.add(PluginKind::Transport, "x", "1"));
    EXPECT_THROW(transport.send({}, {}), Error);
    transport.drain();
    transport.registration_changed(true, {});
    transport.leadership_changed(true);
    EXPECT_EQ(transport.largest_payload({}), 9) << "what its traits say";
    EXPECT_EQ(transport.communication(), "");
    EXPECT_FALSE(transport.line_health());
    EXPECT_THAT(watchdog.states()[0].problem, HasSubstr("(7 since the start)"));
    CountingSink sink;
    transport.fetch({}, {}, sink);
    EXPECT_EQ(sink.octets_, 3U);
    FileReader source;
    EXPECT_EQ(transport.push({}, {}, source, {}).reason, "42");
}

class UnrulyHandler final : public HttpHandler {
public:
    class Sink final : public HttpBodySink {
    public:
        bool start() override { throw 1; }
        bool write(std::span<const std::byte>) override { throw 1; }
        void finish() override { throw 1; }
        void abort() noexcept override {}
    };
    std::int64_t body_limit(const HttpRequest&) const override { throw 1; }
    std::unique_ptr<HttpBodySink> stream(const HttpRequest& request, const std::shared_ptr<HttpResponder>&) override {
        if (request.path == "/throws") throw std::runtime_error("stream");
        return request.path == "/none" ? nullptr : std::make_unique<Sink>();
    }
    void handle(HttpRequest, std::shared_ptr<HttpResponder>) override { throw 1; }
};

TEST(WatchedTransport, WatchesWhatTheTransportMounts) {
    CollectedLog log;
    Watchdog watchdog(log, milliseconds(0));
    WatchedTransport transport(std::make_unique<UnrulyTransport>(), watchdog.add(PluginKind::Transport, "x", "1"));
    UnrulyHandler inner;
    HttpHandler& handler = transport.watched_handler(inner);
    HttpRequest request;
    EXPECT_THROW(handler.handle({}, nullptr), Error);
    EXPECT_EQ(log.line(0), "error: transport-x failed in handle: an object that is no exception");
    EXPECT_THROW(handler.body_limit(request), Error);
    request.path = "/throws";
    EXPECT_THROW(handler.stream(request, nullptr), Error);
    request.path = "/none";
    EXPECT_EQ(handler.stream(request, nullptr), nullptr);
    request.path = "/some";
    const auto sink = handler.stream(request, nullptr);
    EXPECT_THROW(sink->start(), Error);
    EXPECT_THROW(sink->write({}), Error);
    EXPECT_THROW(sink->finish(), Error);
    sink->abort();
    EXPECT_THAT(watchdog.states()[0].problem, HasSubstr("(6 since the start)"));
}

class TransportThatTakesItsTime final : public Transport {
public:
    explicit TransportThatTakesItsTime(std::function<void()> in_destructor) : in_destructor_(std::move(in_destructor)) {}
    ~TransportThatTakesItsTime() override { in_destructor_(); }
    void configure(const Settings&, Log&) override {}
    TransportTraits traits() const noexcept override { return {}; }
    void start(TransportHost&) override {}
    void drain() override {}
    void stop() noexcept override {}
    PeerAnswer send(const NodeKey&, const Message&) override { return {}; }
    PeerAnswer fetch(const NodeKey&, const DataRequest&, DataSink&) override { return {}; }
    PeerAnswer push(const NodeKey&, const DataRequest&, BlobReader&, const std::string&) override { return {}; }

private:
    std::function<void()> in_destructor_;
};

TEST(WatchedTransport, ADestructorThatHangsIsNamed) {
    CollectedLog log;
    Watchdog watchdog(log, milliseconds(30));
    std::string line;
    {
        WatchedTransport transport(std::make_unique<TransportThatTakesItsTime>([&] { line = log.line(0); }),
                                   watchdog.add(PluginKind::Transport, "x", "1"));
    }
    EXPECT_THAT(line, HasSubstr("transport-x has not come back from its destructor for "));
}

class UnrulyReader final : public BlobReader {
public:
    std::int64_t size() const override { return 42; }
    std::size_t read(std::int64_t, std::span<std::byte>) override { throw std::runtime_error("no such page"); }
    int file_descriptor() const override { return 7; }
};

struct Retry final : std::exception {};

class EmptyMap final : public OrderedMap {
public:
    std::optional<std::string> get(const std::string&) override { return std::nullopt; }
    void put(const std::string&, const std::string&) override {}
    void erase(const std::string&) override {}
    Rows range(const std::string&, const std::string&, std::size_t) override { return {}; }
};

/// Throws from some of its functions, each something else.
class UnrulyTransaction final : public MapTransaction {
public:
    UnrulyTransaction() : MapTransaction(empty_, nullptr, 0) {}

    std::optional<ObjectRecord> object(const ObjectKey&) override { throw std::out_of_range("map::at"); }
    void erase_deliveries(const ObjectKey&) override { throw Retry(); }
    void put_object(const ObjectRecord&) override { throw std::length_error("too long"); }
    std::uint64_t count_work() override { throw 7; }
    std::uint64_t count_destinations() override { throw Error(ErrorKind::Io, "disk"); }
    std::unique_ptr<BlobReader> open_blob(const BlobId&) override { return std::make_unique<UnrulyReader>(); }

private:
    EmptyMap empty_;
};

/// Passes calls on to nothing, and throws where it is told to.
class UnrulyStore final : public Store {
public:
    void configure(const Settings&, Log&) override {}
    StoreTraits traits() const noexcept override { return {}; }
    void open() override { throw Error(ErrorKind::Corrupt, "/var/x is no store"); }
    void close() noexcept override {}
    void read(const std::function<void(ReadTransaction&)>& f) override {
        if (throws_in_read) throw std::runtime_error("read");
        f(txn);
    }
    void submit(std::function<void(WriteTransaction&)> f, std::function<void(std::exception_ptr)> done) override {
        if (is_busy) throw Error(ErrorKind::Busy, "full");
        if (runs_at_once) return done(run(f));
        waiting.push_back(std::move(done));
    }
    std::exception_ptr run(const std::function<void(WriteTransaction&)>& f) {
        try {
            f(txn);
        } catch (const Retry&) {
            // As a store does that wants the function to be run again, and then gives up.
            return std::make_exception_ptr(Error(ErrorKind::Conflict, "lost against others"));
        } catch (...) {
            if (fails_in_rollback) return std::make_exception_ptr(std::runtime_error("cannot take it back"));
            return std::current_exception();
        }
        return fails_in_commit ? std::make_exception_ptr(std::runtime_error("no quorum")) : nullptr;
    }
    TimePoint now() const override { throw std::runtime_error("now"); }
    BlobStore& blobs() override { throw 1; }
    StoreHealth health() const override { throw 1; }
    void wipe() override {}

    bool throws_in_read = false;
    bool is_busy = false;
    bool runs_at_once = false;
    bool fails_in_commit = false;
    bool fails_in_rollback = false;
    UnrulyTransaction txn;
    std::vector<std::function<void(std::exception_ptr)>> waiting;
};

class WatchedStoreTest : public testing::Test {
protected:
    explicit WatchedStoreTest(milliseconds limit = milliseconds(0)) : watchdog_(log_, limit) {}

    CollectedLog log_;
    Watchdog watchdog_;  ///< Says nothing of calls that take long, as any may on a busy machine.
    UnrulyStore* inner_ = new UnrulyStore;
    CallWatch& watch_ = watchdog_.add(PluginKind::Store, "x", "1");
    WatchedStore store_{std::unique_ptr<Store>(inner_), watch_};
};

TEST_F(WatchedStoreTest, WhatTheKernelsFunctionThrowsPassesThrough) {
    EXPECT_THROW(store_.read([](ReadTransaction&) { throw std::domain_error("of the kernel"); }), std::domain_error);
    EXPECT_EQ(log_.size(), 0U);
    inner_->throws_in_read = true;
    EXPECT_THROW(store_.read([](ReadTransaction&) {}), Error);
    EXPECT_EQ(log_.line(0), "error: store-x failed in read: read");
}

struct InTransaction {
    const char* name;
    void (*f)(WriteTransaction&);
    const char* text;
    bool is_counted;
};

class WatchedTransactions : public WatchedStoreTest, public testing::WithParamInterface<InTransaction> {
protected:
    static std::string text_of(const std::exception_ptr& failure) {
        try {
            std::rethrow_exception(failure);
        } catch (const std::exception& exception) {
            return exception.what();
        } catch (...) {
            return "no exception";
        }
    }
};

TEST_P(WatchedTransactions, TellWhatTheStoreThrowsFromWhatTheKernelThrows) {
    inner_->runs_at_once = true;
    std::exception_ptr failure;
    store_.submit(GetParam().f, [&](std::exception_ptr seen) { failure = std::move(seen); });
    ASSERT_TRUE(failure);
    EXPECT_EQ(text_of(failure), GetParam().text);
    EXPECT_EQ(watchdog_.states()[0].problem, GetParam().is_counted ? std::string(GetParam().text) + " (1 since the start)" : "");
}

INSTANTIATE_TEST_SUITE_P(
    All, WatchedTransactions,
    testing::Values(
        InTransaction{"OfTheStore", [](WriteTransaction& txn) { txn.object({}); }, "store-x failed in object: map::at", true},
        InTransaction{"OfTheStoreInAWrite", [](WriteTransaction& txn) { txn.put_object({}); }, "store-x failed in put_object: too long",
                      true},
        InTransaction{"NoException", [](WriteTransaction& txn) { txn.count_work(); },
                      "store-x failed in count_work: an object that is no exception", true},
        InTransaction{"AnError", [](WriteTransaction& txn) { txn.count_destinations(); }, "disk", false},
        InTransaction{"OfTheKernel", [](WriteTransaction&) { throw std::out_of_range("of the kernel"); }, "of the kernel", false},
        InTransaction{"OfTheKernelAfterOneOfTheStore",
                      [](WriteTransaction& txn) {
                          try {
                              txn.object({});
                          } catch (const std::exception&) {
                              throw std::out_of_range("of the kernel");
                          }
                      },
                      "of the kernel", false},
        InTransaction{"ThatTheStoreThrowsToItself", [](WriteTransaction& txn) { txn.erase_deliveries({}); }, "lost against others", false}),
    [](const auto& row) { return std::string(row.param.name); });

TEST_F(WatchedStoreTest, WhatACommitThrowsIsCounted) {
    inner_->runs_at_once = inner_->fails_in_commit = true;
    store_.submit([](WriteTransaction&) {}, [](std::exception_ptr failure) { EXPECT_THROW(std::rethrow_exception(failure), Error); });
    EXPECT_EQ(log_.line(0), "error: store-x failed in a transaction: no quorum");
}

TEST_F(WatchedStoreTest, WhatTheStoreThrowsAfterTheKernelDidIsCounted) {
    inner_->runs_at_once = inner_->fails_in_rollback = true;
    store_.submit([](WriteTransaction&) { throw std::out_of_range("of the kernel"); },
                  [](std::exception_ptr failure) { EXPECT_THROW(std::rethrow_exception(failure), Error); });
    EXPECT_EQ(log_.line(0), "error: store-x failed in a transaction: cannot take it back");
}

TEST_F(WatchedStoreTest, WhatTheStoreThrowsInAReadIsCounted) {
    EXPECT_THROW(store_.read([](ReadTransaction& txn) { txn.object({}); }), Error);
    EXPECT_EQ(log_.line(0), "error: store-x failed in object: map::at");
    EXPECT_THROW(store_.read([](ReadTransaction& txn) { txn.count_work(); }), Error);
    EXPECT_EQ(log_.line(1), "error: store-x failed in count_work: an object that is no exception");
}

TEST_F(WatchedStoreTest, ReadersOfBlobsAreWatched) {
    std::unique_ptr<BlobReader> reader;
    store_.read([&](ReadTransaction& txn) { reader = txn.open_blob({}); });
    EXPECT_EQ(reader->size(), 42);
    EXPECT_EQ(reader->file_descriptor(), 7);
    std::byte octet{};
    EXPECT_THROW(reader->read(0, {&octet, 1}), Error);
    EXPECT_EQ(log_.line(0), "error: store-x failed in reading a blob: no such page");
}

TEST_F(WatchedStoreTest, ATimeThatCannotBeToldIsAnError) {
    EXPECT_THROW(store_.now(), Error);
    EXPECT_EQ(log_.line(0), "error: store-x failed in now: now");
}

class ImpatientlyWatchedStoreTest : public WatchedStoreTest {
protected:
    ImpatientlyWatchedStoreTest() : WatchedStoreTest(milliseconds(50)) {}
};

TEST_F(ImpatientlyWatchedStoreTest, ATransactionThatDoesNotEndIsReported) {
    bool is_done = false;
    store_.submit([](WriteTransaction&) {}, [&](std::exception_ptr failure) { is_done = !failure; });
    EXPECT_THAT(log_.line(0), HasSubstr("store-x has not come back from a transaction for "));
    inner_->waiting.at(0)(nullptr);
    EXPECT_TRUE(is_done);
    EXPECT_EQ(log_.line(1), "store-x came back");
}

TEST_F(ImpatientlyWatchedStoreTest, ARefusedTransactionIsNotWaitedFor) {
    inner_->is_busy = true;
    EXPECT_THROW(store_.submit([](WriteTransaction&) {}, [](std::exception_ptr) {}), Error);
    EXPECT_FALSE(watch_.late(milliseconds(0)));
}

TEST_F(WatchedStoreTest, StrangeObjectsReachNobodyWhoCatchesExceptions) {
    std::string text;
    store_.submit([](WriteTransaction&) {},
                  [&](std::exception_ptr failure) {
                      try {
                          std::rethrow_exception(failure);
                      } catch (const std::exception& exception) {
                          text = exception.what();
                      }
                  });
    inner_->waiting.at(0)(std::make_exception_ptr(7));
    EXPECT_EQ(text, "store-x failed in a transaction: an object that is no exception");
}

TEST_F(WatchedStoreTest, AStoreThatCannotSayHowItIsIsNotWell) {
    EXPECT_FALSE(store_.health().is_connected);
    EXPECT_EQ(store_.health().problem, "it cannot say how it is");
    EXPECT_THROW(store_.blobs().new_id(), Error);
}

TEST_F(WatchedStoreTest, AFailedOpenNamesThePlugin) {
    try {
        store_.open();
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(std::string(error.what()), "store-x: /var/x is no store");
    }
}

}  // namespace
}  // namespace edgesync::plugins
