// Data of own objects that stays in a file of an application (sourceDataUri).
#pragma once

#include "kernel/delivery/outbox.h"
#include "kernel/files/data_files.h"

namespace edgesync::data {

/// Opens the file of an object's sourceDataUri to send it, and reads it once for its digest: so the receiver finds out if the file changes
/// between the parts of a transfer. Blocks on disk.
/// @throws files::FileError; Error{Corrupt} if its size is not what it was when the object was published, or if it changes just now.
delivery::PushSource open_source(const files::DataFiles& files, const ObjectRecord& object);

}  // namespace edgesync::data
