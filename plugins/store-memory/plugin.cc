#include "memory_store.h"

using edgesync::memory::MemoryStore;
EDGESYNC_PLUGIN(Store, "memory", "0.1.0", MemoryStore);
