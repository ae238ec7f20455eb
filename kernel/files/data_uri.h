// `file:` URIs of data: their form, and the names of files in ObjectsDataPath. Nothing here touches a disk.
#pragma once

#include <string>
#include <string_view>

#include "edgesync/sdk/object.h"

namespace edgesync::files {

/// Ends the name of a file that is being written.
inline constexpr std::string_view kTemporaryEnd = ".tmp";

/// The path that a data URI names: absolute, percent-decoded, without ".", ".." and double slashes.
/// @throws FileError{Path} another scheme, a host, query or fragment, a malformed escape, a control character, a relative path or a folder.
std::string path_of_uri(std::string_view uri);
/// The same; empty instead of an error.
std::string path_or_nothing(std::string_view uri);
/// The same for data that is to be written. @throws FileError also for names that end in ".tmp"
std::string destination_of_uri(std::string_view uri);

/// The URI of an absolute path.
std::string uri_of_path(std::string_view path);

/// The name of an object's file in ObjectsDataPath: organization, type and id, percent-encoded and joined by '~'; "sha256-" and a digest of
/// them where that is too long for a file name. Different for different objects, and never that of a file that is being written.
std::string file_name_of(const ObjectKey& key);

}  // namespace edgesync::files
