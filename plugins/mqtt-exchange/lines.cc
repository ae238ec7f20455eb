#include "lines.h"

#include <algorithm>
#include <atomic>
#include <random>
#include <thread>

#include "fixed_lines.h"
#include "lines_by_organization.h"

namespace edgesync::mqtt_exchange {
namespace {

using mqtt_session::BrokerKind;

/// Of the platform, docs/wiotp.md; topic and header included, to be safe.
constexpr std::size_t kWiotpPacket = 131'072;

/// 0: not known. Who sets larger chunks says that this platform takes more.
std::size_t largest_packet(const Settings& settings, BrokerKind kind) {
    if (kind != BrokerKind::Wiotp) return 0;
    const bool is_raised = settings.is_set("MaxDataChunkSize") && settings.integer("MaxDataChunkSize") > std::int64_t{kWiotpPacket};
    return is_raised ? 0 : kWiotpPacket;
}

/// Instances of one CSS must not take each other's connection.
std::string unique_client_id(const std::string& wanted) {
    std::random_device random;
    return wanted + "-" + std::to_string((static_cast<std::uint64_t>(random()) << 32U | random()) >> 1U);
}

bool has_groups(const Settings& settings, BrokerKind kind) {
    const auto family = mqtt_session::topic_rules(settings, kind).family;
    return settings.role() == NodeRole::Css && family == mqtt_session::TopicRules::Family::MessagingGroups;
}

bool has_accounts(const Settings& settings) { return settings.role() == NodeRole::Css && settings.text("OrgID").empty(); }

}  // namespace

LinePtr make_line(const LineParts& parts, mqtt_session::SessionOptions session, const LinePlace& place) {
    const bool is_direct = parts.kind == BrokerKind::Direct;
    // The platform's way: its scalable applications ("A:...") share one client id, and each message is for one of them.
    const bool is_one_of_several = is_direct && parts.host->is_one_of_several();
    LineOptions options;
    options.session = std::move(session);
    options.session.may_use_v5 = is_direct;
    if (is_one_of_several) options.session.client_id = unique_client_id(options.session.client_id);
    options.session.largest_packet = largest_packet(*parts.settings, parts.kind);
    options.rules = mqtt_session::topic_rules(*parts.settings, parts.kind);
    options.org = place.org;
    options.messaging_group = place.group;
    options.communication = parts.communication;
    options.parallelism = Parallelism::of(parts.settings->text("MQTTParallelMode"));
    return std::make_shared<BrokerLine>(std::move(options), *parts.host, is_one_of_several);
}

void stop_all(const std::vector<LinePtr>& lines) noexcept {
    constexpr std::size_t kMostThreads = 32;
    std::atomic<std::size_t> next{0};
    const auto stop_some = [&] {
        for (std::size_t i = next++; i < lines.size(); i = next++) lines[i]->stop();
    };
    std::vector<std::thread> threads;
    try {
        while (threads.size() + 1 < std::min(kMostThreads, lines.size())) threads.emplace_back(stop_some);
    } catch (const std::exception&) {
        // Those that there are do it.
    }
    stop_some();
    for (auto& thread : threads) thread.join();
}

void check_line_settings(const Settings& settings, BrokerKind kind) {
    if (has_groups(settings, kind)) {
        static_cast<void>(mqtt_session::messaging_groups(settings));
    } else if (!has_accounts(settings)) {
        static_cast<void>(mqtt_session::node_options(settings));
    }
}

std::unique_ptr<Lines> make_lines(const LineParts& parts) {
    if (has_groups(*parts.settings, parts.kind)) return std::make_unique<LinesByGroup>(parts);
    if (has_accounts(*parts.settings)) return std::make_unique<LinesByOrganization>(parts);
    return std::make_unique<OnlyLine>(parts);
}

}  // namespace edgesync::mqtt_exchange
