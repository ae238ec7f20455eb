// The files of the browsable page.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "edgesync/sdk/http.h"
#include "edgesync/sdk/store.h"

namespace edgesync::swagger {

/// The files that lie directly in a folder and have a type that a page needs. Which ones is fixed by the constructor, and a request can
/// only name one of them, so that no request can lead out of the folder or list it. Immutable, thread-safe.
class UiFolder {
public:
    /// Links that lead out of `folder` do not count. A folder that cannot be read is an empty one.
    explicit UiFolder(const std::filesystem::path& folder);

    bool has(std::string_view name) const { return files_.contains(name); }
    /// With Content-Type and body; 404 without text if there is no such file.
    HttpResponse answer(std::string_view name) const;

private:
    struct File {
        std::filesystem::path path;
        const char* content_type;
    };
    std::map<std::string, File, std::less<>> files_;
};

}  // namespace edgesync::swagger
