#include "try_out.h"

#include <unistd.h>

#include <cstdint>
#include <filesystem>

#include "loaded_plugin.h"
#include "options.h"
#include "store_test.h"
#include "transport_environment.h"
#include "transport_node.h"
#include "watched_run.h"

namespace edgesync::conformance {
namespace {

// Kinds of notes:
constexpr char kKind = 'K';
constexpr char kName = 'N';
constexpr char kVersion = 'V';
constexpr char kUndeclared = 'U';
constexpr char kProblem = 'P';
constexpr char kUsable = 'E';

/// In the process of the first look.
void look(const std::filesystem::path& folder, const NoteSender& to) {
    const PluginDescriptor& plugin = loaded_plugin().descriptor();
    to.send(kKind, std::to_string(static_cast<std::uint32_t>(plugin.kind)));
    to.send(kName, plugin.name);
    to.send(kVersion, plugin.version);
    environment().begin(folder);
    if (plugin.kind == PluginKind::Store) {
        OpenStore store(folder);
        for (const auto& key : store.settings().undeclared()) to.send(kUndeclared, key);
        to.send(kUsable, "");
        ::_exit(0);  // How it closes is a matter of the tests.
    }
    options().shared = folder;
    TestNode css(NodeRole::Css, {"org", "Cloud", "Cloud"}, folder / "css");
    TestNode ess(NodeRole::Ess, {"org", "node", "n1"}, folder / "n1");
    css.start();
    ess.start();
    to.send(kUsable, "");
    ::_exit(0);
}

void look_and_tell(const std::filesystem::path& folder, const NoteSender& to) {
    try {
        look(folder, to);
    } catch (const std::exception& e) {
        to.send(kProblem, e.what());
    }
    ::_exit(0);
}

std::string problem_of(const WatchedEnd& end) {
    const std::string when = " when the plugin was loaded and started with these settings";
    const std::string last = end.output.empty() ? "" : "; it said last:\n" + end.output;
    if (end.is_hung) return "nothing went on for " + std::to_string(options().timeout.count()) + " s" + when + last;
    if (end.signal != 0) return "the process was ended by " + words_of_signal(end.signal) + when + last;
    return "the process ended itself with status " + std::to_string(end.status) + when + last;
}

}  // namespace

TryOut try_out() {
    const std::filesystem::path folder = options().root / "try-out";
    std::filesystem::create_directories(folder);
    const WatchedEnd end = run_watched([&](const NoteSender& to) { look_and_tell(folder, to); }, options().timeout, options().is_verbose,
                                       options().root.string());
    std::filesystem::remove_all(folder);
    TryOut result;
    bool is_settled = false;
    for (const Note& note : end.notes) {
        if (note.kind == kKind) result.kind = static_cast<PluginKind>(std::stoul(note.text));
        if (note.kind == kName) result.name = note.text;
        if (note.kind == kVersion) result.version = note.text;
        if (note.kind == kUndeclared) result.undeclared.push_back(note.text);
        if (note.kind == kProblem) result.problem = note.text;
        is_settled |= note.kind == kProblem || note.kind == kUsable;
    }
    if (!is_settled) result.problem = problem_of(end);
    return result;
}

}  // namespace edgesync::conformance
