// How large a packet the broker takes. MQTT 5 brokers say it. Others end the connection at the head of a packet that is too large for
// them, so the limit is learned from connections that end:
//   - A packet has gone through once its connection has lasted five seconds after its last octet was written.
//   - A connection that ends while a packet larger than any that has gone through it is being written, or within these five seconds, lowers
//     the limit to the largest step below that packet: 5 MiB, 2,000,000, 1 MiB, 512 KiB, 256 KiB, 128 KiB, 64 KiB, 32 KiB, 16 KiB. Packets
//     of up to 16 KiB are never suspected.
//   - What was learned is forgotten after an hour: the connection may have ended for another reason, or the broker may have been changed.
//   - A limit that is known beforehand is an upper bound of what is learned.
// A broker that drops large messages and keeps the connection (mosquitto's message_size_limit with QoS 0) cannot be noticed here.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <string_view>

namespace edgesync::mqtt_session {

/// Octets of a PUBLISH packet with QoS 0.
std::size_t packet_size(std::string_view topic, std::size_t payload, bool is_v5);

/// Not thread-safe.
class PacketLimit {
public:
    using Time = std::chrono::steady_clock::time_point;
    static constexpr std::chrono::seconds kProof{5};
    static constexpr std::chrono::hours kMemory{1};

    /// `known` beforehand; 0: nothing is.
    explicit PacketLimit(std::size_t known = 0) : known_(known) {}

    /// A connection begins; `announced` by the broker, 0: nothing.
    void connected(std::size_t announced);
    /// A packet is being written. They are written in this order.
    void writing(std::size_t packet);
    /// One that was said to be written is not, and the connection goes on.
    void withdraw(std::size_t packet);
    /// The oldest packet that was being written is written.
    void written(Time now);
    /// The connection ended, and not by our will. True: the limit was lowered.
    bool lost(Time now);
    /// The connection ended by our will.
    void closed();
    /// 0: unknown.
    std::size_t limit(Time now) const;

private:
    void take_proof(Time now);

    std::size_t known_;
    std::size_t announced_ = 0;
    std::size_t learned_ = 0;
    Time learned_at_{};
    std::size_t proven_ = 0;  ///< Of this connection.
    std::deque<std::size_t> writing_;
    std::size_t suspect_ = 0;  ///< The largest that is written and not proven.
    Time suspect_at_{};
};

}  // namespace edgesync::mqtt_session
