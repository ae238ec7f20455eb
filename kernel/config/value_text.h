// How the text of a value becomes a bool, a number or a list.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace edgesync::config {

struct ParsedBool {
    bool value = false;
    bool is_recognised = true;  ///< False: neither a true nor a false word; the value is then false, as it always was.
};

/// `1 t true yes on` are true, `0 f false no off` and empty are false, in any case of letters.
ParsedBool parse_bool(std::string_view text);

struct ParsedInteger {
    std::int64_t value = 0;
    bool has_trailing_text = false;  ///< "10s": the number counts, the rest is ignored.
};

/// Leading decimal integer; empty is 0. nullopt: no digit at the start, or beyond 64 bits.
std::optional<ParsedInteger> parse_integer(std::string_view text);

/// Separated by commas, blanks around elements removed, empty elements dropped.
std::vector<std::string> parse_list(std::string_view text);

/// ASCII letters in lower case; other bytes as they are.
std::string lower_case(std::string_view text);

}  // namespace edgesync::config
