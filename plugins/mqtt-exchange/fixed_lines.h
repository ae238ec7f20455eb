// Lines that the configuration names: there from the start to the end.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <set>

#include "lines.h"

namespace edgesync::mqtt_exchange {

class FixedLines : public Lines {
public:
    /// A broker that refuses the node ends the start; one that does not answer soon does not.
    void start() override;
    std::vector<LinePtr> all() const override;
    void set_leading(bool leads) override;
    void stop() noexcept override { is_stopped_ = true; }

protected:
    /// In the constructor.
    void add(const std::string& name, LinePtr line) { lines_.emplace(name, std::move(line)); }
    /// Null: there is none of this name. @throws Error{NotConnected} after `stop`.
    LinePtr find(const std::string& name) const;

private:
    std::map<std::string, LinePtr> lines_;
    std::atomic<bool> is_stopped_{false};
};

/// Of an edge node, and of a CSS with one organization.
class OnlyLine : public FixedLines {
public:
    /// @throws Error{InvalidRequest}
    explicit OnlyLine(const LineParts& parts);
    LinePtr to(const NodeKey&) override { return find(""); }
};

/// Of a CSS inside of the Watson IoT Platform, which reaches an organization where it registered.
class LinesByGroup : public FixedLines {
public:
    /// @throws Error{InvalidRequest}
    explicit LinesByGroup(const LineParts& parts);
    LinePtr to(const NodeKey& peer) override;

private:
    static constexpr std::size_t kMaxNoted = 10'000;

    const LineParts parts_;
    std::mutex mutex_;
    std::set<std::string> noted_;  ///< Organizations that were logged as not to be reached, so that each is logged once.
};

}  // namespace edgesync::mqtt_exchange
