#include "kernel/api/call.h"

namespace edgesync::api {

std::optional<HttpResponse> check_readable(const Environment& environment, const Call& call, const ObjectRecord* object,
                                           HttpResponse (*refused)()) {
    using security::ReadAccess;
    const ReadAccess access = environment.access.read_object(call.identity, call.key().org, call.key().type, object);
    if (access == ReadAccess::Failed) return unauthorized();
    const bool is_visible = access == ReadAccess::All || (object != nullptr && object->meta.is_public);
    // Who may see public objects only does not learn which others exist.
    if (!is_visible) return refused();
    if (object == nullptr) return empty_answer(404);
    return std::nullopt;
}

}  // namespace edgesync::api
