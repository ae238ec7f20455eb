// What the documentation of the REST API shows with curl, as a shell runs it, on a CSS and an edge node with a certificate of its own.
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

#include "tests/system/cluster.h"

namespace edgesync::system_test {
namespace {

struct Shown {
    std::string code;  ///< "204"; "000": no connection.
    std::string body;
    std::string headers;
};

class Curl : public ::testing::Test {
protected:
    Curl() {
        css_ = make_css(folder_.path());
        std::filesystem::create_directories(css_->root() / "sync");
        std::ofstream(css_->root() / "sync/dummy-auth.json") << R"({"syncAdmins":["sync"]})";
        css_->start();
        ess_ = make_ess(folder_.path(), "cam7", css_->port(), {"ListeningType secure", "SecureListeningPort " + std::to_string(tls_port_)});
        ess_->launch();
    }

    /// Runs a line of the documentation, with $U, $CSS, $ESS and $B in it.
    Shown show(const std::string& line) const {
        const std::string css = "http://127.0.0.1:" + std::to_string(css_->port());
        const std::string script = "cd '" + folder_.path().string() + "'; U='admin@acme:x'; CSS=" + css + "; B=$CSS/api/v1/objects/acme" +
                                   "; ESS=https://127.0.0.1:" + std::to_string(tls_port_) +
                                   "; curl() { command curl -s --max-time 120 -D head.txt -w '%{http_code}' \"$@\"; }; " + line;
        Shown shown;
        FILE* pipe = ::popen(script.c_str(), "r");
        char buffer[4096];
        for (std::size_t count = 0; (count = std::fread(buffer, 1, sizeof(buffer), pipe)) > 0;) shown.body.append(buffer, count);
        ::pclose(pipe);
        const std::size_t length = shown.body.size() < 3 ? 0 : shown.body.size() - 3;
        shown.code = shown.body.substr(length);
        shown.body.resize(length);
        std::ifstream head(folder_.path() / "head.txt");
        shown.headers.assign(std::istreambuf_iterator<char>(head), {});
        return shown;
    }
    void expect(const std::string& line, const std::string& code, const std::string& body = "") const {
        const Shown shown = show(line);
        EXPECT_EQ(shown.code, code) << line << "\n" << shown.body;
        EXPECT_NE(shown.body.find(body), std::string::npos) << line << "\n" << shown.body;
        EXPECT_TRUE(code != "204" || shown.body.empty()) << line << "\n" << shown.body;
    }
    bool becomes(const std::string& line, const std::string& text) const {
        return eventually([&] { return show(line).body.find(text) != std::string::npos; });
    }
    void write(const std::string& name, const std::string& octets) const {
        std::ofstream(folder_.path() / name, std::ios::binary) << octets;
    }
    std::string read(const std::string& name) const {
        std::ifstream in(folder_.path() / name, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    void wait_for_edge_node() const {
        ASSERT_TRUE(becomes("curl -u $U -k $ESS/api/v1/health", R"("nodeType":"ESS")")) << ess_->output();
        ASSERT_TRUE(becomes("curl -u $U $CSS/api/v1/destinations/acme", "cam7")) << ess_->output();
    }

    TemporaryFolder folder_;
    const int tls_port_ = free_port();
    std::unique_ptr<Node> css_;
    std::unique_ptr<Node> ess_;
};

constexpr char kPutMetadata[] =
    R"(curl -u $U -X PUT $B/model/m1 -d '{"meta":{"objectID":"m1","objectType":"model","destinationType":"camera"}}')";

TEST_F(Curl, ExamplesOfObjectsWork) {
    wait_for_edge_node();
    const std::string data = random_octets(2097152, 7);
    write("m1.bin", data);
    write("part0", data.substr(0, 1048576));
    write("part1", data.substr(1048576));
    expect(kPutMetadata, "204");
    expect("curl -u $U $B/model/m1/status", "200", "notReady");
    expect("curl -u $U -X PUT $B/model/m1/data --data-binary @m1.bin -H 'Content-Type: application/octet-stream'", "204");
    expect("curl -u $U -X PUT $B/model/m1/data --data-binary @part0 -H 'Content-Range: bytes 0-1048575/2097152'", "204");
    EXPECT_NE(show("curl -u $U -X PUT $B/model/m1/data --data-binary @part1 -H 'Content-Range: bytes 1048576-2097151/2097152'")
                  .headers.find("MMS-Upload-Owner: "),
              std::string::npos);
    expect("curl -u $U $B/model/m1/status", "200", "ready");
    expect("curl -u $U -H 'Range: bytes=0-99' $B/model/m1/data -o head.bin", "206");
    EXPECT_EQ(read("head.bin"), data.substr(0, 100));
    expect("curl -u $U $B/model/m1/destinations", "200", R"("destinationID":"cam7")");
    expect(R"(curl -u $U -X POST $B/model/m1/destinations -d '{"action":"add","destinations":["camera:cam7"]}')", "204");
    expect(R"(curl -u $U "$B?filters=true&objectType=model&deleted=false")", "200", R"("objectID":"m1")");
    expect(R"(curl -u $U "$B?destination_policy=true&received=true")", "404");
    expect(R"(curl -u $U -X PUT $B/model/p1 -d '{"meta":{"objectID":"p1","objectType":"model","noData":true,"destinationPolicy":{}}}')",
           "204");
    expect(R"(curl -u $U "$B?destination_policy=true&received=true")", "200", R"("objectID":"p1")");
    ASSERT_TRUE(becomes(R"(curl -u 'app@acme:x' -k "$ESS/api/v1/objects/model?received=true")", R"("objectID":"m1")"));
    ASSERT_TRUE(becomes("curl -u $U $B/model/m1/destinations", R"("status":"delivered")")) << "the last of three versions";
    expect("curl -u 'app@acme:x' -k $ESS/api/v1/objects/model/m1/data -o edge.bin", "200");
    EXPECT_TRUE(read("edge.bin") == data);
    expect("curl -u 'app@acme:x' -k -X PUT $ESS/api/v1/objects/model/m1/consumed", "204");
    EXPECT_TRUE(becomes("curl -u $U $B/model/m1/destinations", "consumed"));
    expect("curl -u $U $CSS/api/v1/destinations/acme", "200", R"("destinationID":"cam7")");
    expect("curl -u $U $CSS/api/v1/destinations/acme/camera/cam7/objects", "200", R"("objectID":"m1","status":"consumed")");
    expect("curl -u 'app@acme:x' -k -X POST $ESS/api/v1/resend", "204");
    expect("curl -u $U -X DELETE $B/model/m1", "204");
    expect("curl -u $U -X DELETE $B/model/never", "404");
}

TEST_F(Curl, ExamplesOfAdministrationWork) {
    expect(R"(curl -u $U -X PUT $CSS/api/v1/objects/acme/model -d '{"action":"register","url":"http://10.0.0.5:9000/hook"}')", "204");
    expect(R"(curl -u 'admin@acme:x' -X PUT $CSS/api/v1/organizations/acme )"
           R"(-d '{"orgID":"acme","user":"u","password":"p","address":"ssl://broker:8883"}')",
           "204");
    expect("curl -u 'sync@acme:x' $CSS/api/v1/organizations", "200", R"([{"org-id":"acme","address":"ssl://broker:8883"}])");
    expect(R"(curl -u $U -X PUT $CSS/api/v1/security/objects/acme/model )"
           R"(-d '{"action":"add","users":[{"Username":"bob","ACLUserType":"user","ACLRole":"aclWriter"}]}')",
           "204");
    expect(R"(curl -u $U "$CSS/api/v1/security/objects/acme?key=model&acl_usertype=user")", "200", R"("ACLRole":"aclWriter")");
    expect("curl -u $U -X DELETE $CSS/api/v1/security/objects/acme/model/user/bob", "204");
    expect(R"(curl -u $U "$CSS/api/v1/security/objects/acme?key=model&acl_usertype=user")", "404");
    expect(R"(curl -u $U "$CSS/api/v1/health?details=true")", "200", R"("clientRequests":)");
    expect("curl -u $U $B/model/m1", "404");
    expect("curl $B/model/m1", "403", "Unauthorized");
}

TEST_F(Curl, ExampleOfTheShutdownWorksAndOtherCallsAreRefusedMeanwhile) {
    expect(R"(curl -u $U -X POST "$CSS/api/v1/shutdown?quiesce=5")", "403", "Unauthorized");
    expect(R"(curl -u 'sync@acme:x' -X POST "$CSS/api/v1/shutdown?quiesce=15")", "204");
    ASSERT_TRUE(eventually([&] { return show("curl $B/model/m1").code == "503"; }));
    expect("curl -u $U -X PUT $B/model/m1/data --data-binary x", "503");
    expect("curl -u $U $CSS/api/v1/health", "200", R"("healthStatus")");
    EXPECT_EQ(css_->wait_for_end(), 0) << css_->output();
}

}  // namespace
}  // namespace edgesync::system_test
