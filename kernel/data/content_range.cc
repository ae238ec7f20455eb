#include "kernel/data/content_range.h"

#include <charconv>

namespace edgesync::data {
namespace {

bool read_number(std::string_view& text, std::int64_t& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || value < 0 || text.front() == '-') return false;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return true;
}

}  // namespace

std::optional<ChunkRange> parse_content_range(std::string_view field, std::string& problem) {
    ChunkRange range;
    std::string_view rest = field;
    problem = "Invalid Content-Range header " + std::string(field.substr(0, 100));
    if (!rest.starts_with("bytes ")) return std::nullopt;
    rest.remove_prefix(6);
    std::int64_t last = 0;
    if (rest.empty() || !read_number(rest, range.begin) || !rest.starts_with('-')) return std::nullopt;
    rest.remove_prefix(1);
    if (rest.empty() || !read_number(rest, last) || !rest.starts_with('/')) return std::nullopt;
    rest.remove_prefix(1);
    if (rest.empty() || !read_number(rest, range.total) || !rest.empty()) return std::nullopt;
    if (last < range.begin || last >= range.total) return std::nullopt;
    range.end = last + 1;
    problem.clear();
    return range;
}

}  // namespace edgesync::data
