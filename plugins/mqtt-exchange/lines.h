// Which lines a transport has, and which of them reaches a node: the only one, that of the node's organization, or that of the messaging
// group that the organization is on.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "broker_line.h"
#include "broker_options.h"

namespace edgesync::mqtt_exchange {

using LinePtr = std::shared_ptr<BrokerLine>;

/// What all lines of a transport are made of. All outlive the lines.
struct LineParts {
    const Settings* settings = nullptr;
    Log* log = nullptr;
    TransportHost* host = nullptr;
    mqtt_session::BrokerKind kind = mqtt_session::BrokerKind::Direct;
    std::string communication;
};

/// What a line stands for: an organization, a messaging group, or neither.
struct LinePlace {
    std::string org;
    std::string group;
};

/// Not started. @throws Error{InvalidRequest}
LinePtr make_line(const LineParts& parts, mqtt_session::SessionOptions session, const LinePlace& place);

/// Thread-safe, but for `start`.
class Lines {
public:
    virtual ~Lines() = default;
    /// Once, before the other calls. @throws Error: the start of the node stops.
    virtual void start() = 0;
    /// Null: what is for this node must be dropped; that has been logged. May block on the store. @throws Error{NotConnected}
    virtual LinePtr to(const NodeKey& peer) = 0;
    virtual std::vector<LinePtr> all() const = 0;
    virtual void set_leading(bool leads) = 0;
    /// No line comes or goes after it has returned.
    virtual void stop() noexcept = 0;
};

/// At once, because each may take seconds that stands still.
void stop_all(const std::vector<LinePtr>& lines) noexcept;

/// @throws Error{InvalidRequest} if the settings that it needs cannot be used.
void check_line_settings(const Settings& settings, mqtt_session::BrokerKind kind);
/// What the settings ask for.
std::unique_ptr<Lines> make_lines(const LineParts& parts);

}  // namespace edgesync::mqtt_exchange
