// Organizations spread over two databases behind one address, as the example of the documentation does it. Here they are two schemas of one
// database. Runs inside tests/with-postgres.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <regex>
#include <set>

#include "tests/system/database.h"
#include "tests/system/instances.h"

namespace edgesync::system_test {
namespace {

constexpr char kNginx[] = "/usr/sbin/nginx";

class Organizations : public Instances {
protected:
    void SetUp() override {
        Instances::SetUp();
        if (::access(kNginx, X_OK) != 0) GTEST_SKIP() << "nginx is not installed";
        if (IsSkipped()) return;
        one_ = instance("one");
        two_ = instance("two", {"PostgresSchema " + schema_ + "_2"});
        one_->start();
        two_->start();
        start_proxy();
    }
    void TearDown() override {
        if (proxy_ > 0) ::kill(proxy_, SIGKILL), ::waitpid(proxy_, nullptr, 0);
    }
    /// With the example's ports replaced by those of this test.
    void start_proxy() {
        std::ifstream in(EDGESYNC_DOCS "/nginx-organizations.conf");
        std::string text{std::istreambuf_iterator<char>(in), {}};
        const std::vector<std::pair<const char*, int>> ports = {
            {"127.0.0.1:808[01]", one_->port()}, {"127.0.0.1:808[23]", two_->port()}, {"127.0.0.1:8090", port_}};
        for (const auto& [example, port] : ports) text = std::regex_replace(text, std::regex(example), "127.0.0.1:" + std::to_string(port));
        const std::string folder = (folder_.path() / "nginx").string();
        std::filesystem::create_directories(folder);
        std::string begin = "daemon off;\nmaster_process off;\npid " + folder + "/pid;\nevents {}\nhttp {\naccess_log off;\n";
        for (const char* kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"})
            begin += std::string(kind) + "_temp_path " + folder + "/" + kind + ";\n";
        std::ofstream(folder + "/nginx.conf") << begin << text << "}\n";
        const auto output = folder_.path() / "nginx.out";
        proxy_ = start_process({kNginx, "-e", "stderr", "-p", folder, "-c", folder + "/nginx.conf"}, output);
        ASSERT_TRUE(eventually([this] { return call(port_, "GET", "/api/v1/health").status != 0; })) << std::ifstream(output).rdbuf();
    }
    Answer ask(const std::string& org, const std::string& method, const std::string& path, const std::string& body = "") const {
        return ask_at(port_, org, method, path, body);
    }
    static Answer ask_at(int port, const std::string& org, const std::string& method, const std::string& path,
                         const std::string& body = "") {
        return call(port, method, "/api/v1/" + path, body, {}, "admin@" + org);
    }
    /// A node and its objects in both directions, and rights.
    void use(const std::string& org) {
        nodes_.push_back(make_ess(folder_.path(), "node-of-" + org, port_, {"OrgID " + org}));
        const Node& node = *nodes_.back();
        nodes_.back()->start();
        EXPECT_TRUE(eventually([&] { return ask(org, "GET", "destinations/" + org).status == 200; })) << node.output();
        const std::string model = R"({"meta":{"objectID":"m","objectType":"model","destinationType":"camera"},"data":"aGVsbG8="})";
        EXPECT_EQ(ask(org, "PUT", "objects/" + org + "/model/m", model).status, 204);
        EXPECT_TRUE(eventually([&] { return ask_at(node.port(), org, "GET", "objects/model/m/data").body == "hello"; })) << node.output();
        const std::string report = R"({"meta":{"objectID":"r","objectType":"report"},"data":"aGVsbG8="})";
        EXPECT_EQ(ask_at(node.port(), org, "PUT", "objects/report/r", report).status, 204);
        EXPECT_TRUE(eventually([&] { return ask(org, "GET", "objects/" + org + "/report/r/data").body == "hello"; }));
        const std::string joe = R"({"action":"add","users":[{"ACLUserType":"user","Username":"joe","ACLRole":"aclReader"}]})";
        EXPECT_EQ(ask(org, "PUT", "security/objects/" + org + "/secret", joe).status, 204);
    }
    /// The status codes with which a CSS itself answers for what `use` made.
    static std::set<int> found_at(const Node& css, const std::string& org) {
        std::set<int> codes;
        for (const std::string& path :
             {"destinations/" + org, "objects/" + org + "/model/m", "objects/" + org + "/report/r", "security/objects/" + org + "/secret"})
            codes.insert(ask_at(css.port(), org, "GET", path).status);
        return codes;
    }

    const int port_ = free_port();
    pid_t proxy_ = -1;
    std::vector<std::unique_ptr<Node>> nodes_;
};

TEST_F(Organizations, AreServedByTheDatabaseThatTheProxyChoosesForThem) {
    use("acme");
    use("globex");
    EXPECT_EQ(found_at(*one_, "acme"), std::set<int>{200});
    EXPECT_EQ(found_at(*one_, "globex"), std::set<int>{404});
    EXPECT_EQ(found_at(*two_, "globex"), std::set<int>{200});
    EXPECT_EQ(found_at(*two_, "acme"), std::set<int>{404});
}

TEST_F(Organizations, ThatAreInNoListOfTheProxyAreNowhere) {
    const std::string model = R"({"meta":{"objectID":"m","objectType":"model"}})";
    EXPECT_EQ(ask("initech", "PUT", "objects/initech/model/m", model).status, 404);
    for (const Node* css : {one_.get(), two_.get()}) EXPECT_EQ(found_at(*css, "initech"), std::set<int>{404});
}

}  // namespace
}  // namespace edgesync::system_test
