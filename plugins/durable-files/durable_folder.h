// Folders whose entries survive power loss.
#pragma once

#include <filesystem>
#include <string>

namespace edgesync::durable {

/// @throws Error{NoSpace} if the disk is full, otherwise Error{Io}
[[noreturn]] void fail(const std::string& what, int code);

/// Makes the entries of the folder durable. @throws Error{Io}
void sync_folder(const std::filesystem::path& folder);

/// Creates the folder and its parents where they are missing, durably; the folder itself can be read by its group at most.
/// @throws Error{Io, NoSpace}
void make_folder(const std::filesystem::path& folder);

}  // namespace edgesync::durable
