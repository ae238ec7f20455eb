// From configuration to the files that data URIs may name.
#pragma once

#include "edgesync/sdk/settings.h"
#include "kernel/files/data_files.h"

namespace edgesync::node {

files::DataFileRules data_file_rules(const Settings& settings);

}  // namespace edgesync::node
