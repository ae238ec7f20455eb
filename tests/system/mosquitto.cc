#include "tests/system/mosquitto.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <stdexcept>

namespace edgesync::system_test {
namespace {

constexpr char kProgram[] = "/usr/sbin/mosquitto";

void write(const std::string& file, const std::string& text) {
    std::ofstream out(file);
    out << text;
}

}  // namespace

bool Mosquitto::is_installed() { return ::access(kProgram, X_OK) == 0; }

Mosquitto::Mosquitto(MosquittoOptions options) : options_(std::move(options)) {
    if (options_.has_tls) write_certificates();
    write_configuration();
}

Mosquitto::~Mosquitto() { kill_hard(); }

void Mosquitto::write_certificates() {
    certificates_.authority = make_authority("test authority");
    certificates_.other_authority = make_authority("other authority");
    certificates_.server = issue_certificate(certificates_.authority, "broker", options_.server_names);
    certificates_.client = issue_certificate(certificates_.authority, "client", "");
    write(file("authority.pem"), certificates_.authority.certificate);
    write(file("other_authority.pem"), certificates_.other_authority.certificate);
    write(file("server.pem"), certificates_.server.certificate);
    write(file("server-key.pem"), certificates_.server.key);
    write(file("client.pem"), certificates_.client.certificate);
    write(file("client-key.pem"), certificates_.client.key);
}

void Mosquitto::write_configuration() {
    std::string text = "persistence false\nlog_dest stdout\nlog_type all\n";
    if (::geteuid() == 0) text += "user root\n";  // Otherwise it becomes a user who cannot read the folder.
    text += "listener " + std::to_string(port_) + " " + options_.address + "\n";
    if (options_.has_tls) {
        text += "certfile " + file("server.pem") + "\nkeyfile " + file("server-key.pem") + "\ncafile " + file("authority.pem") + "\n";
        text += std::string("require_certificate ") + (options_.requires_client_certificate ? "true" : "false") + "\n";
    }
    text += std::string("allow_anonymous ") + (options_.users.empty() ? "true" : "false") + "\n";
    if (!options_.users.empty()) {
        text += "password_file " + file("passwords") + "\n";
        write(file("passwords"), "");
        for (const auto& [user, password] : options_.users) set_password(user, password);
    }
    for (const auto& line : options_.lines) text += line + "\n";
    write(file("mosquitto.conf"), text);
}

std::string Mosquitto::uri() const {
    return (options_.has_tls ? "ssl://localhost:" : "tcp://" + options_.address + ":") + std::to_string(port_);
}

std::string Mosquitto::log() const {
    std::ifstream in(file("log"));
    return {std::istreambuf_iterator<char>(in), {}};
}

void Mosquitto::start() {
    pid_ = start_process({kProgram, "-c", file("mosquitto.conf")}, file("log"));
    if (!eventually([this] { return takes_connections(); })) throw std::runtime_error("mosquitto does not start: " + log());
}

bool Mosquitto::takes_connections() const {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    ::inet_pton(AF_INET, options_.address.c_str(), &address.sin_addr);
    address.sin_port = htons(static_cast<std::uint16_t>(port_));
    const bool is_open = ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
    ::close(socket);
    return is_open;
}

void Mosquitto::set_password(const std::string& user, const std::string& password) const {
    const std::string command = "mosquitto_passwd -b " + file("passwords") + " '" + user + "' '" + password + "'";
    if (std::system(command.c_str()) != 0) throw std::runtime_error("mosquitto_passwd fails");
}

void Mosquitto::stop() { end(SIGTERM); }

void Mosquitto::kill_hard() { end(SIGKILL); }

void Mosquitto::end(int signal) {
    if (pid_ <= 0) return;
    ::kill(pid_, signal);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
}

}  // namespace edgesync::system_test
