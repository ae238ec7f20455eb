// JSON bodies of the calls that administrate: lists of texts, and flat objects of texts.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace edgesync::api {

/// ["a","b"]; null is an empty list. @throws Error{InvalidRequest}; "EOF" for an empty body
std::vector<std::string> texts_from_json(std::string_view json);

/// The members of an object whose values are texts, lists of texts, or lists of flat objects; others are ignored, as are members that are
/// null. Names match in any case.
struct SmallBody {
    std::map<std::string, std::string> texts;               ///< By lower-case name.
    std::map<std::string, std::vector<std::string>> lists;  ///< By lower-case name.
    /// Lists of flat objects of texts, both with lower-case names.
    std::map<std::string, std::vector<std::map<std::string, std::string>>> objects;

    /// Empty if it is absent.
    std::string text(const std::string& name) const;
    std::vector<std::string> list(const std::string& name) const;
};

/// @throws Error{InvalidRequest}; "EOF" for an empty body
SmallBody small_body_from_json(std::string_view json);

/// ASCII letters only.
std::string lower_case(std::string_view text);

}  // namespace edgesync::api
