#include "command_line.h"

#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "options.h"

namespace edgesync::conformance {
namespace {

constexpr char kUsage[] =
    "usage: edge-sync-plugin-test ./libstore-NAME.so | ./libtransport-NAME.so [options]\n"
    "\n"
    "Checks the contract of a plugin and says in words which rule of it is broken, and where that is written.\n"
    "\n"
    "  --settings FILE       lines \"Key value\" as in sync.conf; those below [css] or [ess] are for that end of a transport alone\n"
    "  --setting KEY=VALUE   the same for one key, before the file's\n"
    "  --only PATTERNS       rules or tests whose names match, e.g. atomicity, 'blob-*:work', 'Transactions.*', '-scale' (all but)\n"
    "  --list                the rules, where they are written, and their tests; runs nothing\n"
    "  --role css|ess        of a store (css)\n"
    "  --server COMMAND      what must run between the nodes or beside the store, e.g. a broker; started for each test, and waited for\n"
    "                        if it names {port}. Ended and started again to test a line that breaks\n"
    "  --cut COMMAND --restore COMMAND  break and mend the line instead\n"
    "  --timeout SECONDS     of one test (180); one that takes longer breaks the rule bounded-time\n"
    "  --patience SECONDS    how long broken tests may take altogether (600), then the rest is left out\n"
    "  --seed N              of all random choices (1)\n"
    "  --root FOLDER         for what the tests write; without it a temporary one, removed at the end\n"
    "  --verbose             shows what the plugin logs and what the test framework says\n"
    "\n"
    "In settings and commands {folder} is the node's own folder, {shared} one that all nodes of a test see, {test} a name of the test's "
    "own,\n"
    "{port} and {port:NAME} free ports of the test, {org}, {type} and {id} the node. Routes that a transport mounts on the listener of "
    "the\n"
    "service are served at {port:http}.\n"
    "\n"
    "Exit status: 0 all rules hold, 1 a rule is broken, 2 the plugin cannot be tested; the reason is on the standard error stream.\n";

/// Accepts "--name value" and "--name=value"; the name of a word without dashes is empty.
class Words {
public:
    Words(int count, char** values) : count_(count), values_(values) {}

    bool next() {
        if (++at_ >= count_) return false;
        const std::string word = values_[at_];
        const bool is_option = word.starts_with("--");
        const auto equals = is_option ? word.find('=') : std::string::npos;
        name_ = is_option ? word.substr(0, equals) : "";
        has_inline_ = !is_option || equals != std::string::npos;
        inline_ = is_option && has_inline_ ? word.substr(equals + 1) : word;
        return true;
    }
    const std::string& name() const { return name_; }
    std::string value() {
        if (has_inline_) return inline_;
        if (++at_ >= count_) refuse(name_ + " needs a value");
        return values_[at_];
    }
    std::filesystem::path path() { return std::filesystem::absolute(value()); }
    std::uint64_t number() {
        const std::string text = value();
        std::uint64_t out = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
        if (error != std::errc() || end != text.data() + text.size()) refuse(name_ + " is \"" + text + "\", but must be a number");
        return out;
    }
    std::chrono::seconds seconds() { return std::chrono::seconds(number()); }
    std::pair<std::string, std::string> pair() {
        const std::string text = value();
        const auto equals = text.find('=');
        if (equals == std::string::npos) refuse(name_ + " is \"" + text + "\", but must be KEY=VALUE");
        return {text.substr(0, equals), text.substr(equals + 1)};
    }
    [[noreturn]] static void refuse(const std::string& problem) {
        std::fprintf(stderr, "cannot run: %s\n\n%s", problem.c_str(), kUsage);
        std::exit(2);
    }

private:
    int count_;
    char** values_;
    int at_ = 0;
    std::string name_;
    std::string inline_;
    bool has_inline_ = false;
};

NodeRole role_of(const std::string& text) {
    if (text != "css" && text != "ess") Words::refuse("--role is \"" + text + "\", but must be css or ess");
    return text == "css" ? NodeRole::Css : NodeRole::Ess;
}

using Take = std::function<void(Words&)>;

/// What each option does. The last three are for processes that the kit starts itself.
const std::map<std::string, Take>& table() {
    static const std::map<std::string, Take> all = {
        {"", [](Words& w) { options().plugin = w.path(); }},
        {"--plugin", [](Words& w) { options().plugin = w.path(); }},
        {"--settings", [](Words& w) { options().settings = w.path(); }},
        {"--setting",
         [](Words& w) {
             const auto [key, value] = w.pair();
             options().given[key] = value;
         }},
        {"--only", [](Words& w) { options().only = w.value(); }},
        {"--list", [](Words&) { options().is_list_wanted = true; }},
        {"--role", [](Words& w) { options().role = role_of(w.value()); }},
        {"--server", [](Words& w) { options().server = w.value(); }},
        {"--cut", [](Words& w) { options().cut = w.value(); }},
        {"--restore", [](Words& w) { options().restore = w.value(); }},
        {"--timeout", [](Words& w) { options().timeout = w.seconds(); }},
        {"--patience", [](Words& w) { options().patience = w.seconds(); }},
        {"--seed", [](Words& w) { options().seed = w.number(); }},
        {"--root", [](Words& w) { options().root = w.path(); }},
        {"--verbose", [](Words&) { options().is_verbose = true; }},
        {"--shared", [](Words& w) { options().shared = w.path(); }},
        {"--port",
         [](Words& w) {
             const auto [name, number] = w.pair();
             options().ports[name] = std::atoi(number.c_str());
         }},
        {"--child-acknowledges-on", [](Words& w) { options().acknowledgement_fd = static_cast<int>(w.number()); }},
    };
    return all;
}

}  // namespace

void parse_command_line(int count, char** words) {
    Words given(count, words);
    while (given.next()) {
        if (given.name() == "--help") {
            std::fputs(kUsage, stdout);
            std::exit(0);
        }
        const auto found = table().find(given.name());
        if (found == table().end()) Words::refuse("there is no option " + given.name());
        found->second(given);
    }
    if (options().timeout.count() == 0) Words::refuse("--timeout is 0, but must be at least 1");
    if (options().cut.empty() != options().restore.empty()) Words::refuse("--cut and --restore need each other");
}

Options& options() {
    static Options instance;
    return instance;
}

}  // namespace edgesync::conformance
