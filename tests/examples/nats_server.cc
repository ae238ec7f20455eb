#include "tests/examples/nats_server.h"

#include <Poco/Exception.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/StreamSocket.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <stdexcept>

namespace edgesync::system_test {
namespace {

constexpr char kProgram[] = "/usr/sbin/nats-server";

Poco::Net::SocketAddress address_of(int port) { return {"127.0.0.1", static_cast<Poco::UInt16>(port)}; }

void send(Poco::Net::StreamSocket& socket, const std::string& text) {
    for (std::size_t sent = 0; sent < text.size();) {
        const int count = socket.sendBytes(text.data() + sent, static_cast<int>(text.size() - sent));
        if (count <= 0) throw std::runtime_error("the NATS server takes no more");
        sent += static_cast<std::size_t>(count);
    }
}

}  // namespace

bool NatsServer::is_installed() { return ::access(kProgram, X_OK) == 0; }

NatsServer::NatsServer(const std::string& lines) {
    std::string text = "listen: \"127.0.0.1:" + std::to_string(port_) + "\"\n" + lines + "\n";
    for (auto at = text.find("{folder}"); at != std::string::npos; at = text.find("{folder}")) text.replace(at, 8, folder_.path().string());
    write("nats.conf", text);
}

NatsServer::~NatsServer() { kill_hard(); }

void NatsServer::write(const std::string& name, const std::string& text) const { std::ofstream(file(name)) << text; }

void NatsServer::start() {
    const std::string configuration = file("nats.conf");
    const std::string log = file("log");
    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ == 0) {
        // Only calls that are allowed between fork and exec in a process with threads.
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent) ::_exit(1);
        const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
        ::dup2(out, 1);
        ::dup2(out, 2);
        ::close_range(3, ~0U, 0);
        ::execl(kProgram, kProgram, "-c", configuration.c_str(), nullptr);
        ::_exit(127);
    }
    const auto takes_connections = [this] {
        try {
            Poco::Net::StreamSocket(address_of(port_)).close();
            return true;
        } catch (const Poco::Exception&) {
            return false;
        }
    };
    if (!eventually(takes_connections)) throw std::runtime_error("nats-server does not start");
}

void NatsServer::kill_hard() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
}

void publish_on_nats(int port, const std::string& subject, const std::string& payload) {
    Poco::Net::StreamSocket socket(address_of(port));
    socket.setReceiveTimeout(Poco::Timespan(kPatience.count(), 0));
    send(socket,
         "CONNECT {\"verbose\":false}\r\nPUB " + subject + " " + std::to_string(payload.size()) + "\r\n" + payload + "\r\nPING\r\n");
    // It answers in the order in which it took what was sent.
    std::string answer;
    char octets[4096];
    while (answer.find("PONG") == std::string::npos) {
        const int count = socket.receiveBytes(octets, sizeof octets);
        if (count <= 0) throw std::runtime_error("the NATS server did not take a message: " + answer);
        answer.append(octets, static_cast<std::size_t>(count));
    }
}

}  // namespace edgesync::system_test
