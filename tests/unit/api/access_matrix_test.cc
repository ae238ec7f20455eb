// Who may do what: every route x role of the node x caller x own or other organization x public or not x type of the object. What each
// caller may do is said by a table of rights, what each route needs by a table of routes; neither comes from the code under test.
#include <algorithm>
#include <set>
#include <sstream>

#include "api_fixture.h"
#include "callers.h"
#include "kernel/addressing/distribution.h"
#include "kernel/addressing/work_payload.h"
#include "kernel/api/routes.h"
#include "kernel/security/acl_list.h"

namespace edgesync::api {
namespace {

/// The words of a right:
///   all, public    sees all objects of the type, or public ones only (neither: is refused)
///   write          creates, updates, uploads, places and deletes objects
///   hooks          registers webhooks
///   query          asks about the whole organization
///   nodes          lists nodes and what is on its way to them
///   admin          changes access lists and the record of the organization
///   orgs           lists organizations
///   resend, stop, known      asks for a resend, stops the node, is somebody at all
struct Rights {
    const char* caller;
    const char* own_on_css;
    const char* other_on_css;
    const char* own_on_ess;
    const char* other_on_ess;
};

constexpr char kEverything[] = "all write hooks query nodes admin orgs resend stop known";

/// "rita" has a reader's entry, "wim" a writer's one, "will" in addition one for all destinations.
constexpr Rights kRights[] = {
    {"Failed", "", "", "", ""},
    {"EdgeNode", "", "", "", ""},
    {"Admin", "all write hooks query nodes admin orgs resend known", "public query orgs resend known",
     "all write hooks admin orgs resend known", "orgs known"},
    {"ObjectAdmin", "all write hooks query nodes known", "public query known", "all write hooks known", "known"},
    {"User", "public query nodes resend known", "public query resend known", "all write hooks resend known", "known"},
    {"User:rita", "all query nodes resend known", "public query resend known", "all write hooks resend known", "known"},
    {"User:wim", "all hooks query nodes resend known", "public query resend known", "all write hooks resend known", "known"},
    {"User:will", "all write hooks query nodes resend known", "public query resend known", "all write hooks resend known", "known"},
    {"SyncAdmin", kEverything, kEverything, kEverything, kEverything},
    {"Service", "nodes known", "known", "all write known", "known"},
    {"NodeUser", "public query nodes known", "public query known", "all write hooks known", "known"},
    {"NodeUser:rita", "all query nodes known", "public query known", "all write hooks known", "known"},
    {"NodeUser:wim", "all hooks query nodes known", "public query known", "all write hooks known", "known"},
    {"NodeUser:will", "all write hooks query nodes known", "public query known", "all write hooks known", "known"},
};

constexpr char kManifests[] = "agent_upgrade_manifests";

/// What a route does with a caller who sees public objects only, or has no right at all.
enum class Kind {
    One,        ///< One object: who does not see it is refused.
    List,       ///< A list: who sees nothing of it finds nothing.
    Query,      ///< A list that is empty then.
    Operation,  ///< Only for who sees all objects of the type.
    Right,      ///< Needs the right `need`.
};

struct Route {
    const char* name;
    const char* roles;  ///< "CSS ESS"
    const char* method;
    const char* target;  ///< {object}, {type}, {org}: of the object, with the organization on a CSS.
    const char* body;    ///< {meta}: publishes the object.
    Kind kind;
    const char* need;
    ObjectStatus state;  ///< Of the object before.
    int allowed;         ///< Status for who may.
};

constexpr auto kReady = ObjectStatus::Ready;
constexpr auto kGot = ObjectStatus::CompletelyReceived;

const Route kRoutes[] = {
    {"GetObject", "CSS ESS", "GET", "{object}", "", Kind::One, "", kReady, 200},
    {"GetStatus", "CSS ESS", "GET", "{object}/status", "", Kind::One, "", kReady, 200},
    {"GetData", "CSS ESS", "GET", "{object}/data", "", Kind::One, "", kReady, 200},
    {"GetDestinations", "CSS", "GET", "{object}/destinations", "", Kind::One, "", kReady, 200},
    {"GetDestinations", "ESS", "GET", "{object}/destinations", "", Kind::One, "", kReady, 404},
    {"PutObject", "CSS ESS", "PUT", "{object}", "{meta}", Kind::Right, "write", kReady, 204},
    {"PutData", "CSS ESS", "PUT", "{object}/data", "x", Kind::Right, "write", kReady, 204},
    {"DeleteObject", "CSS ESS", "DELETE", "{object}", "", Kind::Right, "write", kReady, 204},
    {"PutDestinations", "CSS", "PUT", "{object}/destinations", "[]", Kind::Right, "write", kReady, 204},
    {"PutDestinations", "ESS", "PUT", "{object}/destinations", "[]", Kind::Right, "known", kReady, 400},
    {"PostDestinations", "CSS", "POST", "{object}/destinations", R"({"action":"add","destinations":[]})", Kind::Right, "write", kReady,
     204},
    {"PostDestinations", "ESS", "POST", "{object}/destinations", "{}", Kind::Right, "known", kReady, 400},
    {"Consumed", "CSS ESS", "PUT", "{object}/consumed", "", Kind::Operation, "", kGot, 204},
    {"Received", "CSS ESS", "PUT", "{object}/received", "", Kind::Operation, "", kGot, 204},
    {"Deleted", "CSS ESS", "PUT", "{object}/deleted", "", Kind::Operation, "", ObjectStatus::ObjDeleted, 204},
    {"Activate", "CSS ESS", "PUT", "{object}/activate", "", Kind::Operation, "", kReady, 204},
    {"PolicyReceived", "CSS", "PUT", "{object}/policyreceived", "", Kind::Operation, "", kReady, 204},
    {"PolicyReceived", "ESS", "PUT", "{object}/policyreceived", "", Kind::Operation, "", kReady, 400},
    {"OperationByAnotherMethod", "CSS ESS", "POST", "{object}/consumed", "", Kind::Operation, "", kGot, 405},
    {"UpdatedObjects", "CSS ESS", "GET", "{type}", "", Kind::List, "", kGot, 200},
    {"AllObjects", "CSS ESS", "GET", "{type}?all_objects=true", "", Kind::List, "", kReady, 200},
    {"PutHook", "CSS ESS", "PUT", "{type}", R"({"action":"register","url":"http://a/"})", Kind::Right, "hooks", kReady, 204},
    {"PolicyObjects", "CSS", "GET", "{org}?destination_policy=true", "", Kind::Query, "query", kReady, 200},
    {"FilteredObjects", "CSS", "GET", "{org}?filters=true", "", Kind::Query, "query", kReady, 200},
    {"ObjectTypes", "CSS", "GET", "{org}?list_object_type=true", "", Kind::Query, "query", kReady, 200},
    {"Nodes", "CSS", "GET", "/destinations/acme", "", Kind::Right, "nodes", kReady, 200},
    {"ObjectsOfNode", "CSS", "GET", "/destinations/acme/camera/cam7/objects", "", Kind::Right, "nodes", kReady, 200},
    {"Nodes", "ESS", "GET", "/destinations", "", Kind::Right, "known", kReady, 404},
    {"Organizations", "CSS", "GET", "/organizations", "", Kind::Right, "orgs", kReady, 200},
    {"PutOrganization", "CSS", "PUT", "/organizations/acme", R"({"orgID":"acme"})", Kind::Right, "admin", kReady, 204},
    {"DeleteOrganization", "CSS", "DELETE", "/organizations/acme", "", Kind::Right, "admin", kReady, 204},
    {"Organizations", "ESS", "GET", "/organizations", "", Kind::Right, "orgs", kReady, 400},
    {"PutOrganization", "ESS", "PUT", "/organizations/acme", R"({"orgID":"acme"})", Kind::Right, "admin", kReady, 400},
    {"DeleteOrganization", "ESS", "DELETE", "/organizations/acme", "", Kind::Right, "admin", kReady, 400},
    {"GetAccessList", "CSS", "GET", "/security/objects/acme/model", "", Kind::Right, "admin", kReady, 200},
    {"PutAccessList", "CSS", "PUT", "/security/objects/acme/lists", R"({"action":"add","users":[]})", Kind::Right, "admin", kReady, 204},
    {"GetAccessListOfAllTypes", "CSS", "GET", "/security/destinations/acme", "", Kind::Right, "admin", kReady, 200},
    {"PutAccessListOfAllTypes", "CSS", "PUT", "/security/objects/acme", R"({"action":"add","users":[]})", Kind::Right, "admin", kReady,
     204},
    {"DeleteAccessList", "CSS", "DELETE", "/security/destinations/acme/lists/user/zoe", "", Kind::Right, "admin", kReady, 204},
    {"Resend", "CSS", "POST", "/resend", "", Kind::Right, "resend", kReady, 400},
    {"Resend", "ESS", "POST", "/resend", "", Kind::Right, "resend", kReady, 204},
    {"PutResend", "CSS", "PUT", "/resend", "", Kind::Right, "resend", kReady, 400},
    {"PutResend", "ESS", "PUT", "/resend", "", Kind::Right, "resend", kReady, 204},
    {"Shutdown", "CSS ESS", "POST", "/shutdown", "", Kind::Right, "stop", kReady, 204},
    {"Health", "CSS ESS", "GET", "/health", "", Kind::Right, "known", kReady, 200},
    {"HeadHealth", "CSS ESS", "HEAD", "/health", "", Kind::Right, "known", kReady, 200},
};

std::vector<std::string> segments_of(std::string_view path) {
    std::istringstream in{std::string(path.substr(0, path.find('?')))};
    std::vector<std::string> segments;
    for (std::string segment; std::getline(in, segment, '/');) segments.push_back(segment);
    return segments;
}

std::string target_of(const Route& route, NodeRole role, const std::string& type) {
    const std::string org = role == NodeRole::Css ? "/objects/acme" : "/objects";
    std::string target = route.target;
    for (const auto& [name, value] :
         {std::pair<std::string, std::string>{"{object}", org + "/" + type + "/m1"}, {"{type}", org + "/" + type}, {"{org}", org}}) {
        if (target.starts_with(name)) target.replace(0, name.size(), value);
    }
    return target;
}

/// Whether a request of the matrix is one for `path`, as the service's own table has it: "/objects/{orgID}/{objectType}".
bool is_for(const Route& route, std::string_view path, NodeRole role) {
    const auto asked = segments_of(target_of(route, role, "model"));
    const auto wanted = segments_of(path);
    return std::equal(asked.begin(), asked.end(), wanted.begin(), wanted.end(),
                      [](const std::string& one, const std::string& other) { return other.starts_with('{') || one == other; });
}

bool has_role(const Route& route, NodeRole role) {
    return std::string_view(route.roles).find(role == NodeRole::Css ? "CSS" : "ESS") != std::string_view::npos;
}

TEST(AccessMatrixRoutes, AreAllThatTheServiceHasByEveryMethod) {
    std::size_t count = 0;
    for (const RouteEntry& entry : routes()) {
        for (const NodeRole role : {NodeRole::Css, NodeRole::Ess}) {
            const std::string_view path = role == NodeRole::Css ? entry.css : entry.ess;
            if (path.empty()) continue;
            std::istringstream methods(entry.methods);
            for (std::string method; std::getline(methods >> std::ws, method, ',');) {
                ++count;
                const bool is_there = std::any_of(std::begin(kRoutes), std::end(kRoutes), [&](const Route& route) {
                    return has_role(route, role) && route.method == method && is_for(route, path, role);
                });
                EXPECT_TRUE(is_there) << method << " " << path << " on " << (role == NodeRole::Css ? "a CSS" : "an ESS")
                                      << " has no line in the matrix";
            }
        }
    }
    EXPECT_GT(count, 50U);
}

TEST(AccessMatrixRoutes, AreNoneThatTheServiceHasNot) {
    for (const Route& route : kRoutes) {
        for (const NodeRole role : {NodeRole::Css, NodeRole::Ess}) {
            if (!has_role(route, role)) continue;
            const auto all = routes();
            EXPECT_TRUE(std::any_of(all.begin(), all.end(), [&](const RouteEntry& entry) {
                const std::string_view path = role == NodeRole::Css ? entry.css : entry.ess;
                return !path.empty() && is_for(route, path, role);
            })) << route.name;
        }
    }
}

struct Case {
    const Route* route = nullptr;
    NodeRole role = NodeRole::Css;
};
void PrintTo(const Case& value, std::ostream* out) { *out << value.route->name; }

std::vector<Case> cases() {
    std::vector<Case> all;
    for (const Route& route : kRoutes) {
        const std::string_view roles = route.roles;
        if (roles.find("CSS") != std::string_view::npos) all.push_back({&route, NodeRole::Css});
        if (roles.find("ESS") != std::string_view::npos) all.push_back({&route, NodeRole::Ess});
    }
    return all;
}

/// One request of the matrix.
struct Cell {
    const Rights* rights = nullptr;
    bool is_own = true;
    bool is_public = false;
    std::string type = "model";

    std::string caller() const { return std::string(rights->caller) + (is_own ? "" : "@other"); }
};

std::set<std::string> rights_of(const Cell& cell, NodeRole role) {
    const Rights& row = *cell.rights;
    const char* words =
        role == NodeRole::Css ? (cell.is_own ? row.own_on_css : row.other_on_css) : (cell.is_own ? row.own_on_ess : row.other_on_ess);
    std::istringstream in(words);
    std::set<std::string> rights;
    for (std::string word; in >> word;) rights.insert(word);
    // The manifests of the edge agent on a CSS: object administrators read them only, nodes of the organization always do.
    if (role == NodeRole::Css && cell.is_own && cell.type == kManifests) {
        const std::string_view caller = row.caller;
        if (caller == "ObjectAdmin") rights.erase("write");
        if (caller.starts_with("NodeUser")) rights.insert("all");
    }
    return rights;
}

int expected_status(const Route& route, const std::set<std::string>& rights, bool is_public) {
    const bool sees_it = rights.contains("all") || (rights.contains("public") && is_public);
    const bool is_refused = !rights.contains("all") && !rights.contains("public");
    switch (route.kind) {
        case Kind::One: return sees_it ? route.allowed : 403;
        case Kind::List: return is_refused ? 403 : sees_it ? route.allowed : 404;
        case Kind::Operation: return rights.contains("all") ? route.allowed : 403;
        case Kind::Query:
        case Kind::Right: return rights.contains(route.need) ? route.allowed : 403;
    }
    return 0;
}

class AccessMatrix : public ApiTest, public ::testing::WithParamInterface<Case> {
protected:
    AccessMatrix() : ApiTest(GetParam().role) {
        if (role_ == NodeRole::Css) add_node("camera", "cam7");
        in_store([](WriteTransaction& txn) {
            using namespace security;
            for (const auto user : {AclUserType::User, AclUserType::Node}) {
                for (const char* type : {"model", kManifests}) {
                    put_acl(txn, "acme", AclKind::Objects, type,
                            {{user, "rita", AclRole::Reader}, {user, "wim", AclRole::Writer}, {user, "will", AclRole::Writer}});
                }
                put_acl(txn, "acme", AclKind::Destinations, kAllTypes, {{user, "will", std::nullopt}});
            }
        });
    }

    /// The one object of the organization, as it was before the first request.
    void restore(const Route& route, const Cell& cell) {
        in_store([&](WriteTransaction& txn) {
            for (const char* type : {"model", kManifests}) {
                if (const auto old = txn.object({"acme", type, "m1"})) addressing::purge(txn, *old);
            }
            txn.put_entry(EntryTable::Organization, {"acme"}, addressing::join_fields({"", "", ""}));
            put_object(txn, route, cell);
        });
    }

private:
    void put_object(WriteTransaction& txn, const Route& route, const Cell& cell) {
        ObjectRecord record;
        Metadata& meta = record.meta;
        meta.org = "acme";
        meta.object_type = cell.type;
        meta.object_id = "m1";
        meta.origin_type = meta.origin_id = rules::kCloud;
        meta.instance_id = meta.data_id = txn.next_instance_id(node_.now(), 0);
        meta.is_public = cell.is_public;
        meta.consumers = record.remaining_consumers = record.remaining_receivers = 1;
        // A policy in the query that looks for one; anywhere else the object goes to all nodes.
        if (std::string_view(route.name) == "PolicyObjects") meta.destination_policy.emplace();
        record.status = route.state;
        record.side = route.state == kReady ? Side::Sender : Side::Receiver;
        meta.deleted = route.state == ObjectStatus::ObjDeleted;
        BlobRecord blob;
        blob.id = store_->blobs().new_id();
        blob.owner = record.key();
        blob.state = BlobState::Published;
        blob.total = 1;
        txn.put_small_data(blob, std::as_bytes(std::span("x", 1)));
        record.data = blob.id;
        txn.put_object(record);
        if (role_ != NodeRole::Css) return;
        const NodeKey node{"acme", "camera", "cam7"};
        txn.put_delivery({record.key(), node, DeliveryStatus::Delivering, ""});
        txn.put_notification({record.key(), node, NotificationStatus::UpdatePending, meta.instance_id, meta.data_id, node_.now(), 0});
    }
};

TEST_P(AccessMatrix, Route) {
    const Route& route = *GetParam().route;
    const bool has_object = std::string_view(route.target).starts_with('{');
    std::vector<Cell> cells;
    for (const Rights& rights : kRights) {
        for (const bool is_own : {true, false}) {
            for (const bool is_public : {false, true}) {
                if (!has_object && is_public) continue;
                cells.push_back({&rights, is_own, is_public, "model"});
                if (has_object) cells.push_back({&rights, is_own, is_public, kManifests});
            }
        }
    }
    for (const Cell& cell : cells) {
        restore(route, cell);
        const std::set<std::string> rights = rights_of(cell, role_);
        const std::string meta = R"({"meta":{"objectID":"m1","objectType":")" + cell.type + R"("},"data":"eA=="})";
        const std::string body = std::string_view(route.body) == "{meta}" ? meta : route.body;
        const Answer answer =
            send({.method = route.method, .target = target_of(route, role_, cell.type), .body = body, .key = app_key(cell.caller())});
        const std::string what = std::string(route.name) + " on a " + (role_ == NodeRole::Css ? "CSS" : "ESS") + " by " + cell.caller() +
                                 (has_object ? " of a " + std::string(cell.is_public ? "public " : "private ") + cell.type : "");
        EXPECT_EQ(answer.status, expected_status(route, rights, cell.is_public)) << what << ": " << answer.body;
        if (route.kind == Kind::Query && answer.status == 200) {
            const bool sees_it = rights.contains("all") || cell.is_public;
            EXPECT_EQ(answer.body != "[]", sees_it) << what << ": " << answer.body;
        }
        if (answer.status == 403 && std::string_view(route.name) != "GetData") {
            EXPECT_EQ(answer.body, "Unauthorized") << what;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Matrix, AccessMatrix, ::testing::ValuesIn(cases()), [](const auto& value) {
    return std::string(value.param.route->name) + (value.param.role == NodeRole::Css ? "OnCss" : "OnEss");
});

}  // namespace
}  // namespace edgesync::api
