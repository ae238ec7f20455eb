// Linked by a plugin at build time and not found at run time.
extern "C" __attribute__((visibility("default"))) int edgesync_test_absent();
int edgesync_test_absent() { return 1; }
