#include "kernel/http/router.h"

#include <algorithm>
#include <mutex>

namespace edgesync::http {

void Router::put(std::vector<Mount>& mounts, std::string path, HttpHandler& handler) {
    for (Mount& mount : mounts) {
        if (mount.path != path) continue;
        mount.handler = &handler;
        return;
    }
    const auto place = std::find_if(mounts.begin(), mounts.end(), [&](const Mount& mount) { return mount.path.size() < path.size(); });
    mounts.insert(place, Mount{std::move(path), &handler});
}

void Router::mount(const std::string& prefix, HttpHandler& handler) {
    std::string path = prefix;
    if (!path.empty() && path.back() == '/') path.pop_back();
    const std::unique_lock lock(mutex_);
    put(prefixes_, std::move(path), handler);
}

void Router::mount_exact(const std::string& path, HttpHandler& handler) {
    const std::unique_lock lock(mutex_);
    put(exact_, path, handler);
}

HttpHandler* Router::find(std::string_view path) const {
    const std::shared_lock lock(mutex_);
    for (const Mount& mount : exact_) {
        if (mount.path == path) return mount.handler;
    }
    for (const Mount& mount : prefixes_) {
        if (!path.starts_with(mount.path)) continue;
        if (path.size() == mount.path.size() || path[mount.path.size()] == '/') return mount.handler;
    }
    return nullptr;
}

}  // namespace edgesync::http
