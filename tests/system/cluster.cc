#include "tests/system/cluster.h"

#include <Poco/Base64Encoder.h>
#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/StreamCopier.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <sstream>

#include "tests/system/clock_file.h"
#include "tests/system/proxy.h"

namespace edgesync::system_test {
namespace {

using Json = nlohmann::json;

std::string base64(const std::string& text) {
    std::ostringstream out;
    Poco::Base64Encoder encoder(out);
    encoder.rdbuf()->setLineLength(0);
    encoder << text;
    encoder.close();
    return out.str();
}

/// Metadata and data in one body.
std::string object_body(const std::string& type, const std::string& id, const std::string& addressing, const std::string& data) {
    Json meta = Json::parse(addressing);
    meta["objectID"] = id;
    meta["objectType"] = type;
    return Json{{"meta", meta}, {"data", base64(data)}}.dump();
}

}  // namespace

Answer call(int port, const std::string& method, const std::string& path, const std::string& body,
            const std::map<std::string, std::string>& headers, const std::string& user, const std::string& host) {
    Answer answer;
    try {
        Poco::Net::HTTPClientSession session(host, static_cast<Poco::UInt16>(port));
        session.setTimeout(Poco::Timespan(kPatience.count(), 0));
        Poco::Net::HTTPRequest request(method, path, Poco::Net::HTTPMessage::HTTP_1_1);
        if (!user.empty()) request.set("Authorization", credentials_of(user));
        for (const auto& [name, value] : headers) request.set(name, value);
        request.setContentLength64(static_cast<Poco::Int64>(body.size()));
        session.sendRequest(request) << body << std::flush;
        Poco::Net::HTTPResponse response;
        std::istream& in = session.receiveResponse(response);
        Poco::StreamCopier::copyToString64(in, answer.body);
        for (const auto& [name, value] : response) answer.headers[name] = value;
        const auto length = response.getContentLength64();
        const bool is_cut = method != "HEAD" && length >= 0 && static_cast<std::size_t>(length) != answer.body.size();
        answer.status = is_cut ? 0 : static_cast<int>(response.getStatus());
    } catch (const Poco::Exception&) {
        answer.status = 0;
    }
    return answer;
}

std::string credentials_of(const std::string& user) { return "Basic " + base64(user + ":x"); }

Node::Node(std::filesystem::path folder, std::string name, std::vector<std::string> lines)
    : root_(folder / name), config_(folder / (name + ".conf")), output_(folder / (name + ".out")), clock_(folder / (name + ".clock")) {
    std::ofstream out(config_);
    std::set<std::string> given;
    for (const auto& line : lines) given.insert(line.substr(0, line.find(' ')));
    const std::vector<std::pair<std::string, std::string>> defaults = {
        {"ListeningType", "unsecure"},
        {"ListeningAddress", "127.0.0.1"},
        {"UnsecureListeningPort", std::to_string(port_)},
        {"CommunicationProtocol", "http"},
        {"PersistenceRootPath", root_.string()},
        {"LogRootPath", (folder / (name + "-log")).string()},
        {"TraceRootPath", (folder / (name + "-trace")).string()},
        {"LogTraceDestination", "stdout"},
        {"StorageProvider", "lmdb"},
    };
    for (const auto& [key, value] : defaults) {
        if (!given.contains(key)) out << key << " " << value << "\n";
    }
    for (const auto& line : lines) out << line << "\n";
    says_that_it_runs_ = !given.contains("LogTraceDestination");
}

Node::~Node() { kill_hard(); }

void Node::launch() {
    std::vector<std::string> command = {EDGESYNC_SERVICE, "-c", config_.string()};
    command.insert(command.end(), arguments_.begin(), arguments_.end());
    std::vector<std::string> variables = variables_;
    if (std::filesystem::exists(clock_)) {
        variables.push_back("EDGESYNC_TEST_CLOCK_FILE=" + clock_.string());
        variables.emplace_back("LD_PRELOAD=" EDGESYNC_TEST_CLOCK);
    }
    pid_ = start_process(std::move(command), output_, std::move(variables));
}

/// It answers before its start has come to its end; what a test did to it then would meet the rest of the start.
bool Node::has_started(std::size_t said_before) const {
    if (!is_healthy()) return false;
    return !says_that_it_runs_ || output().find(" is running\n", said_before) != std::string::npos;
}

void Node::start() {
    const std::size_t said_before = output().size();
    launch();
    if (!eventually([&] { return has_started(said_before); })) throw std::runtime_error("The node does not start: " + output());
}

bool Node::is_healthy() const { return request("GET", "health").status == 200; }

void Node::shift_clock(std::chrono::seconds ahead) const { write_clock(clock_, ahead); }

void Node::kill_hard() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
}

int Node::wait_for_end(std::chrono::milliseconds limit) {
    int code = 0;
    const bool has_ended = eventually([&] { return ::waitpid(pid_, &code, WNOHANG) == pid_; }, limit);
    if (!has_ended) return -1;
    pid_ = -1;
    return WIFEXITED(code) ? WEXITSTATUS(code) : 128 + WTERMSIG(code);
}

void Node::reload() const { ::kill(pid_, SIGHUP); }

int Node::terminate() {
    constexpr std::chrono::seconds kNoQuiesceTime{45};  // Whoever waits for that to be over waits a minute.
    ::kill(pid_, SIGTERM);
    return wait_for_end(kNoQuiesceTime);
}

std::string Node::output() const {
    std::ifstream in(output_);
    return {std::istreambuf_iterator<char>(in), {}};
}

/// What `lines` say about a key stays.
void add_unless_given(std::vector<std::string>& lines, const std::vector<std::string>& more) {
    const auto given = lines;
    for (const std::string& line : more) {
        const std::string key = line.substr(0, line.find(' ') + 1);
        if (std::none_of(given.begin(), given.end(), [&](const auto& one) { return one.starts_with(key); })) lines.push_back(line);
    }
}

std::vector<std::string> database_lines(const std::string& schema, std::vector<std::string> lines) {
    add_unless_given(lines, {"NodeType CSS", "StorageProvider postgres", "PostgresSchema " + schema, "PostgresDbName postgres",
                             "PostgresUsername postgres", std::string("PostgresAddressCsv ") + std::getenv("EDGESYNC_TEST_POSTGRES"),
                             "DatabaseConnectTimeout 30"});
    return lines;
}

/// What a node needs to speak with the broker that the tests run beside (tests/with-mosquitto, tests/with-nats), if there is one, unless
/// `lines` say how it speaks. `css_port`: of the CSS, or of a proxy that the line goes through.
std::vector<std::string> broker_lines(const std::vector<std::string>& lines, int css_port = 0) {
    const char* port = std::getenv("EDGESYNC_TEST_BROKER");
    const bool names_protocol =
        std::any_of(lines.begin(), lines.end(), [](const auto& line) { return line.starts_with("CommunicationProtocol "); });
    if (port == nullptr || names_protocol) return {};
    const std::string line = Proxy::listens_at(css_port) ? std::to_string(css_port) : std::string(port);
    const char* protocol = std::getenv("EDGESYNC_TEST_PROTOCOL");
    if (protocol != nullptr && std::string_view(protocol) == "nats")
        return {"CommunicationProtocol nats", "NATSAddress 127.0.0.1:" + line, "NATSUseTLS false"};
    return {"CommunicationProtocol mqtt", "BrokerAddress 127.0.0.1", "BrokerPort " + line, "MQTTUseSSL false"};
}

/// A poll that nobody wakes ends later than any test waits: it must not find what a wake should have told.
constexpr char kNoPollEnds[] = "HTTPMaxWait 300";

std::unique_ptr<Node> make_css(const std::filesystem::path& folder, std::vector<std::string> lines) {
    add_unless_given(lines, {kNoPollEnds});
    if (const auto broker = broker_lines(lines); !broker.empty()) {
        lines.insert(lines.end(), broker.begin(), broker.end());
        if (broker.front() == "CommunicationProtocol mqtt") lines.emplace_back("OrgID acme");  // One per CSS.
    }
    const bool names_store = std::any_of(lines.begin(), lines.end(), [](const auto& line) { return line.starts_with("StorageProvider "); });
    if (std::getenv("EDGESYNC_TEST_POSTGRES") && !names_store) {
        lines = database_lines("s" + std::to_string(std::hash<std::string>()(folder.string())), std::move(lines));
        lines.emplace_back("ResendInterval 1");
        return std::make_unique<Node>(folder, "css", std::move(lines));
    }
    lines.insert(lines.begin(), {"NodeType CSS", "ResendInterval 1"});
    return std::make_unique<Node>(folder, "css", std::move(lines));
}

std::unique_ptr<Node> make_ess(const std::filesystem::path& folder, const std::string& id, int css_port, std::vector<std::string> lines) {
    add_unless_given(lines, {"OrgID acme", "DestinationType camera", kNoPollEnds});
    const auto broker = broker_lines(lines, css_port);
    lines.insert(lines.end(), broker.begin(), broker.end());
    lines.insert(lines.begin(), {"NodeType ESS", "DestinationID " + id, "HTTPCSSHost 127.0.0.1", "HTTPCSSPort " + std::to_string(css_port),
                                 "ResendInterval 1", "ESSCallSPIRetryInterval 1", "HTTPPollingInterval 1"});
    return std::make_unique<Node>(folder, id, std::move(lines));
}

int publish(const Node& css, const std::string& type, const std::string& id, const std::string& addressing, const std::string& data) {
    Json meta = Json::parse(addressing);
    meta["objectID"] = id;
    meta["objectType"] = type;
    const std::string path = "objects/acme/" + type + "/" + id;
    const Answer put = css.request("PUT", path, Json{{"meta", meta}}.dump());
    if (put.status != 204) return put.status;
    return css.request("PUT", path + "/data", data).status;
}

int publish_at_once(const Node& css, const std::string& type, const std::string& id, const std::string& addressing,
                    const std::string& data) {
    return css.request("PUT", "objects/acme/" + type + "/" + id, object_body(type, id, addressing, data)).status;
}

int publish_on_edge(const Node& ess, const std::string& type, const std::string& id, const std::string& data) {
    return ess.request("PUT", "objects/" + type + "/" + id, object_body(type, id, "{}", data)).status;
}

std::string status(const Node& css, const std::string& type, const std::string& id) {
    return css.request("GET", "objects/acme/" + type + "/" + id + "/status").body;
}

std::string edge_status(const Node& ess, const std::string& type, const std::string& id) {
    return ess.request("GET", "objects/" + type + "/" + id + "/status").body;
}

std::string deliveries(const Node& css, const std::string& type, const std::string& id) {
    const Answer answer = css.request("GET", "objects/acme/" + type + "/" + id + "/destinations");
    if (answer.status != 200) return {};
    std::set<std::string> items;
    for (const auto& item : Json::parse(answer.body)) {
        items.insert(item["destinationID"].get<std::string>() + "=" + item["status"].get<std::string>());
    }
    std::string text;
    for (const auto& item : items) text += (text.empty() ? "" : ",") + item;
    return text;
}

bool registered(const Node& css, std::size_t nodes) {
    const Answer answer = css.request("GET", "destinations/acme");
    return answer.status == 200 && Json::parse(answer.body).size() == nodes;
}

std::string time_text(std::time_t at, const std::string& zone) {
    std::array<char, 32> text{};
    std::tm parts{};
    std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", ::gmtime_r(&at, &parts));
    return text.data() + zone;
}

std::string random_octets(std::size_t size, unsigned seed) {
    std::minstd_rand random(seed);
    std::string octets(size, '\0');
    for (char& octet : octets) octet = static_cast<char>(random() >> 8U);
    return octets;
}

}  // namespace edgesync::system_test
