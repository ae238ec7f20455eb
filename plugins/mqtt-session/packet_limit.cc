#include "packet_limit.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace edgesync::mqtt_session {
namespace {

constexpr std::array<std::size_t, 9> kSteps = {5'242'880, 2'000'000, 1'048'576, 524'288, 262'144, 131'072, 65'536, 32'768, 16'384};

}  // namespace

std::size_t packet_size(std::string_view topic, std::size_t payload, bool is_v5) {
    const std::size_t remaining = 2 + topic.size() + (is_v5 ? 1 : 0) + payload;
    const std::size_t length_octets = remaining < 128 ? 1 : remaining < 16'384 ? 2 : remaining < 2'097'152 ? 3 : 4;
    return 1 + length_octets + remaining;
}

void PacketLimit::connected(std::size_t announced) {
    closed();
    proven_ = 0;  // The broker may have been started again with another limit.
    announced_ = announced;
}

void PacketLimit::writing(std::size_t packet) { writing_.push_back(packet); }

void PacketLimit::withdraw(std::size_t packet) {
    const auto last = std::find(writing_.rbegin(), writing_.rend(), packet);
    if (last != writing_.rend()) writing_.erase(std::next(last).base());
}

void PacketLimit::written(Time now) {
    if (writing_.empty()) return;
    const std::size_t packet = writing_.front();
    writing_.pop_front();
    take_proof(now);
    if (packet <= proven_ || packet < suspect_) return;
    suspect_ = packet;
    suspect_at_ = now;
}

bool PacketLimit::lost(Time now) {
    take_proof(now);
    const std::size_t largest = writing_.empty() ? suspect_ : std::max(suspect_, *std::max_element(writing_.begin(), writing_.end()));
    closed();
    if (announced_ != 0 || largest <= proven_) return false;
    const auto step = std::find_if(kSteps.begin(), kSteps.end(), [&](std::size_t one) { return one < largest; });
    const std::size_t known = limit(now);
    if (step == kSteps.end() || (known != 0 && known <= *step)) return false;
    learned_ = *step;
    learned_at_ = now;
    return true;
}

void PacketLimit::closed() {
    writing_.clear();
    suspect_ = 0;
}

std::size_t PacketLimit::limit(Time now) const {
    if (announced_ != 0) return announced_;
    return learned_ != 0 && now - learned_at_ < kMemory ? learned_ : known_;
}

void PacketLimit::take_proof(Time now) {
    if (suspect_ == 0 || now - suspect_at_ < kProof) return;
    proven_ = std::max(proven_, suspect_);
    suspect_ = 0;
}

}  // namespace edgesync::mqtt_session
