// Packets of MQTT 3.1.1 as octets, for the clients, relays and brokers that tests are made of.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace edgesync::system_test {

enum class PacketType : std::uint8_t { Connect = 1, ConnAck = 2, Publish = 3, Subscribe = 8, Unsubscribe = 10, PingResponse = 13 };

/// Of a complete packet.
PacketType type_of(std::string_view packet);
/// Length of the packet that `octets` begin with; nullopt: more of them are needed.
std::optional<std::size_t> length_of(std::string_view octets);
/// `first`: the octet with type and flags.
std::string packet_of(char first, std::string_view body);
/// What comes after type and length.
std::string_view body_of(std::string_view packet);

std::string text_field(std::string_view text);
/// Takes the text field off that `body` begins with. @throws std::runtime_error if it is cut short.
std::string take_text(std::string_view& body);
/// Takes `count` octets off. @throws as `take_text`.
std::string_view take_octets(std::string_view& body, std::size_t count);

}  // namespace edgesync::system_test
