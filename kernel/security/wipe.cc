#include "kernel/security/wipe.h"

#include <openssl/crypto.h>

namespace edgesync::security {

void wipe(std::string& text) noexcept {
    text.resize(text.capacity());  // Within the capacity, so it cannot fail.
    OPENSSL_cleanse(text.data(), text.size());
    text.clear();
}

}  // namespace edgesync::security
