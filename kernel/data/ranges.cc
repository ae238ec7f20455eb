#include "kernel/data/ranges.h"

#include <algorithm>

namespace edgesync::data {

void add_range(std::vector<ByteRange>& set, ByteRange added) {
    if (added.begin >= added.end) return;
    auto first =
        std::lower_bound(set.begin(), set.end(), added.begin, [](const ByteRange& range, std::int64_t at) { return range.end < at; });
    auto last = first;
    while (last != set.end() && last->begin <= added.end) {
        added.begin = std::min(added.begin, last->begin);
        added.end = std::max(added.end, last->end);
        ++last;
    }
    const auto at = set.erase(first, last);
    set.insert(at, added);
}

void remove_ranges(std::vector<ByteRange>& set, const std::vector<ByteRange>& removed) {
    std::vector<ByteRange> left;
    for (const auto& held : set) {
        std::int64_t at = held.begin;
        for (const auto& range : removed) {
            if (range.end <= at) continue;
            if (range.begin >= held.end) break;
            if (range.begin > at) left.push_back({at, range.begin});
            at = range.end;
        }
        if (at < held.end) left.push_back({at, held.end});
    }
    set = std::move(left);
}

bool covers(const std::vector<ByteRange>& set, std::int64_t total) { return total <= 0 || contains(set, {0, total}); }

bool contains(const std::vector<ByteRange>& set, ByteRange range) {
    return std::any_of(set.begin(), set.end(), [&](const ByteRange& held) { return held.begin <= range.begin && held.end >= range.end; });
}

std::vector<ByteRange> missing(const std::vector<ByteRange>& set, std::int64_t total) {
    std::vector<ByteRange> gaps;
    std::int64_t at = 0;
    for (const auto& range : set) {
        if (range.begin >= total) break;
        if (range.begin > at) gaps.push_back({at, range.begin});
        at = std::max(at, range.end);
    }
    if (at < total) gaps.push_back({at, total});
    return gaps;
}

std::int64_t size_of(const std::vector<ByteRange>& set) {
    std::int64_t size = 0;
    for (const auto& range : set) size += range.end - range.begin;
    return size;
}

}  // namespace edgesync::data
