// Access control lists: /api/v1/security/... of a CSS (rest-api 7).
#pragma once

#include <string_view>

#include "kernel/api/call.h"
#include "kernel/security/acl_cache.h"

namespace edgesync::api {

class SecurityHandler {
public:
    explicit SecurityHandler(const Environment& environment) : environment_(environment) {}

    /// The caller is authenticated, or `Failed`. `rest`: raw, behind "security/".
    void handle(const CallPtr& call, std::string_view rest) const;

private:
    struct Target;
    void get(const CallPtr& call, Target target) const;
    void put(const CallPtr& call, const Target& target) const;
    void remove(const CallPtr& call, const Target& target) const;
    void list_keys(const CallPtr& call, const Target& target) const;
    using Change = std::function<void(WriteTransaction&)>;
    void change(const CallPtr& call, const std::string& org, Change change) const;

    const Environment& environment_;
};

}  // namespace edgesync::api
