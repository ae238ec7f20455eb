// The API document against the API: neither may have what the other lacks.
#include <algorithm>
#include <sstream>

#include "api_document.h"
#include "api_fixture.h"
#include "kernel/api/routes.h"
#include "kernel/api/small_body.h"
#include "status_table.h"

namespace edgesync::api {
namespace {

using testing::IsEmpty;

constexpr char kAdministrator[] = "root@acme";
const std::vector<std::string> kMethods = {"GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "TRACE"};

/// A node of its own for one operation, with what the examples of the document speak of.
class Probe : public ApiTest {
public:
    Probe(NodeRole role, const std::string& operation) : ApiTest(role) {
        if (operation == "markConsumed" || operation == "markReceived" || operation == "listObjects") {
            receive("model", "m1", ObjectStatus::CompletelyReceived);
        } else if (operation == "confirmDeleted") {
            receive("model", "m1", ObjectStatus::ObjDeleted);
        } else if (role == NodeRole::Css) {
            fill();
        } else {
            publish("model", "m1");
        }
    }
    Answer ask(const DescribedOperation& operation, const std::string& key = kAdministrator) {
        return send({.method = operation.method, .target = operation.target, .body = operation.body, .key = key});
    }
    Answer ask(const std::string& method, const std::string& target) {
        return send({.method = method, .target = target, .key = kAdministrator});
    }
    void be_stopping() { is_running_ = false; }

private:
    void fill() {
        add_node("camera", "cam7");
        const std::string entry = R"({"action":"add","users":[{"Username":"bob","ACLUserType":"user","ACLRole":"aclWriter"}]})";
        put("/security/objects/acme", entry, kAdministrator);
        put("/security/objects/acme/model", entry, kAdministrator);
        put("/organizations/acme", R"({"orgID":"acme","address":"tcp://broker:1883"})", kAdministrator);
        publish("model", "m1", R"("destinationType":"camera")");
    }
    void TestBody() override {}
};

class TheApiDocument : public testing::TestWithParam<NodeRole> {
protected:
    const ApiDocument document_{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Of, TheApiDocument, testing::Values(NodeRole::Css, NodeRole::Ess),
                         [](const auto& tested) { return tested.param == NodeRole::Css ? "ACss" : "AnEss"; });

std::set<std::string> methods_of(const std::string& allow) {
    std::set<std::string> methods;
    std::stringstream stream(allow);
    for (std::string method; std::getline(stream, method, ',');) methods.insert(method.substr(method.find_first_not_of(' ')));
    return methods;
}

/// Segments of a target below "/api/v1", in lower case, without a last empty one.
std::vector<std::string> segments_of(const std::string& target) {
    std::vector<std::string> segments;
    std::stringstream stream(lower_case(target.substr(0, target.find('?'))));
    for (std::string segment; std::getline(stream, segment, '/');) segments.push_back(segment);
    return segments;
}

/// The operation that a request is for; of several the one whose path has the fewest parameters. Null: none.
const DescribedOperation* find_operation(const std::vector<DescribedOperation>& operations, const StatusRow& row) {
    const auto wanted = segments_of(row.target);
    const auto parameters = [](const DescribedOperation& operation) {
        return std::count(operation.path.begin(), operation.path.end(), '{');
    };
    const DescribedOperation* best = nullptr;
    for (const auto& operation : operations) {
        const auto segments = segments_of(operation.path);
        const bool fits = std::equal(segments.begin(), segments.end(), wanted.begin(), wanted.end(),
                                     [](const std::string& a, const std::string& b) { return a.starts_with('{') || a == b; });
        if (!fits || operation.method != row.method) continue;
        if (best == nullptr || parameters(operation) < parameters(*best)) best = &operation;
    }
    return best;
}

TEST_P(TheApiDocument, KnowsEveryAnswerOfTheStatusTable) {
    const auto operations = document_.operations();
    std::size_t known = 0;
    for (const StatusRow& row : read_status_table(EDGESYNC_STATUS_TABLE)) {
        if (row.role != GetParam() || row.answer.starts_with("404 page not found")) continue;
        const DescribedOperation* operation = find_operation(operations, row);
        if (operation == nullptr) continue;
        ++known;
        EXPECT_TRUE(operation->responses.contains(std::to_string(row.status)))
            << row.section << ": " << row.name << ": " << operation->id << " answers " << row.status;
    }
    EXPECT_GT(known, 50U);
}

TEST_P(TheApiDocument, KeepsTheRulesOfOpenApi) {
    EXPECT_THAT(document_.problems(), IsEmpty());
    EXPECT_THAT(document_.problems_of_examples(), IsEmpty());
}

TEST_P(TheApiDocument, DescribesTheRoutesThatAreDispatchedAndNoOthers) {
    std::set<std::string> dispatched;
    for (const RouteEntry& entry : routes()) {
        const std::string path(GetParam() == NodeRole::Css ? entry.css : entry.ess);
        if (path.empty()) continue;
        for (const auto& method : methods_of(entry.methods)) dispatched.insert(method + " " + path);
    }
    EXPECT_THAT(document_.routes(), testing::ContainerEq(dispatched));
}

TEST_P(TheApiDocument, KnowsTheStatesThatThereAre) {
    std::vector<std::string> states;
    for (int i = 0; i <= static_cast<int>(ObjectStatus::ConsumedByDest); ++i) states.emplace_back(to_string(static_cast<ObjectStatus>(i)));
    EXPECT_THAT(document_.values("ObjectStatus"), testing::UnorderedElementsAreArray(states));
    std::vector<std::string> deliveries;
    for (int i = 0; i <= static_cast<int>(DeliveryStatus::Error); ++i) deliveries.emplace_back(to_string(static_cast<DeliveryStatus>(i)));
    EXPECT_THAT(document_.values("DestinationStatus/properties/status"), testing::UnorderedElementsAreArray(deliveries));
}

TEST_P(TheApiDocument, SaysWhatEachOperationAnswersToItsExample) {
    for (const auto& operation : document_.operations()) {
        Probe node(GetParam(), operation.id);
        const Answer answer = node.ask(operation);
        const std::string what = operation.method + " " + operation.target + ": " + answer.body;
        EXPECT_EQ(std::to_string(answer.status), operation.usual_response) << what;
        // The listener sends no body to HEAD.
        const std::string body = operation.method == "HEAD" ? "" : answer.body;
        EXPECT_THAT(document_.problems_of_answer(operation.id, std::to_string(answer.status), answer.content_type, body), IsEmpty())
            << what;
    }
}

TEST_P(TheApiDocument, SaysHowOperationsRefuse) {
    for (const auto& operation : document_.operations()) {
        Probe node(GetParam(), operation.id);
        const std::string what = operation.method + " " + operation.path;
        const auto is_described = [&](const Answer& answer, const std::string& expected) {
            EXPECT_EQ(std::to_string(answer.status), expected) << what;
            EXPECT_THAT(
                document_.problems_of_answer(operation.id, expected, answer.content_type, operation.method == "HEAD" ? "" : answer.body),
                IsEmpty())
                << what;
        };
        const bool refuses_first = operation.usual_response == "400" && operation.path.ends_with("/destinations");
        is_described(node.ask(operation, ""), "403");
        if (!operation.body.empty() && operation.path.find("/data") == std::string::npos && !refuses_first) {
            DescribedOperation broken = operation;
            broken.body = "{";
            is_described(node.ask(broken), "400");
        }
        node.be_stopping();
        const Answer stopping = node.ask(operation);
        EXPECT_EQ(stopping.status == 503, operation.responses.contains("503")) << what << " answered " << stopping.status;
    }
}

TEST_P(TheApiDocument, LacksNoMethodOfItsPaths) {
    Probe node(GetParam(), "");
    for (const auto& operation : document_.operations()) {
        const auto described = document_.methods(operation.path);
        for (const auto& method : kMethods) {
            if (described.contains(method)) continue;
            const Answer answer = node.ask(method, operation.target);
            const std::string what = method + " " + operation.target;
            if (operation.path.starts_with("/security/") && answer.status == 400 && method != "POST")
                continue;  // The wrong form of a path.
            EXPECT_EQ(answer.status, 405) << what;
            EXPECT_EQ(methods_of(answer.header("Allow")), described) << what;
        }
    }
}

TEST_P(TheApiDocument, LacksNoPath) {
    Probe node(GetParam(), "");
    std::set<std::string> targets = {"", "/", "/version", "/objects", "/destinations/", "/security", "/healthy", "/swagger"};
    for (const auto& operation : document_.operations()) {
        const std::string path = operation.target.substr(0, operation.target.find('?'));
        targets.insert(path + "/more");
        targets.insert(path.substr(0, path.rfind('/')) + "/more");
    }
    for (const auto& target : targets) {
        if (document_.has_path_like(target)) continue;
        for (const auto& method : kMethods) {
            const int status = node.ask(method, target).status;
            EXPECT_TRUE(status == 404 || status == 400) << method << " " << target << " answered " << status;
        }
    }
}

}  // namespace
}  // namespace edgesync::api
