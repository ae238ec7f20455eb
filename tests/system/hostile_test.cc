// A node among clients that mean harm: the honest ones are served, and nothing is left of the others.
#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/StreamCopier.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iostream>
#include <thread>

#include "tests/system/cluster.h"
#include "tests/system/crowd.h"

namespace edgesync::system_test {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

std::size_t descriptors_of(const Node& node) {
    const auto folder = std::filesystem::directory_iterator("/proc/" + std::to_string(node.pid()) + "/fd");
    return static_cast<std::size_t>(std::distance(begin(folder), end(folder)));
}

/// KiB of a line of /proc/PID/status.
long memory_of(const Node& node, const std::string& what) {
    std::ifstream in("/proc/" + std::to_string(node.pid()) + "/status");
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with(what + ":")) return std::stol(line.substr(what.size() + 1));
    }
    return 0;
}

/// A kept-alive connection of somebody who only wants to be served.
class Honest {
public:
    explicit Honest(int port) : session_("127.0.0.1", static_cast<Poco::UInt16>(port)) {
        session_.setKeepAlive(true);
        session_.setKeepAliveTimeout(Poco::Timespan(kPatience.count(), 0));  // Otherwise it connects again after 8 s without a request.
        session_.setTimeout(Poco::Timespan(60, 0));
    }
    int ask(const std::string& method, const std::string& path, const std::string& body = "") {
        try {
            Poco::Net::HTTPRequest request(method, "/api/v1/" + path, Poco::Net::HTTPMessage::HTTP_1_1);
            request.set("Authorization", credentials_of("admin@acme"));
            request.setContentLength64(static_cast<Poco::Int64>(body.size()));
            session_.sendRequest(request) << body << std::flush;
            Poco::Net::HTTPResponse response;
            std::string ignored;
            Poco::StreamCopier::copyToString(session_.receiveResponse(response), ignored);
            return static_cast<int>(response.getStatus());
        } catch (const Poco::Exception&) {
            return 0;
        }
    }

    struct Service {
        std::size_t answered = 0;
        std::size_t failed = 0;
        Clock::duration slowest{};
    };
    /// Publishes and reads for a while, and longer until it has done so that often.
    Service work(Clock::duration time, std::size_t rounds = 1) {
        Service service;
        const std::string body = R"({"meta":{"objectID":"h","objectType":"honest","destinationType":"nobody"},"data":"aGVsbG8="})";
        const auto end = Clock::now() + time;
        for (auto now = Clock::now(); now < end || service.answered + service.failed < rounds;) {
            const bool is_good = ask("PUT", "objects/acme/honest/h", body) == 204 && ask("GET", "objects/acme/honest/h/data") == 200;
            const auto then = Clock::now();
            service.slowest = std::max(service.slowest, then - now);
            now = then;
            is_good ? ++service.answered : ++service.failed;
        }
        return service;
    }

private:
    Poco::Net::HTTPClientSession session_;
};

double milliseconds(Clock::duration time) { return std::chrono::duration<double, std::milli>(time).count(); }

class Hostile : public ::testing::Test {
protected:
    void start(std::vector<std::string> lines = {}) {
        if (!allow_descriptors(4000)) GTEST_SKIP() << "this process may not open enough connections";
        css_ = make_css(folder_.path(), std::move(lines));
        css_->start();
    }
    /// So many connections that say nothing.
    std::vector<int> silent(std::size_t count) const {
        std::vector<int> fds;
        while (fds.size() < count) fds.push_back(connect_to(css_->port()));
        return fds;
    }
    static void close_all(std::vector<int>& fds) {
        for (const int fd : fds) ::close(fd);
        fds.clear();
    }
    /// The answer to one request by octets; empty: none.
    static std::string ask(int fd, const std::string& request) {
        ::send(fd, request.data(), request.size(), MSG_NOSIGNAL);
        std::string answer(4096, '\0');
        const ssize_t count = ::recv(fd, answer.data(), answer.size(), 0);
        answer.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
        return answer;
    }

    TemporaryFolder folder_;
    std::unique_ptr<Node> css_;
};

/// A sanitizer keeps several times the memory that it watches.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr long kOwnMemory = 10;
#else
constexpr long kOwnMemory = 1;
#endif
constexpr char kHealth[] = "GET /api/v1/health HTTP/1.1\r\nHost: a\r\nAuthorization: Basic YWRtaW5AYWNtZTp4\r\n\r\n";

TEST_F(Hostile, AThousandBadClientsDoNotKeepAnHonestOneFromItsAnswers) {
    start();
    if (!css_) return;
    ASSERT_EQ(publish(*css_, "large", "l", R"({"destinationType":"nobody"})", random_octets(16 * 1024 * 1024, 1)), 204);
    Honest honest(css_->port());
    const auto alone = honest.work(2s);
    EXPECT_EQ(alone.failed, 0U);
    const std::size_t descriptors = descriptors_of(*css_);
    const long memory = memory_of(*css_, "RssAnon");
    {
        Crowd crowd(css_->port(), 1000, "/api/v1/objects/acme/large/l/data");
        ASSERT_TRUE(eventually([&] { return crowd.is_complete(); }));
        EXPECT_TRUE(eventually([&] { return descriptors_of(*css_) > descriptors + 600; })) << "those that send garbage come and go";
        const auto beside = honest.work(5s, 21);
        EXPECT_TRUE(eventually([&] { return crowd.turned_out() > 100; })) << "garbage is turned out";
        const long grown = memory_of(*css_, "RssAnon") - memory;
        // The ratio depends on who else uses the machine; that everybody is served at once does not.
        std::cout << "alone " << alone.answered / 2 << " rounds/s, slowest " << milliseconds(alone.slowest)
                  << " ms; beside 1,000 bad clients " << beside.answered / 5 << " rounds/s, slowest " << milliseconds(beside.slowest)
                  << " ms; " << grown << " KiB more memory, " << crowd.turned_out() << " turned out\n";
        EXPECT_EQ(beside.failed, 0U);
        EXPECT_LT(beside.slowest, 20s);
        EXPECT_LT(grown, kOwnMemory * 64 * 1024) << "KiB";
    }
    EXPECT_TRUE(eventually([&] { return descriptors_of(*css_) <= descriptors; })) << descriptors_of(*css_) << " instead of " << descriptors;
    EXPECT_EQ(honest.ask("GET", "health"), 200);
}

TEST_F(Hostile, AHeaderThatDoesNotComeIsNotWaitedFor) {
    start({"HTTPServerReadHeaderTimeout 1"});
    if (!css_) return;
    const std::size_t descriptors = descriptors_of(*css_);
    auto fds = silent(200);
    for (std::size_t i = 0; i < fds.size(); i += 2) ::send(fds[i], "GET /api/v1/hea", 15, MSG_NOSIGNAL);
    const auto begin = std::chrono::steady_clock::now();
    for (const int fd : fds) {
        char octet;
        const ssize_t count = ::recv(fd, &octet, 1, 0);
        // What it had sent was perhaps not read before.
        EXPECT_TRUE(count == 0 || (count < 0 && errno == ECONNRESET)) << count << ": closed without a word";
    }
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 40s) << "the default is a minute";
    EXPECT_TRUE(eventually([&] { return descriptors_of(*css_) <= descriptors; }));
    close_all(fds);
}

TEST_F(Hostile, AFullNodeSaysSoServesWhomItHasAndTakesOthersLater) {
    start({"MaxConnections 60"});
    if (!css_) return;
    Honest honest(css_->port());
    EXPECT_EQ(honest.ask("GET", "health"), 200);
    auto fds = silent(59);
    ASSERT_TRUE(eventually([&] {
        const int fd = connect_to(css_->port());
        const std::string answer = ask(fd, kHealth);
        // If it is served it takes a place: of the others one was refused, while who had asked before was still counted.
        fds.push_back(fd);
        return answer.starts_with("HTTP/1.1 503 ") && answer.find("\r\nRetry-After: 1\r\n") != std::string::npos;
    }));
    for (int i = 0; i < 20; ++i) EXPECT_EQ(honest.ask("GET", "health"), 200) << "who is connected is served";
    close_all(fds);
    EXPECT_TRUE(eventually([&] { return Honest(css_->port()).ask("GET", "health") == 200; }));
}

TEST_F(Hostile, TheServiceAsksForTheDescriptorsThatTheSystemAllows) {
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    if (before.rlim_max < 1000) GTEST_SKIP() << "the system allows too few";
    css_ = make_css(folder_.path(), {"HTTPServerReadHeaderTimeout 600"});
    const rlimit few{100, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
    css_->launch();
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    ASSERT_TRUE(eventually([&] { return css_->is_healthy(); }));
    ASSERT_TRUE(allow_descriptors(1000));
    auto fds = silent(300);
    for (const int fd : fds) EXPECT_TRUE(ask(fd, kHealth).starts_with("HTTP/1.1 200 "));
    close_all(fds);
}

TEST_F(Hostile, MoreConnectionsThanDescriptorsAreWarnedOfAtTheStart) {
    rlimit limit{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_max >= 1'000'100) GTEST_SKIP() << "the system allows more than the largest MaxConnections needs";
    start({"MaxConnections 1000000"});
    if (!css_) return;
    EXPECT_NE(css_->output().find("MaxConnections 1000000 needs more file descriptors than the limit of"), std::string::npos)
        << css_->output();
}

TEST_F(Hostile, OutOfDescriptorsTheServiceServesWhomItHasAndTakesOthersLater) {
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP() << "the sanitizer makes pipes to look at memory, and takes one that it cannot make for a bad pointer";
#endif
    start();
    if (!css_) return;
    Honest honest(css_->port());
    EXPECT_EQ(honest.ask("GET", "health"), 200);
    const rlimit few{descriptors_of(*css_) + 50, descriptors_of(*css_) + 50};
    ASSERT_EQ(::prlimit(css_->pid(), RLIMIT_NOFILE, &few, nullptr), 0);
    auto fds = silent(200);
    const auto service = honest.work(1s, 6);
    EXPECT_EQ(service.failed, 0U);
    close_all(fds);
    EXPECT_TRUE(eventually([&] { return Honest(css_->port()).ask("GET", "health") == 200; })) << css_->output();
}

TEST_F(Hostile, AConnectionThatWaitsCostsFewKibibytes) {
    start({"HTTPServerReadHeaderTimeout 600"});
    if (!css_) return;
    Honest(css_->port()).work(500ms);
    constexpr int kCount = 1000;
    const long before = memory_of(*css_, "RssAnon");
    auto fds = silent(kCount);
    for (const int fd : fds) EXPECT_TRUE(ask(fd, kHealth).starts_with("HTTP/1.1 200 "));
    const long idle = memory_of(*css_, "RssAnon") - before;
    std::cout << "an idle connection: " << static_cast<double>(idle) / kCount << " KiB\n";
    EXPECT_LT(idle, kOwnMemory * 10 * kCount);
    close_all(fds);
}

TEST_F(Hostile, APollTooManyIsAnsweredAtOnceAndAParkedOneCostsFewKibibytes) {
    constexpr int kParked = 300;
    constexpr int kMore = 20;
    start({"HTTPMaxParked " + std::to_string(kParked), "HTTPMaxWait 300", "HTTPServerReadHeaderTimeout 600"});
    if (!css_) return;
    const auto name = [](int i) { return "acme/camera/c" + std::to_string(i); };
    for (int i = 0; i < kParked + kMore; ++i) {
        const auto path = "/spi/v1/register-new/" + name(i) + "?persistent-storage=true";
        ASSERT_EQ(call(css_->port(), "PUT", path, "", {{"X-Sync-Service-Dest", name(i)}}, name(i)).status, 204);
    }
    const auto poll = [&](int i) {
        return "GET /spi/v1/objects/ HTTP/1.1\r\nHost: a\r\nPrefer: wait=300\r\nX-Sync-Service-Dest: " + name(i) +
               "\r\nAuthorization: " + credentials_of(name(i)) + "\r\n\r\n";
    };
    const long before = memory_of(*css_, "RssAnon");
    auto fds = silent(kParked + kMore);
    for (int i = 0; i < kParked + kMore; ++i) ::send(fds[static_cast<std::size_t>(i)], poll(i).data(), poll(i).size(), MSG_NOSIGNAL);
    const auto answered = [&] {
        std::vector<int> found;
        for (const int fd : fds) {
            char octet;
            if (::recv(fd, &octet, 1, MSG_PEEK | MSG_DONTWAIT) == 1) found.push_back(fd);
        }
        return found;
    };
    ASSERT_TRUE(eventually([&] { return answered().size() >= kMore; }));
    // Those beyond the limit are told to come back; the others wait for what is published.
    const auto told = answered();
    EXPECT_EQ(told.size(), static_cast<std::size_t>(kMore));
    const long parked = memory_of(*css_, "RssAnon") - before;
    std::cout << "a parked poll: " << static_cast<double>(parked) / kParked << " KiB\n";
    EXPECT_LT(parked, kOwnMemory * 10 * (kParked + kMore));
    ASSERT_EQ(publish(*css_, "news", "n", R"({"destinationType":"camera"})", "hello"), 204);
    std::string answer(16, '\0');
    for (const int fd : fds) {
        const bool was_told = std::find(told.begin(), told.end(), fd) != told.end();
        EXPECT_EQ(::recv(fd, answer.data(), answer.size(), MSG_WAITALL), 16);
        EXPECT_TRUE(answer.starts_with(was_told ? "HTTP/1.1 204 " : "HTTP/1.1 200 ")) << answer;
    }
    close_all(fds);
}

}  // namespace
}  // namespace edgesync::system_test
