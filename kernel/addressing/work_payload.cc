#include "kernel/addressing/work_payload.h"

#include "edgesync/sdk/error.h"

namespace edgesync::addressing {

std::string join_fields(const std::vector<std::string>& fields) {
    std::string payload;
    for (const auto& field : fields) {
        payload += std::to_string(field.size());
        payload += ':';
        payload += field;
    }
    return payload;
}

std::vector<std::string> split_fields(const std::string& payload, std::size_t expected) {
    std::vector<std::string> fields;
    std::size_t at = 0;
    while (at < payload.size()) {
        std::size_t length = 0;
        while (at < payload.size() && payload[at] >= '0' && payload[at] <= '9')
            length = length * 10 + static_cast<std::size_t>(payload[at++] - '0');
        if (at >= payload.size() || payload[at] != ':' || length > payload.size() - at - 1) break;
        fields.push_back(payload.substr(at + 1, length));
        at += 1 + length;
    }
    if (at != payload.size() || fields.size() != expected) throw Error(ErrorKind::InvalidRequest, "A stored record cannot be read");
    return fields;
}

}  // namespace edgesync::addressing
