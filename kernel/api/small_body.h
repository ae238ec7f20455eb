// JSON bodies of the calls that administrate: lists of texts, and objects of texts.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace edgesync::api {

/// ["a","b"]; null is an empty list. @throws Error{InvalidRequest}; "EOF" for an empty body
std::vector<std::string> texts_from_json(std::string_view json);

/// An object whose members a handler asks for by their lower-case names, which match in any case. A member that is null counts as absent;
/// what nobody asks for may be anything. Asking for a member of another type throws Error{InvalidRequest}.
class SmallBody {
public:
    /// @throws Error{InvalidRequest}; "EOF" for an empty body
    explicit SmallBody(std::string_view json);

    bool has(std::string_view name) const { return find(name) != nullptr; }
    /// Empty if it is absent.
    std::string text(std::string_view name) const;
    std::vector<std::string> list(std::string_view name) const;
    std::vector<SmallBody> objects(std::string_view name) const;

private:
    SmallBody(std::shared_ptr<const nlohmann::json> document, const nlohmann::json& object, const std::string& what);
    const nlohmann::json* find(std::string_view name) const;
    const nlohmann::json* find_array(std::string_view name) const;

    std::shared_ptr<const nlohmann::json> document_;
    const nlohmann::json* object_ = nullptr;  ///< In the document.
};

/// ASCII letters only.
std::string lower_case(std::string_view text);

}  // namespace edgesync::api
