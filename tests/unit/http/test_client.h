// A client that speaks octets, and a server with one handler made of functions.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "edgesync/sdk/store.h"
#include "kernel/http/listener.h"

namespace edgesync::http::test {

using namespace std::chrono_literals;

struct Answer {
    int status = 0;
    std::string head;
    std::string body;
    bool has(const std::string& line) const { return head.find("\r\n" + line + "\r\n") != std::string::npos; }
};

/// Waits at most 30 s for anything.
class Client {
public:
    explicit Client(std::uint16_t port);
    explicit Client(const std::string& unix_path);
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    void send(const std::string& octets);
    /// One answer; `has_body` false for the answer to a HEAD. Status 0: the connection ended before.
    Answer receive(bool has_body = true);
    Answer ask(const std::string& octets) {
        send(octets);
        return receive();
    }
    /// Whether the server closes, or resets, without another octet.
    bool is_closed();
    /// Whether there is something to receive by now, which the end is, too.
    bool has_news() const;
    void close();
    void end_output();
    int fd() const { return fd_; }

private:
    bool more();
    bool take_chunks(std::string& body);

    int fd_ = -1;
    std::string input_;
};

std::string get(const std::string& path, const std::string& headers = {});
std::string put(const std::string& path, const std::string& body, const std::string& headers = {});

ListenerOptions loopback();
HttpResponse status_response(int status);
HttpResponse body_response(std::string body);

/// A condition to wait for, at most 30 s.
class Gate {
public:
    void open();
    bool wait();

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool is_open_ = false;
};

class FunctionHandler : public HttpHandler {
public:
    std::int64_t body_limit(const HttpRequest&) const override { return limit; }
    std::unique_ptr<HttpBodySink> stream(const HttpRequest& request, const std::shared_ptr<HttpResponder>& responder) override {
        return on_stream ? on_stream(request, responder) : nullptr;
    }
    void handle(HttpRequest request, std::shared_ptr<HttpResponder> responder) override {
        on_handle(std::move(request), std::move(responder));
    }

    std::int64_t limit = 1024 * 1024;
    std::function<std::unique_ptr<HttpBodySink>(const HttpRequest&, const std::shared_ptr<HttpResponder>&)> on_stream;
    std::function<void(HttpRequest, std::shared_ptr<HttpResponder>)> on_handle = [](HttpRequest request,
                                                                                    std::shared_ptr<HttpResponder> responder) {
        HttpResponse response;
        response.body = request.method + " " + request.path + " " + request.query + " " + request.body;
        responder->send(std::move(response));
    };
};

/// A blob in memory, or with a descriptor of a private file.
class TestBlob : public BlobReader {
public:
    explicit TestBlob(std::string octets, bool has_file = false);
    ~TestBlob() override;
    std::int64_t size() const override { return static_cast<std::int64_t>(octets_.size()); }
    std::size_t read(std::int64_t offset, std::span<std::byte> out) override;
    int file_descriptor() const override { return fd_; }

private:
    std::string octets_;
    int fd_ = -1;
};

/// Octets that differ by position, so that a piece in the wrong place shows.
std::string pattern(std::size_t size);

struct Server {
    explicit Server(ListenerOptions options = {});
    ~Server();

    FunctionHandler handler;
    Router router;
    std::mutex log_mutex;
    std::vector<std::string> log;
    IoContext io{2};
    ops::WorkerPool workers;
    Listener listener;

    std::uint16_t port() const { return listener.port(); }

private:
    ListenerOptions prepared(ListenerOptions options);
};

/// True once `condition` holds; asks again for at most 30 s.
bool eventually(const std::function<bool()>& condition);

}  // namespace edgesync::http::test
