// Version ranges, times and names: refused, or consistent with themselves. A version and a range are divided by a line feed.
#include "kernel/objects/names.h"
#include "kernel/objects/time_text.h"
#include "kernel/objects/version_range.h"
#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace edgesync::objects;
    using edgesync::fuzz::require;
    const std::string_view text = edgesync::fuzz::text_of(data, size);
    const auto line = text.find('\n');
    const std::string_view version = text.substr(0, line);
    const std::string_view range = line == std::string_view::npos ? text : text.substr(line + 1);
    const bool is_inside = version_in_range(version, range);
    require(!is_inside || (is_version(version) && is_version_range(range)), "only a version lies in a range");
    if (is_version(version)) {
        require(version_in_range(version, version), "a version lies in the range that begins with it");
        require(version_in_range(version, "[" + std::string(version) + "," + std::string(version) + "]"), "and in the range of itself");
        require(!version_in_range(version, "(" + std::string(version) + ",INFINITY)"), "but not beyond itself");
    }
    if (const auto time = parse_rfc3339(text)) require(parse_rfc3339(to_rfc3339(*time)).has_value(), "a time can be written and read");
    const std::string escaped = html_escape(text);
    require(escaped.find_first_of("<>\"'") == std::string::npos, "escaped text has no marks");
    if (is_valid_name(text)) require(escaped == text, "a name needs no escapes");
    return 0;
}
