// Which handler serves a path.
#pragma once

#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "edgesync/sdk/http.h"

namespace edgesync::http {

/// Thread-safe. Handlers are not owned and must outlive every listener that uses the router. Paths are compared raw: an escaped
/// letter in a prefix does not match it.
class Router {
public:
    /// `prefix` serves itself and everything below it; "/api/v1/objects" and "/api/v1/objects/" mean the same and match
    /// "/api/v1/objects" and "/api/v1/objects/a" but not "/api/v1/objectsx". The longest mount wins. A later mount of the same
    /// prefix replaces the earlier one.
    void mount(const std::string& prefix, HttpHandler& handler);
    /// Serves `path` alone, before any prefix.
    void mount_exact(const std::string& path, HttpHandler& handler);
    /// Null: nobody; the listener answers 404.
    HttpHandler* find(std::string_view path) const;

private:
    struct Mount {
        std::string path;  ///< Without the last '/' of a prefix.
        HttpHandler* handler;
    };
    static void put(std::vector<Mount>& mounts, std::string path, HttpHandler& handler);

    mutable std::shared_mutex mutex_;
    std::vector<Mount> prefixes_;  ///< Longest first.
    std::vector<Mount> exact_;
};

}  // namespace edgesync::http
