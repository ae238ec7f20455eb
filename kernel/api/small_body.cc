#include "kernel/api/small_body.h"

#include <nlohmann/json.hpp>

#include "edgesync/sdk/error.h"

namespace edgesync::api {
namespace {

using Json = nlohmann::json;

constexpr int kMaxDepth = 64;
constexpr std::size_t kLongestProblem = 200;

[[noreturn]] void invalid(const std::string& problem) { throw Error(ErrorKind::InvalidRequest, problem); }

Json parse(std::string_view json) {
    if (json.find_first_not_of(" \t\r\n") == std::string_view::npos) invalid("EOF");
    // A container's depth is that of what it lies in; it is asked before it is entered.
    const auto check_depth = [](int depth, Json::parse_event_t event, Json&) {
        const bool begins = event == Json::parse_event_t::array_start || event == Json::parse_event_t::object_start;
        if (begins && depth >= kMaxDepth) invalid("nesting exceeds " + std::to_string(kMaxDepth) + " levels");
        return true;
    };
    try {
        return Json::parse(json.begin(), json.end(), check_depth);
    } catch (const Json::exception& error) {
        std::string text = error.what();
        const auto bracket = text.find("] ");  // Behind the library's own number of the mistake.
        if (bracket != std::string::npos) text.erase(0, bracket + 2);
        // It repeats what was read, however long that is.
        if (text.size() > kLongestProblem) text.replace(kLongestProblem, std::string::npos, "...");
        invalid(text);
    }
}

std::vector<std::string> texts_of(const Json& list, const std::string& name) {
    std::vector<std::string> texts;
    for (const auto& item : list) {
        if (!item.is_string()) invalid(name + " must have strings only");
        texts.push_back(item.get<std::string>());
    }
    return texts;
}

}  // namespace

std::string lower_case(std::string_view text) {
    std::string result(text);
    for (char& c : result) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    return result;
}

std::vector<std::string> texts_from_json(std::string_view json) {
    const Json document = parse(json);
    if (document.is_null()) return {};
    if (!document.is_array()) invalid("the body must be an array of strings");
    return texts_of(document, "the array");
}

SmallBody::SmallBody(std::string_view json) : document_(std::make_shared<const Json>(parse(json))), object_(document_.get()) {
    if (!object_->is_object()) invalid("the body must be an object");
}

SmallBody::SmallBody(std::shared_ptr<const Json> document, const Json& object, const std::string& what)
    : document_(std::move(document)), object_(&object) {
    if (!object_->is_object()) invalid(what + " must have objects only");
}

const Json* SmallBody::find(std::string_view name) const {
    const Json* found = nullptr;
    for (const auto& [member, value] : object_->items()) {
        if (lower_case(member) == name) found = value.is_null() ? nullptr : &value;
    }
    return found;
}

const Json* SmallBody::find_array(std::string_view name) const {
    const Json* found = find(name);
    if (found != nullptr && !found->is_array()) invalid("field " + std::string(name) + " must be an array");
    return found;
}

std::string SmallBody::text(std::string_view name) const {
    const Json* found = find(name);
    if (found == nullptr) return {};
    if (!found->is_string()) invalid("field " + std::string(name) + " must be a string");
    return found->get<std::string>();
}

std::vector<std::string> SmallBody::list(std::string_view name) const {
    const Json* found = find_array(name);
    return found == nullptr ? std::vector<std::string>() : texts_of(*found, "field " + std::string(name));
}

std::vector<SmallBody> SmallBody::objects(std::string_view name) const {
    std::vector<SmallBody> result;
    const Json* found = find_array(name);
    if (found == nullptr) return result;
    result.reserve(found->size());
    for (const auto& item : *found) result.push_back(SmallBody(document_, item, "field " + std::string(name)));
    return result;
}

}  // namespace edgesync::api
