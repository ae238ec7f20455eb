#include "messaging_group.h"

namespace edgesync::mqtt_exchange {

Admission admission(const std::optional<std::string>& known, const std::string& here, Command command) {
    if (known == here) return Admission::Admitted;
    const bool registers = command == Command::Register || command == Command::RegisterNew;
    if (registers) return Admission::Remember;
    return known ? Admission::Foreign : Admission::Unregistered;
}

}  // namespace edgesync::mqtt_exchange
