// The transport as a CSS runs it, behind the real listener, asked by octets.
#pragma once

#include <gtest/gtest.h>

#include "http_transport.h"
#include "kernel/http/listener.h"
#include "tests/unit/http/test_client.h"
#include "tests/unit/transport_http/recording_host.h"

namespace edgesync::transport_http::test {

struct CssNode {
    explicit CssNode(http::ListenerOptions options = http::test::loopback()) : listener(std::move(options), router, io, workers) {
        host.router = &router;
        transport.configure(settings, host.log());
        transport.start(host);
        io.start();
        listener.start();
    }
    ~CssNode() {
        host.answer_parked({});
        listener.stop();
        workers.stop();
        io.stop();
        transport.drain();
        transport.stop();
    }

    FixedSettings settings{NodeRole::Css};
    RecordingHost host{NodeRole::Css, settings};
    HttpTransport transport;
    http::Router router;
    http::IoContext io{2};
    ops::WorkerPool workers;
    http::Listener listener;
};

/// The headers of node acme/edge/n1 with the authenticator `dummy`.
inline const std::string kNode = "Authorization: Basic YWNtZS9lZGdlL24xOg==\r\nX-Sync-Service-Dest: acme/edge/n1\r\n";

class CssTest : public ::testing::Test {
protected:
    http::test::Answer ask(const std::string& request) {
        http::test::Client client(css.listener.port());
        return client.ask(request);
    }
    http::test::Answer get(const std::string& path, const std::string& headers = "") {
        return ask("GET " + path + " HTTP/1.1\r\nHost: h\r\n" + kNode + headers + "\r\n");
    }
    http::test::Answer put(const std::string& path, const std::string& body = "", const std::string& headers = "") {
        return ask("PUT " + path + " HTTP/1.1\r\nHost: h\r\n" + kNode + headers + "Content-Length: " + std::to_string(body.size()) +
                   "\r\n\r\n" + body);
    }
    /// What so many equal calls are answered within a second; if they take longer, they are tried again about another object.
    std::vector<int> statuses_within_a_second(int count, const std::string& action, const std::string& body = "") {
        std::vector<int> statuses;
        for (int attempt = 0; attempt < 50; ++attempt) {
            const std::string path = "/spi/v1/objects/acme/model/a" + std::to_string(attempt) + "/17/16/" + action;
            statuses.clear();
            const auto began = std::chrono::steady_clock::now();
            for (int i = 0; i < count; ++i) statuses.push_back(put(path, body).status);
            if (std::chrono::steady_clock::now() - began < std::chrono::seconds(1)) return statuses;
        }
        ADD_FAILURE() << "this machine does not make " << count << " calls in a second";
        return statuses;
    }
    CssNode css;
    RecordingHost& host = css.host;
};

}  // namespace edgesync::transport_http::test
