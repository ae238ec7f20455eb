// JSON text that is read with bounds, and its values by type. Names of fields are those of a refusal's text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace edgesync::codec::json_text {

using Json = nlohmann::json;

/// @throws Error{InvalidRequest}, as everything here does.
[[noreturn]] void invalid(const std::string& problem);

/// What one pass over the octets tells before they are parsed.
struct Outline {
    std::string_view longest;  ///< The longest string value of the outermost object that has no escapes, without its quotes.
    std::size_t data_members = 0;
    std::size_t values = 1;
    bool longest_is_data = false;
};

/// The parser recurses, so depth is bounded before it starts: deeper nesting is refused here.
Outline outline(std::string_view text);
void refuse_many(const Outline& outlined);
void refuse_empty(std::string_view text);

/// For text whose depth was checked.
Json parse_checked(std::string_view text);
/// Checks that there is something, its depth, and not the number of values: lists of objects have many.
Json parse_list(std::string_view text);
/// Checks that there is something, its depth and the number of values.
Json parse(std::string_view text);

/// Null keeps what is in `out`.
void read(const Json& value, const std::string& name, std::string& out);
void read(const Json& value, const std::string& name, bool& out);
void read(const Json& value, const std::string& name, std::int64_t& out);
void read(const Json& value, const std::string& name, std::int32_t& out);
void read(const Json& value, const std::string& name, std::vector<std::string>& out);

/// Calls `field(lower-case name, value)` for each member; the last of equal names wins, as in the traditional service.
void for_each_member(const Json& object, const std::string& what, const std::function<void(const std::string&, const Json&)>& field);

}  // namespace edgesync::codec::json_text
