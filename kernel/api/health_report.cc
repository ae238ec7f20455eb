#include "kernel/api/health_report.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "edgesync/sdk/codec.h"

namespace edgesync::api {
namespace {

/// Worst of the colours "green", "yellow", "red".
std::string_view worst(std::string_view a, std::string_view b) {
    if (a == "red" || b == "red") return "red";
    return a == "yellow" || b == "yellow" ? "yellow" : "green";
}

std::int64_t seconds_since(const std::optional<TimePoint>& when, TimePoint now) {
    if (!when) return 0;
    return std::max<std::int64_t>(1, std::chrono::duration_cast<std::chrono::seconds>(now - *when).count());
}

std::string_view store_colour(const HealthFacts& facts) {
    if (!facts.store.is_connected) return "red";
    const std::string_view well = facts.store.problem.empty() ? "green" : "yellow";
    if (facts.store.read_failures + facts.store.write_failures == 0 || !facts.store.last_failure) return well;
    const auto age = facts.now - *facts.store.last_failure;
    if (age < 12 * facts.resend_interval) return "red";
    return age < 60 * facts.resend_interval ? "yellow" : well;
}

std::string quoted(std::string_view name) { return "\"" + std::string(name) + "\""; }
std::string boolean(bool value) { return value ? "true" : "false"; }

/// `,"name":value`, nothing for 0: absent means never.
std::string unless_zero(const char* name, std::int64_t value) { return value == 0 ? "" : "," + quoted(name) + ":" + std::to_string(value); }

std::string store_part(const HealthFacts& facts, std::string_view colour) {
    const StoreHealth& store = facts.store;
    return "\"dbHealth\":{\"dbStatus\":" + quoted(colour) + ",\"disconnectedFromDB\":" + boolean(!store.is_connected) +
           ",\"dbReadFailures\":" + std::to_string(store.read_failures) + ",\"dbWriteFailures\":" + std::to_string(store.write_failures) +
           unless_zero("timeSinceLastReadWriteError", seconds_since(store.last_failure, facts.now)) + "}";
}

std::string usage_part(const Usage& usage) {
    return ",\"usage\":{\"clientRequests\":" + std::to_string(usage.client_requests) +
           ",\"registeredESS\":" + std::to_string(usage.registered_nodes) + ",\"storedObjects\":" + std::to_string(usage.stored_objects) +
           "}";
}

std::string mqtt_part(const MqttHealth& mqtt) {
    return ",\"mqttHealth\":{\"mqttConnectionStatus\":" + quoted(mqtt.status) +
           ",\"subscribeFailures\":" + std::to_string(mqtt.subscribe_failures) +
           ",\"publishFailures\":" + std::to_string(mqtt.publish_failures) +
           ",\"disconnectedFromMQTTBroker\":" + boolean(mqtt.is_disconnected) +
           unless_zero("lastDisconnectFromBrokerDuration", mqtt.last_disconnect.count()) +
           unless_zero("timeSinceLastSubscribeError", mqtt.since_subscribe_error.count()) +
           unless_zero("timeSinceLastPublishError", mqtt.since_publish_error.count()) + "}";
}

/// Sentences for humans; what store and line say may name hosts, files and users.
std::vector<std::string> problems_of(const HealthFacts& facts) {
    std::vector<std::string> problems;
    if (!facts.store.problem.empty())
        problems.push_back(facts.is_for_administrators ? "Store: " + facts.store.problem : "The store; administrators are told more");
    if (facts.extras.mqtt && !facts.extras.mqtt->problems.empty()) {
        const auto& of_lines = facts.extras.mqtt->problems;
        if (facts.is_for_administrators) problems.insert(problems.end(), of_lines.begin(), of_lines.end());
        if (!facts.is_for_administrators) problems.emplace_back("The line to the broker; administrators are told more");
    }
    for (const auto& plugin : facts.extras.plugins) {
        if (plugin.problem.empty()) continue;
        problems.push_back(facts.is_for_administrators ? plugin.problem : "The plugin " + plugin.name + "; administrators are told more");
    }
    if (facts.extras.unsendable_objects > 0) {
        problems.push_back("Objects of this node whose data cannot be read to send it: " + std::to_string(facts.extras.unsendable_objects) +
                           "; the log names them");
    }
    return problems;
}

/// Of a line that is not green, because receiving failed, or sending.
std::string problem_of(const LineHealth& line, bool is_receiving) {
    if (!line.problem.empty()) return line.problem;
    if (!line.is_connected) return "not connected";
    const auto since = is_receiving ? line.since_subscribe_failure : line.since_publish_failure;
    return std::string(is_receiving ? "receiving" : "sending") + " failed " + std::to_string(since.count()) + " s ago; the log may say why";
}

/// A plugin that hangs is as bad as a store that is away; what one threw was answered with an error.
std::string_view plugins_colour(const std::vector<plugins::PluginState>& all) {
    std::string_view colour = "green";
    for (const auto& plugin : all) colour = worst(colour, plugin.hangs ? "red" : plugin.problem.empty() ? "green" : "yellow");
    return colour;
}

std::string plugins_part(const std::vector<plugins::PluginState>& all) {
    std::string list;
    for (const auto& plugin : all) {
        list += list.empty() ? ",\"plugins\":[" : ",";
        list += "{\"kind\":" + quoted(plugin.kind == PluginKind::Store ? "store" : "transport") + ",\"name\":";
        codec::append_json_string(list, plugin.name);
        list += ",\"version\":";
        codec::append_json_string(list, plugin.version);
        list += "}";
    }
    return list.empty() ? list : list + "]";
}

/// Nothing if there is none.
std::string problems_part(const std::vector<std::string>& problems) {
    std::string list;
    for (const std::string& problem : problems) {
        list += list.empty() ? ",\"problems\":[" : ",";
        codec::append_json_string(list, problem);
    }
    return list.empty() ? list : list + "]";
}

}  // namespace

std::string health_report(const HealthFacts& facts) {
    const std::string_view store = store_colour(facts);
    const std::string_view exchange = facts.extras.unsendable_objects == 0 ? "green" : "yellow";
    const std::string_view inside = worst(worst(store, exchange), plugins_colour(facts.extras.plugins));
    const std::string_view all = worst(inside, facts.extras.mqtt ? std::string_view(facts.extras.mqtt->status) : "green");
    std::string report = "{\"general\":{\"nodeType\":" + quoted(facts.is_css ? "CSS" : "ESS") + ",\"healthStatus\":" + quoted(all) +
                         ",\"upTime\":" + std::to_string(facts.extras.uptime.count()) + "}," + store_part(facts, store);
    if (facts.usage) report += usage_part(*facts.usage);
    if (facts.extras.mqtt) report += mqtt_part(*facts.extras.mqtt);
    report += plugins_part(facts.extras.plugins);
    return report + problems_part(problems_of(facts)) + "}";
}

void add_line(std::optional<MqttHealth>& all, const std::string& transport, const LineHealth& line, std::chrono::seconds resend_interval) {
    const auto is_within = [](std::chrono::seconds since, std::chrono::seconds limit) { return since.count() > 0 && since < limit; };
    const auto latest = [](std::chrono::seconds one, std::chrono::seconds other) {
        return one.count() == 0 || other.count() == 0 ? std::max(one, other) : std::min(one, other);
    };
    if (!all) all.emplace();
    all->subscribe_failures += line.subscribe_failures;
    all->publish_failures += line.publish_failures;
    all->is_disconnected = all->is_disconnected || !line.is_connected;
    all->last_disconnect = std::max<std::chrono::milliseconds>(all->last_disconnect, line.disconnected_for);
    all->since_subscribe_error = latest(all->since_subscribe_error, line.since_subscribe_failure);
    all->since_publish_error = latest(all->since_publish_error, line.since_publish_failure);
    const bool is_receiving = is_within(line.since_subscribe_failure, 60 * resend_interval);
    std::string_view colour = "green";
    if (!line.is_connected || is_within(line.since_subscribe_failure, 12 * resend_interval)) {
        colour = "red";
    } else if (is_receiving || is_within(line.since_publish_failure, 12 * resend_interval)) {
        colour = "yellow";
    }
    all->status = worst(all->status, colour);
    if (colour != "green") all->problems.push_back("transport-" + transport + ": " + problem_of(line, is_receiving));
}

}  // namespace edgesync::api
