#include "kernel/swagger/site.h"

#include <gmock/gmock.h>

#include <fstream>

#include "edgesync/sdk/error.h"
#include "tests/unit/security/fake_settings.h"
#include "tests/unit/temporary_folder.h"

namespace edgesync::swagger {
namespace {

using testing::HasSubstr;

class Promise : public HttpResponder {
public:
    void send(HttpResponse response) override { answer = std::move(response); }
    void on_gone(std::function<void()>) override {}
    HttpResponse answer;
};

std::string body_of(const HttpResponse& response) {
    if (!response.blob) return response.body;
    std::string octets(static_cast<std::size_t>(response.blob_length), '\0');
    octets.resize(response.blob->read(0, std::as_writable_bytes(std::span(octets))));
    return octets;
}

std::string header(const HttpResponse& response, std::string_view name) {
    for (const auto& candidate : response.headers) {
        if (candidate.name == name) return candidate.value;
    }
    return "";
}

class SwaggerSite : public testing::Test {
protected:
    SwaggerSite() {
        std::filesystem::create_directories(folder_.path() / "ui/inner");
        write("ui/index.html", "<html>");
        write("ui/page.js", "code");
        write("ui/notes.md", "of a type that no page needs");
        write("ui/inner/index.html", "deeper");
        write("secret.html", "not of the page");
        std::filesystem::create_symlink(folder_.path() / "secret.html", folder_.path() / "ui/link.html");
        std::filesystem::create_symlink("page.js", folder_.path() / "ui/alias.js");
        settings_.values = {
            {"SwaggerEnabled", "true"}, {"SwaggerFile", folder_.root() + "api.json"}, {"SwaggerUIPath", folder_.root() + "ui"}};
        write("api.json", R"({"openapi":"3.0.3"})");
    }

    void write(const std::string& name, const std::string& text) const { std::ofstream(folder_.path() / name) << text; }
    HttpResponse ask(const std::string& path, const std::string& method = "GET") {
        if (!site_) site_ = make_site(settings_, log_);
        const auto promise = std::make_shared<Promise>();
        HttpRequest request;
        request.method = method;
        request.path = path;
        site_->handle(std::move(request), promise);
        return std::move(promise->answer);
    }

    TemporaryFolder folder_;
    fakes::FakeSettings settings_;
    fakes::CollectingLog log_;
    std::unique_ptr<Site> site_;
};

TEST_F(SwaggerSite, LeadsToThePage) {
    const HttpResponse answer = ask("/swagger");
    EXPECT_EQ(answer.status, 308);
    EXPECT_EQ(header(answer, "Location"), "/swagger-ui/index.html?url=%2Fswagger.json");
    EXPECT_EQ(header(ask("/swagger-ui"), "Location"), "/swagger-ui/");
}

TEST_F(SwaggerSite, ServesTheFilesOfThePageAndNothingElse) {
    struct Row {
        const char* path;
        int status;
        const char* content_type;
        const char* body;
    };
    const char* const text = "text/plain; charset=utf-8";
    const char* const none = "404 page not found\n";
    for (const Row& row : {
             Row{"/swagger.json", 200, "application/json", R"({"openapi":"3.0.3"})"},
             Row{"/swagger-ui/", 200, "text/html; charset=utf-8", "<html>"},
             Row{"/swagger-ui/index.html", 200, "text/html; charset=utf-8", "<html>"},
             Row{"/swagger-ui/page.js", 200, "text/javascript; charset=utf-8", "code"},
             Row{"/swagger-ui/alias.js", 200, "text/javascript; charset=utf-8", "code"},
             Row{"/swagger-ui/absent.js", 404, text, none},
             Row{"/swagger-ui/notes.md", 404, text, none},
             Row{"/swagger-ui/link.html", 404, text, none},
             Row{"/swagger-ui/inner", 404, text, none},
             Row{"/swagger-ui/inner/", 404, text, none},
             Row{"/swagger-ui/inner/index.html", 404, text, none},
             Row{"/swagger-ui/../secret.html", 404, text, none},
             Row{"/swagger-ui/..%2fsecret.html", 404, text, none},
             Row{"/swagger-ui/%2e%2e/secret.html", 404, text, none},
             Row{"/swagger-ui/./page.js", 404, text, none},
             Row{"/swagger-ui//page.js", 404, text, none},
             Row{"/swagger-ui/page.js/", 404, text, none},
             Row{"/swagger-ui/.", 404, text, none},
             Row{"/swagger-ui//etc/passwd", 404, text, none},
         }) {
        const HttpResponse answer = ask(row.path);
        EXPECT_EQ(answer.status, row.status) << row.path;
        EXPECT_EQ(answer.content_type, row.content_type) << row.path;
        EXPECT_EQ(body_of(answer), row.body) << row.path;
        EXPECT_EQ(header(answer, "X-Content-Type-Options"), "nosniff") << row.path;
        EXPECT_THAT(header(answer, "Content-Security-Policy"), HasSubstr("script-src 'self';")) << row.path;
    }
}

TEST_F(SwaggerSite, IsReadOnly) {
    for (const char* method : {"PUT", "POST", "DELETE", "OPTIONS"}) {
        const HttpResponse answer = ask("/swagger.json", method);
        EXPECT_EQ(answer.status, 405) << method;
        EXPECT_EQ(header(answer, "Allow"), "GET, HEAD") << method;
    }
    EXPECT_EQ(ask("/swagger.json", "HEAD").status, 200);
}

TEST_F(SwaggerSite, ForgetsAFileThatIsRemoved) {
    EXPECT_EQ(ask("/swagger-ui/page.js").status, 200);
    std::filesystem::remove(folder_.path() / "ui/page.js");
    EXPECT_EQ(ask("/swagger-ui/page.js").status, 404);
}

TEST_F(SwaggerSite, HasTheDocumentAloneWhenThePageIsNotInstalled) {
    settings_.values["SwaggerUIPath"] = folder_.root() + "absent";
    EXPECT_EQ(ask("/swagger.json").status, 200);
    EXPECT_EQ(ask("/swagger").status, 308);
    const HttpResponse answer = ask("/swagger-ui/index.html");
    EXPECT_EQ(answer.status, 404);
    EXPECT_THAT(answer.body, HasSubstr("not installed"));
    EXPECT_THAT(answer.body, testing::Not(HasSubstr(folder_.root()))) << "everybody may read the answer";
    EXPECT_THAT(log_.lines, testing::Contains(HasSubstr(folder_.root() + "absent")));
}

TEST_F(SwaggerSite, ServesADocumentInYaml) {
    write("api.yaml", "openapi: 3.0.3\n");
    settings_.values["SwaggerFile"] = folder_.root() + "api.yaml";
    const HttpResponse answer = ask("/swagger.json");
    EXPECT_EQ(answer.content_type, "application/yaml");
    EXPECT_EQ(answer.body, "openapi: 3.0.3\n");
}

TEST_F(SwaggerSite, NeedsADocumentThatCanBeRead) {
    settings_.values["SwaggerFile"] = folder_.root() + "absent.json";
    try {
        make_site(settings_, log_);
        FAIL() << "no error";
    } catch (const Error& error) {
        EXPECT_EQ(std::string(error.what()), "Cannot read the API document '" + folder_.root() + "absent.json': No such file or directory");
    }
    settings_.values["SwaggerFile"] = folder_.root() + "ui";
    EXPECT_THROW(make_site(settings_, log_), Error) << "a folder";
}

TEST_F(SwaggerSite, IsThereOnlyWhenItIsSwitchedOn) {
    settings_.values["SwaggerEnabled"] = "false";
    EXPECT_EQ(make_site(settings_, log_), nullptr);
    EXPECT_TRUE(log_.lines.empty());
}

TEST_F(SwaggerSite, IsNotOnUnixSockets) {
    for (const char* type : {"unix", "secure-unix"}) {
        settings_.values["ListeningType"] = type;
        EXPECT_EQ(make_site(settings_, log_), nullptr) << type;
        EXPECT_THAT(log_.lines.back(), HasSubstr("not served on Unix sockets")) << type;
    }
}

}  // namespace
}  // namespace edgesync::swagger
