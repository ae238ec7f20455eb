#include "fixed_lines.h"

#include <algorithm>

#include "edgesync/sdk/error.h"

namespace edgesync::mqtt_exchange {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// A broker that answers does so by then; the start does not wait longer for those that do not.
constexpr std::chrono::seconds kFirstAnswer{3};

}  // namespace

void FixedLines::start() {
    for (const auto& [name, line] : lines_) line->start();
    const auto deadline = steady_clock::now() + kFirstAnswer;
    for (const auto& [name, line] : lines_) {
        const auto left = std::chrono::duration_cast<milliseconds>(deadline - steady_clock::now());
        const auto attempt = line->wait_first_attempt(std::max(left, milliseconds(0)));
        if (attempt.outcome == mqtt_session::FirstAttempt::Outcome::Refused) {
            // They would go on trying, and a broker may change its mind.
            stop_all(all());
            throw Error(ErrorKind::InvalidRequest, line->options().session.name + " refuses this node: " + attempt.reason);
        }
    }
}

std::vector<LinePtr> FixedLines::all() const {
    std::vector<LinePtr> lines;
    for (const auto& [name, line] : lines_) lines.push_back(line);
    return lines;
}

void FixedLines::set_leading(bool leads) {
    for (const auto& [name, line] : lines_) line->set_leading(leads);
}

LinePtr FixedLines::find(const std::string& name) const {
    if (is_stopped_) throw Error(ErrorKind::NotConnected, "the node stops");
    const auto found = lines_.find(name);
    return found == lines_.end() ? nullptr : found->second;
}

OnlyLine::OnlyLine(const LineParts& parts) {
    add("", make_line(parts, mqtt_session::node_options(*parts.settings), {parts.settings->text("OrgID"), ""}));
}

LinesByGroup::LinesByGroup(const LineParts& parts) : parts_(parts) {
    auto found = mqtt_session::messaging_groups(*parts.settings);
    for (const auto& problem : found.problems) parts.log->log(LogLevel::Error, problem);
    for (auto& group : found.groups) add(group.name, make_line(parts, std::move(group.options), {"", group.name}));
}

LinePtr LinesByGroup::to(const NodeKey& peer) {
    const auto group = parts_.host->messaging_group(peer.org);
    LinePtr line = group ? find(*group) : nullptr;
    const std::lock_guard lock(mutex_);
    if (line) {
        noted_.erase(peer.org);
        return line;
    }
    if (noted_.size() >= kMaxNoted) noted_.clear();
    if (!noted_.insert(peer.org).second) return nullptr;
    const std::string why = group ? "its messaging group " + *group + " is not in BrokerAddress" : "no node of it has registered over MQTT";
    parts_.log->log(LogLevel::Error, "Messages for nodes of the organization " + peer.org + " are dropped: " + why);
    return nullptr;
}

}  // namespace edgesync::mqtt_exchange
