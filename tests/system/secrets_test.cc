// What a node keeps to itself: secrets in logs and files, and the modes of its files.
#include <Poco/Base64Encoder.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "tests/system/cluster.h"

namespace edgesync::system_test {
namespace {

namespace fs = std::filesystem;

std::string base64(const std::string& octets) {
    std::ostringstream out;
    Poco::Base64Encoder encoder(out);
    encoder.rdbuf()->setLineLength(0);
    encoder << octets;
    encoder.close();
    return out.str();
}

std::string content_of(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

unsigned mode_of(const fs::path& path) {
    struct stat status {};
    EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
    return status.st_mode & 0777U;
}

class Secrets : public ::testing::Test {
protected:
    void write(const fs::path& file, const std::string& text) {
        fs::create_directories(file.parent_path());
        std::ofstream(file) << text;
        fs::permissions(file, fs::perms::owner_read | fs::perms::owner_write);
    }

    TemporaryFolder folder_;
};

TEST_F(Secrets, AreNeitherLoggedNorStoredInClear) {
    const fs::path credentials = folder_.path() / "css/sync/preset-auth.json";
    write(credentials, R"({"credentials":{"admin@acme":{"secret":"x","orgID":"acme","username":"admin","type":"admin"},
        "root":{"secret":"open-sesame-1","username":"root","type":"syncadmin"}}})");
    const auto css = make_css(folder_.path(), {"AuthenticationHandler preset", "LogLevel TRACE", "TraceLevel TRACE", "MQTTUserName u",
                                               "MQTTPassword mqtt-password-4"});
    css->start();
    const auto as = [](const std::string& key, const std::string& secret) {
        return std::map<std::string, std::string>{{"Authorization", "Basic " + base64(key + ":" + secret)}};
    };
    const std::string org = R"({"orgID":"acme","user":"broker-user","address":"ssl://broker:8883"})";
    const auto put = [&](const std::string& secret) {
        return call(css->port(), "PUT", "/api/v1/organizations/acme", org, as("root", secret), "").status;
    };
    EXPECT_EQ(put("open-sesame-1"), 204);
    EXPECT_EQ(put("wrong-secret-3"), 403);
    EXPECT_EQ(css->terminate(), 0);

    std::vector<fs::path> files{folder_.path() / "css.out"};
    for (const auto& item : fs::recursive_directory_iterator(folder_.path() / "css")) {
        if (item.is_regular_file() && item.path() != credentials) files.push_back(item.path());
    }
    ASSERT_GT(files.size(), 3U);
    bool is_user_found = false;
    for (const auto& file : files) {
        const std::string content = content_of(file);
        is_user_found = is_user_found || content.find("broker-user") != std::string::npos;
        for (const std::string& secret : {std::string("open-sesame-1"), std::string("wrong-secret-3"), std::string("mqtt-password-4"),
                                          base64("root:open-sesame-1"), base64("root:wrong-secret-3")}) {
            EXPECT_EQ(content.find(secret), std::string::npos) << secret << " in " << file;
        }
    }
    EXPECT_TRUE(is_user_found) << "what is not secret shows that the right files were searched";
}

TEST_F(Secrets, AreMaskedInTheConfigurationThatTheTraceBeginsWith) {
    const auto css = make_css(folder_.path(), {"LogTraceDestination file", "MQTTUserName u", "MQTTPassword mqtt-password-4"});
    css->start();
    EXPECT_EQ(css->terminate(), 0);
    std::ifstream trace(folder_.path() / "css-trace/sync-service.log");
    std::set<std::string> shown;
    std::string masked;
    for (std::string line; std::getline(trace, line);) {
        ASSERT_EQ(line.find("mqtt-password-4"), std::string::npos) << line;
        std::smatch parts;
        // "* CSS: DATE TIME INFO: KEY ORIGIN VALUE"; the first line of another form ends it.
        static const std::regex form(R"(\* CSS: \S+ \S+ INFO: (\w+) +(default|file|environment|derived) *(.*))");
        if (!std::regex_match(line, parts, form)) break;
        shown.insert(parts[1]);
        if (parts[1] == "MQTTPassword") masked = parts[3];
    }
    EXPECT_EQ(masked, "<...>");
    for (const auto* key : {"NodeType", "UnsecureListeningPort", "StorageProvider", "LogTraceDestination", "LmdbSync"}) {
        EXPECT_TRUE(shown.contains(key)) << key;
    }
    EXPECT_GT(shown.size(), 80U);
}

TEST_F(Secrets, FilesAreForTheirOwner) {
    const auto css = make_css(folder_.path());
    css->start();
    ASSERT_EQ(publish(*css, "model", "m", "{}", random_octets(500'000, 1)), 204);
    std::size_t files = 0;
    for (const auto& item : fs::recursive_directory_iterator(css->root() / "sync")) {
        const unsigned mode = mode_of(item.path());
        if (item.is_directory()) {
            EXPECT_EQ(mode & 0027U, 0U) << item.path() << " " << std::oct << mode;
        } else {
            ++files;
            EXPECT_EQ(mode & 0077U, 0U) << item.path() << " " << std::oct << mode;
        }
    }
    EXPECT_GE(files, 3U);
}

}  // namespace
}  // namespace edgesync::system_test
