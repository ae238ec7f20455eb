// Sets of octet ranges: what of a blob is there and what is missing.
#pragma once

#include <cstdint>
#include <vector>

#include "edgesync/sdk/store.h"

namespace edgesync::data {

/// Adds [begin, end); the set stays sorted, disjoint and without adjacent ranges. Empty ranges change nothing.
void add_range(std::vector<ByteRange>& set, ByteRange added);
/// Takes the octets of `removed` out of the set.
void remove_ranges(std::vector<ByteRange>& set, const std::vector<ByteRange>& removed);
/// True if the set covers [0, total). An empty total is always covered.
bool covers(const std::vector<ByteRange>& set, std::int64_t total);
/// True if the set covers all of `range`.
bool contains(const std::vector<ByteRange>& set, ByteRange range);
/// The parts of [0, total) that the set lacks.
std::vector<ByteRange> missing(const std::vector<ByteRange>& set, std::int64_t total);
/// Number of octets in the set.
std::int64_t size_of(const std::vector<ByteRange>& set);

}  // namespace edgesync::data
