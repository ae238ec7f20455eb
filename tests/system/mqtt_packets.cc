#include "tests/system/mqtt_packets.h"

#include <stdexcept>

namespace edgesync::system_test {
PacketType type_of(std::string_view packet) { return static_cast<PacketType>(static_cast<unsigned char>(packet.front()) >> 4U); }

std::optional<std::size_t> length_of(std::string_view octets) {
    std::size_t length = 0;
    for (std::size_t i = 1; i < octets.size() && i <= 4; ++i) {
        const auto octet = static_cast<unsigned char>(octets[i]);
        length |= static_cast<std::size_t>(octet & 0x7fU) << (7U * (i - 1));
        if ((octet & 0x80U) == 0) return octets.size() >= i + 1 + length ? std::optional(i + 1 + length) : std::nullopt;
    }
    return std::nullopt;
}

std::string packet_of(char first, std::string_view body) {
    std::string octets(1, first);
    std::size_t length = body.size();
    do {
        const auto low = static_cast<unsigned char>(length & 0x7fU);
        length >>= 7U;
        octets += static_cast<char>(length > 0 ? low | 0x80U : low);
    } while (length > 0);
    return octets.append(body);
}

std::string_view body_of(std::string_view packet) {
    std::size_t at = 1;
    while (at < packet.size() && (static_cast<unsigned char>(packet[at]) & 0x80U) != 0) ++at;
    return packet.substr(at + 1);
}

std::string text_field(std::string_view text) {
    std::string field{static_cast<char>(text.size() >> 8U), static_cast<char>(text.size() & 0xffU)};
    return field.append(text);
}

std::string_view take_octets(std::string_view& body, std::size_t count) {
    if (body.size() < count) throw std::runtime_error("a packet is cut short");
    const std::string_view taken = body.substr(0, count);
    body.remove_prefix(count);
    return taken;
}

std::string take_text(std::string_view& body) {
    const std::string_view length = take_octets(body, 2);
    const auto high = static_cast<unsigned char>(length[0]);
    const auto low = static_cast<unsigned char>(length[1]);
    return std::string(take_octets(body, static_cast<std::size_t>(high) << 8U | low));
}

}  // namespace edgesync::system_test
