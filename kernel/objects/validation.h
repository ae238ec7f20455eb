// The rules that metadata from an application must keep (object model 1.3).
#pragma once

#include "edgesync/sdk/object.h"
#include "edgesync/sdk/settings.h"

namespace edgesync::objects {

struct ValidationInput {
    NodeRole role = NodeRole::Css;
    bool has_data = false;      ///< `data` is in the request, perhaps empty.
    std::size_t data_size = 0;  ///< Bytes.
    TimePoint now = std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now());
};

/// Checks the rules in their order, the first failure wins; then gives `consumers` its meaning (0: 1, -1: unlimited).
/// `path`: what the URL says. @throws Error{InvalidRequest} with the text of the rule.
void validate(Metadata& meta, const ObjectKey& path, const ValidationInput& input);

}  // namespace edgesync::objects
