#include "kernel/api/security_handler.h"

#include <algorithm>

#include "edgesync/sdk/codec.h"
#include "edgesync/sdk/error.h"
#include "kernel/api/json_list.h"
#include "kernel/api/small_body.h"
#include "kernel/objects/names.h"
#include "kernel/security/acl_list.h"

namespace edgesync::api {
namespace {

using security::AclEntry;
using security::AclKind;
using security::AclRole;
using security::AclUserType;
using security::AuthCode;

constexpr std::size_t kMostUsers = 10000;

std::optional<AclUserType> user_type_of(const std::string& text) {
    const std::string name = lower_case(text);
    if (name == "user") return AclUserType::User;
    if (name == "node") return AclUserType::Node;
    return std::nullopt;
}

[[noreturn]] void refuse(const std::string& text) { throw Error(ErrorKind::InvalidRequest, text); }

std::string quoted(const std::string& text) { return objects::html_escape(text); }

struct GivenEntry {
    std::string user_type;
    std::string name;
    std::string role;
};

/// What a PUT asks for, as it is written.
struct GivenChange {
    std::string action;
    bool has_users = false;
    std::vector<GivenEntry> users;
};

/// @throws Error{InvalidRequest}
GivenChange change_from_json(const std::string& json) {
    const SmallBody body(json);
    GivenChange change{body.text("action"), body.has("users"), {}};
    for (const auto& user : body.objects("users"))
        change.users.push_back({user.text("aclusertype"), user.text("username"), user.text("aclrole")});
    return change;
}

/// @throws Error{InvalidRequest}
AclEntry entry_of(const GivenEntry& given, AclKind kind, bool adds) {
    AclEntry entry;
    const auto type = user_type_of(given.user_type);
    if (!type) refuse("Invalid ACLUserType (" + quoted(given.user_type) + "): the value should be \"user\" or \"node\"");
    entry.user_type = *type;
    entry.name = given.name;
    if (entry.name.find_first_not_of(" \t") == std::string::npos) refuse("The Username must not be empty");
    if (!objects::is_valid_name(entry.name)) refuse("Username (" + quoted(entry.name) + ") contains invalid characters");
    if (kind == AclKind::Destinations || !adds) return entry;
    const std::string role = lower_case(given.role);
    if (role != "aclreader" && role != "aclwriter")
        refuse("Invalid ACLRole (" + quoted(given.role) + "): the value should be \"aclReader\" or \"aclWriter\"");
    entry.role = role == "aclwriter" ? AclRole::Writer : AclRole::Reader;
    return entry;
}

void append_entry(const AclEntry& entry, std::string& out) {
    out += "{\"Username\":";
    codec::append_json_string(out, entry.name);
    out.append(",\"ACLUserType\":\"").append(to_string(entry.user_type));
    out.append("\",\"ACLRole\":\"").append(security::role_text(entry.role)).append("\"}");
}

HttpResponse invalid_key(const std::string& key) {
    return text_answer(400, "Key (destination type/object type) " + quoted(key) + " contains invalid characters");
}

}  // namespace

struct SecurityHandler::Target {
    AclKind kind = AclKind::Objects;
    std::string org;
    std::string key;                ///< Empty: not in the path.
    std::vector<std::string> more;  ///< DELETE: user type and name.

    std::string key_or_all() const { return key.empty() ? security::kAllTypes : key; }
};

void SecurityHandler::handle(const CallPtr& call, std::string_view rest) const {
    const AuthCode code = call->identity.code;
    if (code != AuthCode::Admin && code != AuthCode::SyncAdmin) return call->reply.send(unauthorized());
    const auto segments = parse_segments(rest);
    if (!segments || segments->size() < 2 || segments->size() > 5) return call->reply.empty(400);
    Target target;
    target.org = (*segments)[1];
    if (code == AuthCode::Admin && call->identity.org != target.org) return call->reply.send(unauthorized());
    const std::string& kind = segments->front();
    if (kind != "objects" && kind != "destinations") return call->reply.empty(400);
    target.kind = kind == "objects" ? AclKind::Objects : AclKind::Destinations;
    if (!edgesync::objects::is_valid_name(target.org)) {
        return call->reply.send(error_answer(400, "Organization ID (", quoted(target.org) + ") contains invalid characters"));
    }
    if (segments->size() > 2) target.key = (*segments)[2];
    if (!target.key.empty() && !edgesync::objects::is_valid_name(target.key)) return call->reply.send(invalid_key(target.key));
    for (std::size_t i = 3; i < segments->size(); ++i) target.more.push_back((*segments)[i]);
    const std::string& method = call->request.method;
    call->route = find_route(environment_.context.node.role, Resource::Security, segments->size());
    if (call->route == nullptr) return call->reply.empty(400);
    if (!call->route->allows(method)) {
        // Clients know 400 for the right method with the wrong number of segments.
        const bool is_wrong_path = method == "GET" || method == "PUT" || method == "DELETE";
        return call->reply.send(is_wrong_path ? empty_answer(400) : method_not_allowed(*call->route));
    }
    if (method == "GET") return get(call, std::move(target));
    if (method == "PUT") return put(call, target);
    remove(call, target);
}

void SecurityHandler::get(const CallPtr& call, Target target) const {
    std::optional<AclUserType> type;
    try {
        if (boolean_parameter(call->request, "all_keys").value_or(false)) return list_keys(call, target);
        const std::string asked = call->request.parameter("acl_usertype").value_or("");
        type = user_type_of(asked);
        if (!asked.empty() && !type) {
            return call->reply.send(text_answer(
                400, "Invalid acl user type " + quoted(asked) + " in URL. If specified, the value should be \"user\" or \"node\""));
        }
        if (target.key.empty()) target.key = call->request.parameter("key").value_or("");
    } catch (const Error&) {
        return call->reply.empty(400);
    }
    if (!target.key.empty() && !edgesync::objects::is_valid_name(target.key)) return call->reply.send(invalid_key(target.key));
    send_list(environment_, call, [this, target, type](const std::string& cursor, JsonList& out) {
        std::string next;
        environment_.context.operations.store().read([&](ReadTransaction& txn) {
            auto page = security::acl_entries(txn, target.org, target.kind, target.key_or_all(), cursor, kListPage);
            for (const auto& item : page.items) {
                if (!type || item.entry.user_type == *type) append_entry(item.entry, out.item());
            }
            next = std::move(page.next);
        });
        return next;
    });
}

void SecurityHandler::list_keys(const CallPtr& call, const Target& target) const {
    auto last = std::make_shared<std::string>();
    send_list(environment_, call, [this, target, last](const std::string& cursor, JsonList& out) {
        std::string next;
        environment_.context.operations.store().read([&](ReadTransaction& txn) {
            auto page = security::acl_entries(txn, target.org, target.kind, std::nullopt, cursor, kListPage);
            for (const auto& item : page.items) {
                if (item.key == *last) continue;
                *last = item.key;
                codec::append_json_string(out.item(), item.key);
            }
            next = std::move(page.next);
        });
        return next;
    });
}

void SecurityHandler::put(const CallPtr& call, const Target& target) const {
    GivenChange given;
    try {
        given = change_from_json(call->request.body);
    } catch (const Error& error) {
        return call->reply.send(invalid_json("Invalid JSON for update. Error: ", error));
    }
    const std::string action = lower_case(given.action);
    if (action != "add" && action != "remove") {
        return call->reply.send(error_answer(400, "Invalid action (", quoted(given.action) + ") in payload."));
    }
    const bool adds = action == "add";
    if (!given.has_users) return call->reply.send(error_answer(400, "", "users must be specified"));
    std::vector<AclEntry> entries;
    try {
        if (given.users.size() > kMostUsers) refuse("More than " + std::to_string(kMostUsers) + " users");
        for (const auto& user : given.users) entries.push_back(entry_of(user, target.kind, adds));
    } catch (const Error& error) {
        return call->reply.send(error_answer(400, "Invalid ACL entry for update. Error: ", error.what()));
    }
    change(call, target.org, [target, adds, entries = std::move(entries)](WriteTransaction& txn) {
        const auto apply = adds ? security::put_acl : security::erase_acl;
        apply(txn, target.org, target.kind, target.key_or_all(), entries);
    });
}

void SecurityHandler::remove(const CallPtr& call, const Target& target) const {
    const auto type = user_type_of(target.more[0]);
    if (!type) {
        return call->reply.send(
            text_answer(400, "Invalid acl user type " + quoted(target.more[0]) + " in URL. The value should be \"user\" or \"node\""));
    }
    if (!edgesync::objects::is_valid_name(target.more[1])) {
        return call->reply.send(text_answer(400, "Username (" + quoted(target.more[1]) + ") contains invalid characters"));
    }
    change(call, target.org, [target, entry = AclEntry{*type, target.more[1], std::nullopt}](WriteTransaction& txn) {
        security::erase_acl(txn, target.org, target.kind, target.key_or_all(), {entry});
    });
}

void SecurityHandler::change(const CallPtr& call, const std::string& org, Change change) const {
    environment_.context.operations.run<rules::Done>(
        [org, change = std::move(change)](WriteTransaction& txn, rules::Effects& effects) {
            change(txn);
            effects.acls_of.push_back(org);
            return rules::Done{};
        },
        [this, call, org](const rules::Outcome<rules::Done>& outcome) {
            environment_.context.acls.invalidate(org);
            if (outcome.error) return call->reply.fail(outcome.error);
            call->reply.empty(204);
        });
}

}  // namespace edgesync::api
