#include "kernel/plugins/watchdog.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "kernel/plugins/plugin_identity.h"

namespace edgesync::plugins {
namespace {

constexpr std::chrono::milliseconds kLongestPause{5000};
constexpr std::chrono::milliseconds kShortestPause{50};

std::string sentence(const std::string& label, const CallWatch::Late& late) {
    return label + " has not come back from " + late.call + " for " +
           std::to_string(std::chrono::floor<std::chrono::seconds>(late.lasts).count()) + " s";
}

struct Advice {
    std::string_view call;
    const char* text;
};

constexpr char kNotBefore[] = "The service does not run before that; SIGTERM ends it";
constexpr char kNoEndBefore[] = "The service does not end before that; SIGTERM, perhaps a second one, ends it at once";
constexpr Advice kAdvice[] = {
    {"loading", kNotBefore},
    {"declare_settings", kNotBefore},
    {"configure", kNotBefore},
    {"start", kNotBefore},
    {"open",
     "That takes long while a database does not answer, and when what is stored is brought into the form of a newer version: then wait, "
     "because a restart begins from the start. The lines before may say which it is"},
    {"drain", kNoEndBefore},
    {"stop", kNoEndBefore},
    {"close", kNoEndBefore},
    {"its destructor", kNoEndBefore},
    {"wipe", "All that is stored is being removed; an end before that leaves the rest in place"},
};

const char* advice(std::string_view call) {
    for (const auto& one : kAdvice) {
        if (one.call == call) return one.text;
    }
    return "What it was to do waits; if that lasts, restart the service";
}

}  // namespace

Watchdog::Watchdog(Log& log, std::chrono::milliseconds limit) : log_(log), limit_(limit) {
    if (limit_.count() > 0) thread_ = std::thread([this] { run(); });
}

Watchdog::~Watchdog() {
    {
        const std::lock_guard lock(mutex_);
        is_ending_ = true;
    }
    ends_.notify_all();
    if (thread_.joinable()) thread_.join();
}

CallWatch& Watchdog::add(PluginKind kind, const std::string& name, const std::string& version) {
    const std::string label = std::string(kind_name(kind)) + "-" + name;
    auto calls = std::make_unique<CallWatch>(label, [this](const std::string& text) { log_.log(LogLevel::Error, text); });
    const std::lock_guard lock(mutex_);
    plugins_.push_back(std::make_unique<Watched>(Watched{kind, name, version, std::move(calls), false}));
    return *plugins_.back()->calls;
}

std::vector<PluginState> Watchdog::states() const {
    std::vector<PluginState> states;
    const std::lock_guard lock(mutex_);
    for (const auto& plugin : plugins_) {
        PluginState state{plugin->kind, plugin->name, plugin->version, false, {}};
        const auto foreign = plugin->calls->foreign_exceptions();
        if (foreign.count > 0) state.problem = foreign.last + " (" + std::to_string(foreign.count) + " since the start)";
        if (const auto hanging = limit_.count() > 0 ? late(*plugin) : std::nullopt) {
            state.hangs = true;
            state.problem = sentence(plugin->calls->label(), *hanging);
        }
        states.push_back(std::move(state));
    }
    return states;
}

std::optional<CallWatch::Late> Watchdog::late(const Watched& plugin) const {
    auto late = plugin.calls->late(limit_);
    if (late && waits_for_store(plugin, *late)) return std::nullopt;
    return late;
}

// Calls into a transport run the kernel, which waits for the store: in handlers of requests and what they are given, and in the end of the
// server that waits for these. One that had hung long before the store did has a cause of its own, and is not forgotten because of it.
bool Watchdog::waits_for_store(const Watched& plugin, const CallWatch::Late& late) const {
    if (plugin.kind == PluginKind::Store) return false;
    return std::any_of(plugins_.begin(), plugins_.end(), [&](const auto& other) {
        if (other->kind != PluginKind::Store) return false;
        const auto of_store = other->calls->late(limit_ / 2);
        return of_store && late.lasts - of_store->lasts <= limit_ / 2;
    });
}

void Watchdog::run() {
    const auto pause = std::clamp(limit_ / 8, kShortestPause, kLongestPause);
    std::unique_lock lock(mutex_);
    while (!ends_.wait_for(lock, pause, [this] { return is_ending_; })) {
        lock.unlock();
        look();
        lock.lock();
    }
}

void Watchdog::look() {
    std::vector<std::pair<LogLevel, std::string>> lines;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& plugin : plugins_) {
            const auto hanging = late(*plugin);
            if (hanging.has_value() == plugin->is_reported) continue;
            plugin->is_reported = hanging.has_value();
            const std::string& label = plugin->calls->label();
            if (hanging) {
                lines.emplace_back(LogLevel::Error, sentence(label, *hanging) + ". " + advice(hanging->call));
            } else {
                lines.emplace_back(LogLevel::Status, label + " came back");
            }
        }
    }
    for (const auto& [level, line] : lines) log_.log(level, line);
}

}  // namespace edgesync::plugins
