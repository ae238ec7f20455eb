#include "callers.h"

#include <stdexcept>

namespace edgesync::api {

std::string app_key(std::string_view caller) {
    const auto at = caller.find('@');
    const std::string org(at == std::string_view::npos ? "acme" : caller.substr(at + 1));
    const std::string_view named = caller.substr(0, at);
    const auto colon = named.find(':');
    const std::string_view code = named.substr(0, colon);
    const auto name_or = [&](const char* usual) { return std::string(colon == std::string_view::npos ? usual : named.substr(colon + 1)); };
    if (code == "Failed") return "";
    if (code == "Garbage") return "nobody";
    if (code == "EdgeNode") return org + "/camera/cam7";
    if (code == "Admin") return "alice@" + org;
    if (code == "ObjectAdmin") return org + "/eve";
    if (code == "User") return name_or("bob") + "@" + org;
    if (code == "SyncAdmin") return "root@" + org;
    if (code == "Service") return org + "$so$1.0$sn";
    if (code == "NodeUser") return name_or("n1") + "%" + org;
    throw std::invalid_argument("unknown caller " + std::string(caller));
}

}  // namespace edgesync::api
