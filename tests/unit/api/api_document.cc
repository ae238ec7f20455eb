#include "api_document.h"

#include <algorithm>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "kernel/swagger/document.h"

namespace edgesync::api {
namespace {

using Json = nlohmann::ordered_json;
using Problems = std::vector<std::string>;

constexpr char kRoot[] = "/api/v1";
const std::set<std::string> kMethods = {"get", "put", "post", "delete", "head", "options", "patch", "trace"};

std::string capitals(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
    return text;
}

std::vector<std::string> segments_of(const std::string& path) {
    std::vector<std::string> segments;
    std::stringstream stream(path);
    for (std::string segment; std::getline(stream, segment, '/');) segments.push_back(segment);
    return segments;
}

bool is_parameter(const std::string& segment) { return segment.starts_with("{"); }

std::string text_of(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

}  // namespace

struct ApiDocument::Parts {
    Json root;

    const Json& resolved(const Json& node) const {
        const auto reference = node.find("$ref");
        if (!node.is_object() || reference == node.end()) return node;
        return root.at(Json::json_pointer(reference->get<std::string>().substr(1)));
    }

    /// Calls `visit` with path, method and operation; the parameters of the path are among those of the operation.
    void each(const std::function<void(const std::string&, const std::string&, const Json&)>& visit) const {
        for (const auto& [path, item] : root["paths"].items()) {
            for (const auto& [method, operation] : item.items()) {
                if (!kMethods.contains(method)) continue;
                Json complete = operation;
                Json parameters = item.value("parameters", Json::array());
                for (const auto& parameter : operation.value("parameters", Json::array())) parameters.push_back(parameter);
                for (auto& parameter : parameters) parameter = Json(resolved(parameter));
                complete["parameters"] = parameters;
                visit(path, capitals(method), complete);
            }
        }
    }

    /// A schema with everything of its `allOf` in it.
    Json flat(const Json& schema) const {
        Json result = resolved(schema);
        if (!result.contains("allOf")) return result;
        const Json parts = result["allOf"];
        result.erase("allOf");
        for (const auto& part : parts) {
            const Json more = flat(part);
            for (const auto& [key, value] : more.items()) {
                if (key == "required") {
                    for (const auto& name : value) result["required"].push_back(name);
                } else if (key == "properties") {
                    result["properties"].update(value);
                } else if (!result.contains(key)) {
                    result[key] = value;
                }
            }
        }
        return result;
    }

    void check(const Json& value, const Json& given, const std::string& where, Problems& problems) const;
    void check_object(const Json& value, const Json& schema, const std::string& where, Problems& problems) const;
};

void ApiDocument::Parts::check_object(const Json& value, const Json& schema, const std::string& where, Problems& problems) const {
    for (const auto& name : schema.value("required", Json::array())) {
        if (!value.contains(name.get<std::string>())) problems.push_back(where + " has no " + name.get<std::string>());
    }
    const Json properties = schema.value("properties", Json::object());
    for (const auto& [name, member] : value.items()) {
        if (!properties.contains(name)) {
            problems.push_back(where + "." + name + " is not described");
        } else {
            check(member, properties[name], where + "." + name, problems);
        }
    }
}

void ApiDocument::Parts::check(const Json& value, const Json& given, const std::string& where, Problems& problems) const {
    const Json schema = flat(given);
    if (const auto choices = schema.find("anyOf"); choices != schema.end()) {
        const bool fits = std::any_of(choices->begin(), choices->end(), [&](const Json& choice) {
            Problems ignored;
            check(value, choice, where, ignored);
            return ignored.empty();
        });
        if (!fits) problems.push_back(where + " fits none of its schemas: " + value.dump());
        return;
    }
    if (value.is_null() && schema.value("nullable", false)) return;
    const std::string type = schema.value("type", "");
    const bool fits = type.empty() || (type == "object" && value.is_object()) || (type == "array" && value.is_array()) ||
                      (type == "string" && value.is_string()) || (type == "integer" && value.is_number_integer()) ||
                      (type == "boolean" && value.is_boolean());
    if (!fits) return problems.push_back(where + " is no " + type + ": " + value.dump());
    const Json allowed = schema.value("enum", Json::array());
    if (!allowed.empty() && std::find(allowed.begin(), allowed.end(), value) == allowed.end()) {
        problems.push_back(where + " has an undescribed value: " + value.dump());
    }
    if (type == "object") check_object(value, schema, where, problems);
    if (type != "array") return;
    for (const auto& item : value) check(item, schema["items"], where + "[]", problems);
}

ApiDocument::ApiDocument(NodeRole role) : parts_(std::make_unique<Parts>()) {
    std::stringstream text;
    text << std::ifstream(EDGESYNC_API_DOCUMENT).rdbuf();
    parts_->root = Json::parse(swagger::document_for(role, text.str()));
}

ApiDocument::~ApiDocument() = default;

namespace {

/// The examples of a body or an answer.
std::vector<Json> examples_of(const Json& content) {
    if (content.contains("example")) return {content["example"]};
    std::vector<Json> examples;
    for (const auto& example : content.value("examples", Json::object())) examples.push_back(example["value"]);
    return examples;
}

std::string usual_response(const Json& responses) {
    for (const auto& [status, response] : responses.items()) {
        if (status.starts_with("2")) return status;
    }
    for (const auto& [status, response] : responses.items()) {
        if (response.value("description", "").starts_with("Always")) return status;
    }
    return "";
}

std::string target_of(const std::string& path, const Json& parameters) {
    std::string target = path.substr(sizeof(kRoot) - 1);
    std::string query;
    for (const auto& parameter : parameters) {
        if (!parameter.contains("example")) continue;
        const std::string name = parameter["name"];
        const std::string value = text_of(parameter["example"]);
        if (parameter["in"] == "query") query += (query.empty() ? "?" : "&") + name + "=" + value;
        if (const auto at = target.find("{" + name + "}"); at != std::string::npos) target.replace(at, name.size() + 2, value);
    }
    return target + query;
}

}  // namespace

std::vector<DescribedOperation> ApiDocument::operations() const {
    std::vector<DescribedOperation> operations;
    parts_->each([&](const std::string& path, const std::string& method, const Json& operation) {
        DescribedOperation described;
        described.id = operation["operationId"];
        described.method = method;
        described.path = path.substr(sizeof(kRoot) - 1);
        described.target = target_of(path, operation["parameters"]);
        if (operation.contains("requestBody")) {
            const auto examples = examples_of(*operation["requestBody"]["content"].begin());
            if (!examples.empty()) described.body = text_of(examples.front());
        }
        for (const auto& [status, response] : operation["responses"].items()) described.responses.insert(status);
        described.usual_response = usual_response(operation["responses"]);
        operations.push_back(std::move(described));
    });
    return operations;
}

std::set<std::string> ApiDocument::routes() const {
    std::set<std::string> routes;
    for (const auto& operation : operations()) routes.insert(operation.method + " " + operation.path);
    return routes;
}

std::set<std::string> ApiDocument::methods(const std::string& path) const {
    std::set<std::string> methods;
    for (const auto& operation : operations()) {
        if (operation.path == path) methods.insert(operation.method);
    }
    return methods;
}

bool ApiDocument::has_path_like(const std::string& path) const {
    const auto wanted = segments_of(kRoot + path);
    for (const auto& [candidate, item] : parts_->root["paths"].items()) {
        const auto segments = segments_of(candidate);
        if (std::equal(segments.begin(), segments.end(), wanted.begin(), wanted.end(),
                       [](const std::string& a, const std::string& b) { return is_parameter(a) || a == b; }))
            return true;
    }
    return false;
}

std::vector<std::string> ApiDocument::values(const std::string& schema) const {
    return parts_->root.at(Json::json_pointer("/components/schemas/" + schema + "/enum")).get<std::vector<std::string>>();
}

Problems ApiDocument::problems() const {
    const Json& root = parts_->root;
    Problems problems;
    const std::function<void(const Json&, const std::string&)> walk = [&](const Json& node, const std::string& where) {
        if (node.is_object() && node.contains("$ref")) {
            const std::string reference = node["$ref"];
            if (!reference.starts_with("#/") || !root.contains(Json::json_pointer(reference.substr(1))))
                problems.push_back(where + " refers to nothing: " + reference);
            if (node.size() != 1) problems.push_back(where + " has members beside $ref");
        }
        if (!node.is_structured()) return;
        for (const auto& [key, child] : node.items()) walk(child, where + "/" + key);
    };
    walk(root, "#");
    if (!problems.empty()) return problems;

    std::set<std::string> tags;
    for (const auto& tag : root["tags"]) tags.insert(tag["name"].get<std::string>());
    std::set<std::string> ids;
    std::map<std::string, std::string> shapes;
    parts_->each([&](const std::string& path, const std::string& method, const Json& operation) {
        const std::string what = method + " " + path;
        if (!path.starts_with(kRoot)) problems.push_back(what + " is not below " + kRoot);
        if (!ids.insert(operation.value("operationId", "")).second) problems.push_back(what + " has no operationId of its own");
        if (operation.value("summary", "").empty()) problems.push_back(what + " has no summary");
        for (const auto& tag : operation.value("tags", Json::array({"none"}))) {
            if (!tags.contains(tag.get<std::string>())) problems.push_back(what + " has an undeclared tag");
        }
        std::set<std::string> in_path;
        std::string shape;
        for (const auto& segment : segments_of(path)) {
            if (is_parameter(segment)) in_path.insert(segment.substr(1, segment.size() - 2));
            shape += is_parameter(segment) ? "/{}" : "/" + segment;
        }
        if (const auto [known, is_new] = shapes.emplace(shape, path); !is_new && known->second != path)
            problems.push_back(what + " cannot be told from " + known->second);
        for (const auto& parameter : operation["parameters"]) {
            if (parameter["in"] == "path" && (in_path.erase(parameter["name"]) == 0 || !parameter.value("required", false)))
                problems.push_back(what + " has a superfluous or optional parameter " + parameter["name"].get<std::string>());
        }
        for (const auto& name : in_path) problems.push_back(what + " does not describe its parameter " + name);
        if (operation.value("responses", Json::object()).empty()) problems.push_back(what + " has no responses");
        for (const auto& [status, response] : operation["responses"].items()) {
            if (parts_->resolved(response).value("description", "").empty()) problems.push_back(what + " does not describe " + status);
        }
        if (usual_response(operation["responses"]).empty()) problems.push_back(what + " has no usual answer");
    });
    return problems;
}

Problems ApiDocument::problems_of_answer(const std::string& operation_id, const std::string& status, const std::string& content_type,
                                         const std::string& body) const {
    Problems problems;
    parts_->each([&](const std::string&, const std::string&, const Json& operation) {
        if (operation["operationId"] != operation_id) return;
        const Json& responses = operation["responses"];
        if (!responses.contains(status)) return problems.push_back("the answer " + status + " is not described");
        const Json content = parts_->resolved(responses[status]).value("content", Json::object());
        const std::string media_type = content_type.substr(0, content_type.find(';'));
        if (content.empty()) {
            if (!body.empty()) problems.push_back("a body that is not described: " + body);
            return;
        }
        if (!content.contains(media_type)) return problems.push_back("the media type '" + media_type + "' is not described");
        const bool is_json = media_type == "application/json";
        if (media_type == "application/octet-stream") return;
        parts_->check(is_json ? Json::parse(body) : Json(body), content[media_type]["schema"], "body", problems);
    });
    return problems;
}

Problems ApiDocument::problems_of_examples() const {
    Problems problems;
    parts_->each([&](const std::string& path, const std::string& method, const Json& operation) {
        if (!operation.contains("requestBody")) return;
        for (const auto& [media_type, content] : operation["requestBody"]["content"].items()) {
            for (const auto& example : examples_of(content)) parts_->check(example, content["schema"], method + " " + path, problems);
        }
    });
    return problems;
}

}  // namespace edgesync::api
