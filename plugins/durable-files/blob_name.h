// The name of a blob's file: its id, in one of 256 folders. Never made from what users say.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "edgesync/sdk/store.h"

namespace edgesync::durable {

/// 32 lower-case hexadecimal digits.
std::string name_of(const BlobId& id);
/// What `name_of` made; nullopt for any other name.
std::optional<BlobId> blob_named(const std::string& name);

/// The folder of a blob's file: the last two digits of its name, because ids may begin alike.
std::string folder_of(const BlobId& id);
std::string folder_of(std::uint8_t number);
/// Folder and name.
std::filesystem::path path_of(const BlobId& id);

}  // namespace edgesync::durable
