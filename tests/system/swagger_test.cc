// The API document of a running node, and the page that shows it, in a browser.
#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/system/browser.h"
#include "tests/system/cluster.h"

namespace edgesync::system_test {
namespace {

using Json = nlohmann::json;

std::string url_of(const Node& node, const std::string& path) { return "http://127.0.0.1:" + std::to_string(node.port()) + path; }

/// Nobody in particular.
Answer get(const Node& node, const std::string& path) { return call(node.port(), "GET", path, "", {}, ""); }

std::vector<std::string> summaries(const Json& document) {
    std::vector<std::string> summaries;
    for (const auto& item : document["paths"]) {
        for (const auto& operation : item) {
            if (operation.is_object()) summaries.push_back(operation["summary"]);
        }
    }
    return summaries;
}

TEST(Swagger, IsOffByDefault) {
    TemporaryFolder folder;
    const auto css = make_css(folder.path());
    css->start();
    for (const char* path : {"/swagger", "/swagger.json", "/swagger-ui/", "/swagger-ui/index.html"})
        EXPECT_EQ(get(*css, path).status, 404) << path;
}

TEST(Swagger, OfEachRoleIsTheDocumentOfThatRole) {
    TemporaryFolder folder;
    const auto css = make_css(folder.path(), {"SwaggerEnabled true"});
    css->start();
    const auto ess = make_ess(folder.path(), "cam1", css->port(), {"SwaggerEnabled true"});
    ess->start();
    const Json of_css = Json::parse(get(*css, "/swagger.json").body);
    const Json of_ess = Json::parse(get(*ess, "/swagger.json").body);
    EXPECT_TRUE(of_css["paths"].contains("/api/v1/objects/{orgID}/{objectType}/{objectID}/data"));
    EXPECT_TRUE(of_ess["paths"].contains("/api/v1/objects/{objectType}/{objectID}/data"));
    EXPECT_FALSE(of_ess["paths"].contains("/api/v1/objects/{orgID}/{objectType}/{objectID}/data"));
    EXPECT_EQ(get(*css, "/swagger").status, 308);
}

TEST(Swagger, OfTheFlagIsServedInsteadOfOurs) {
    TemporaryFolder folder;
    std::ofstream(folder.path() / "own.json") << R"({"openapi":"3.0.3","info":{"title":"own"}})";
    const auto css = make_css(folder.path());
    css->add_arguments({"-swagger", (folder.path() / "own.json").string()});
    css->start();
    const Answer answer = get(*css, "/swagger.json");
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, R"({"openapi":"3.0.3","info":{"title":"own"}})");
    EXPECT_EQ(get(*css, "/swagger-ui/").status, 200);
}

TEST(Swagger, ThatIsNotThereStopsTheStart) {
    TemporaryFolder folder;
    const auto css = make_css(folder.path());
    css->add_arguments({"-swagger=/nonexistent/api.json"});
    css->launch();
    EXPECT_EQ(css->wait_for_end(), 1);
    EXPECT_NE(css->output().find("Cannot read the API document '/nonexistent/api.json'"), std::string::npos) << css->output();
}

class SwaggerPage : public testing::Test {
protected:
    SwaggerPage() : css_(make_css(folder_.path(), {"SwaggerEnabled true"})) {
        css_->start();
        document_ = Json::parse(get(*css_, "/swagger.json").body);
    }
    /// The page is whole and asked nobody but this node.
    void expect_peace(const Browser& browser) const {
        EXPECT_THAT(browser.complaints(), testing::IsEmpty());
        EXPECT_FALSE(browser.requests().empty());
        for (const auto& url : browser.requests()) EXPECT_TRUE(url.starts_with(url_of(*css_, "/"))) << url;
    }

    TemporaryFolder folder_;
    const std::unique_ptr<Node> css_;
    Json document_;
};

TEST_F(SwaggerPage, ShowsEveryOperationOfTheDocument) {
    const auto expected = summaries(document_);
    ASSERT_GT(expected.size(), 20U);
    Browser browser(folder_.path());
    browser.open(url_of(*css_, "/swagger"));
    ASSERT_TRUE(browser.comes_true("document.querySelectorAll('.opblock').length === " + std::to_string(expected.size())))
        << browser.evaluate("document.body ? document.body.innerText : ''");
    const std::string text = browser.evaluate("document.body.innerText");
    EXPECT_NE(text.find(document_["info"]["title"].get<std::string>()), std::string::npos);
    for (const auto& summary : expected) EXPECT_NE(text.find(summary), std::string::npos) << summary;
    EXPECT_TRUE(browser.evaluate("location.pathname").ends_with("/swagger-ui/index.html"));
    expect_peace(browser);
}

TEST_F(SwaggerPage, TriesACallOut) {
    Browser browser(folder_.path());
    browser.open(url_of(*css_, "/swagger-ui/#/Node/getHealth"));
    // React takes a value only from an event.
    const std::string type_in =
        "(selector, text) => { const field = document.querySelector(selector); "
        "Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(field, text); "
        "field.dispatchEvent(new Event('input', {bubbles: true})); }";
    const auto click = [&](const std::string& selector) {
        EXPECT_TRUE(browser.comes_true("document.querySelector('" + selector + "')")) << selector;
        browser.evaluate("document.querySelector('" + selector + "').click()");
    };
    click(".btn.authorize");
    ASSERT_TRUE(browser.comes_true("document.querySelector('#auth-basic-username')"));
    browser.evaluate("(" + type_in + ")('#auth-basic-username', 'admin@acme')");
    browser.evaluate("(" + type_in + ")('#auth-basic-password', 'x')");
    click(".auth-btn-wrapper .authorize");
    click(".auth-btn-wrapper .btn-done");
    click("#operations-Node-getHealth .try-out__btn");
    click("#operations-Node-getHealth .execute");
    const std::string answer = "#operations-Node-getHealth .live-responses-table tbody .response-col_status";
    EXPECT_TRUE(browser.comes_true("document.querySelector('" + answer + "')?.innerText.startsWith('200')"))
        << browser.evaluate("document.querySelector('#operations-Node-getHealth').innerText");
    EXPECT_TRUE(browser.comes_true("document.querySelector('#operations-Node-getHealth').innerText.includes('\"registeredESS\": 0')"));
    expect_peace(browser);
}

}  // namespace
}  // namespace edgesync::system_test
