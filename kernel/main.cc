// The program: command line, configuration, plugins, and the life of one node.
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include <malloc.h>
#include <pthread.h>
#include <sys/resource.h>

#include "edgesync/sdk/error.h"
#include "kernel/chosen_plugins.h"
#include "kernel/config/configuration.h"
#include "kernel/node/node.h"
#include "kernel/objects/names.h"
#include "kernel/ops/limited_log.h"
#include "kernel/ops/logger.h"
#include "kernel/ops/standard_error_log.h"
#include "kernel/plugins/early_stop.h"
#include "kernel/plugins/last_words.h"
#include "kernel/plugins/new_plugin.h"
#include "kernel/version.h"

namespace {

using namespace edgesync;

constexpr int kExitStartFailed = 1;
constexpr int kExitUsage = 2;
constexpr int kExitInvalid = 98;
constexpr int kExitNotLoaded = 99;
constexpr std::chrono::seconds kPluginLogInterval{10};
/// For what is under way when the program is to end before it runs.
constexpr std::chrono::seconds kPatience{5};
constexpr char kDefaultFile[] = "/etc/edge-sync-service/sync.conf";

struct CommandLine {
    std::string file = kDefaultFile;
    bool is_file_named = false;
    std::string swagger;
    bool checks = false;
    bool lists_plugins = false;
    std::optional<std::vector<std::string>> new_plugin;  ///< Kind, name and perhaps a folder.
    std::optional<int> exit_code;
};

void print_usage(std::ostream& out) {
    out << "Usage of edge-sync-service:\n"
           "  -c FILE        configuration file (default "
        << kDefaultFile
        << ")\n"
           "  -swagger FILE  serve this API document and the page to browse it\n"
           "  -check         load and validate the configuration, print the effective values, exit 0, 98 or 99\n"
           "  -plugins       list every plugin file and whether it can be used\n"
           "  -new-plugin KIND NAME [FOLDER]\n"
           "                 begin a plugin: a project that builds; KIND is transport or store, FOLDER by default KIND-NAME\n"
           "  -version       print the version\n"
           "  -h             print this text\n";
}

/// One or two dashes; "-c FILE" and "-c=FILE" are the same.
CommandLine parse(const std::vector<std::string>& arguments) {
    CommandLine line;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        std::string name = arguments[i];
        if (name.starts_with("--")) name.erase(0, 1);
        std::optional<std::string> value;
        if (const auto equals = name.find('='); equals != std::string::npos) {
            value = name.substr(equals + 1);
            name.resize(equals);
        }
        const auto take_value = [&]() -> std::string {
            if (value) return *value;
            if (i + 1 < arguments.size()) return arguments[++i];
            std::cerr << "flag needs an argument: " << name << "\n";
            print_usage(std::cerr);
            line.exit_code = kExitUsage;
            return {};
        };
        if (name == "-c") {
            line.file = take_value();
            line.is_file_named = true;
        } else if (name == "-swagger") {
            line.swagger = take_value();
        } else if (name == "-check") {
            line.checks = true;
        } else if (name == "-plugins") {
            line.lists_plugins = true;
        } else if (name == "-new-plugin") {
            line.new_plugin.emplace(arguments.begin() + static_cast<std::ptrdiff_t>(i) + 1, arguments.end());
            return line;
        } else if (name == "-version") {
            std::cout << "edge-sync-service " << kVersion << "\n";
            line.exit_code = 0;
        } else if (name == "-h" || name == "-help") {
            print_usage(std::cerr);
            line.exit_code = 0;
        } else {
            std::cerr << "flag provided but not defined: " << arguments[i] << "\n";
            print_usage(std::cerr);
            line.exit_code = kExitUsage;
        }
        if (line.exit_code) return line;
    }
    return line;
}

void print_warnings(const config::Configuration& configuration) {
    for (const auto& warning : configuration.warnings()) std::cerr << "warning: " << warning << "\n";
}

/// Problems to standard output when the file cannot be loaded, to standard error when it is invalid: scripts rely on it.
int report(const config::Configuration& configuration) {
    const int code = configuration.exit_code();
    print_warnings(configuration);  // They may be the cause: a file that is not there leaves the defaults.
    std::ostream& out = code == kExitNotLoaded ? std::cout : std::cerr;
    for (const auto& problem : configuration.problems()) out << problem.line() << "\n";
    return code;
}

config::Surroundings surroundings() {
    config::Surroundings result = config::process_surroundings();
    result.is_valid_name = [](std::string_view name) { return objects::is_valid_name(name); };
    return result;
}

/// Asks the plugins, too, what they think of their settings: to configure one touches nothing. Prints the values also if one refuses them:
/// it may only lack the right to read a file that the service's user can read.
int check(const config::Configuration& configuration, Log& log, LoadedPlugins loaded) {
    plugins::Watchdog watchdog(log, watchdog_time(configuration));
    int code = 0;
    try {
        configure_plugins(configuration, log, watchdog, std::move(loaded));
    } catch (const Error& error) {
        std::cerr << error.what() << "\n";
        code = kExitInvalid;
    }
    configuration.print_effective(std::cout);
    print_warnings(configuration);
    return code;
}

int list_plugins(const plugins::PluginLoader& loader) {
    for (const auto& candidate : loader.candidates()) {
        std::cout << candidate.file.string() << ": " << (candidate.is_usable ? "" : "not usable: ") << candidate.verdict << "\n";
    }
    if (const auto folder = loader.left_out()) std::cout << folder->string() << ": not searched: PluginPath does not name it\n";
    return 0;
}

int create_plugin(const std::vector<std::string>& arguments) {
    const bool is_store = !arguments.empty() && arguments[0] == "store";
    if (arguments.size() < 2 || arguments.size() > 3 || (!is_store && arguments[0] != "transport")) {
        std::cerr << "-new-plugin needs a kind, transport or store, a name, and perhaps a folder, for example: "
                     "edge-sync-service -new-plugin transport acme-serial\n";
        return kExitUsage;
    }
    const std::string folder = arguments.size() == 3 ? arguments[2] : arguments[0] + "-" + arguments[1];
    try {
        plugins::create_plugin_project(is_store ? PluginKind::Store : PluginKind::Transport, arguments[1], folder,
                                       plugins::template_folder());
    } catch (const Error& error) {
        std::cerr << "No plugin was made: " << error.what() << "\n";
        return kExitStartFailed;
    }
    // A name that begins with a dash would be an option.
    const std::string project = plugins::shell_quoted(folder.starts_with('-') ? "./" + folder : folder);
    std::cout << "Made the project " << project << "; its README.md says what to fill in. Build and test it:\n"
              << "  cd " << project << " && cmake -B build && cmake --build build && ctest --test-dir build --output-on-failure\n";
    return 0;
}

sigset_t handled_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    return signals;
}

/// While the node stops, which may take a minute, a signal ends the program at once.
void end_at_next_signal() {
    plugins::stopping_begins();
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    signal(SIGTERM, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

/// Waits for a request of the API or a signal. SIGHUP reloads; a SIGTERM or SIGINT after the end has begun ends the program at once.
node::StopRequest wait_for_end(node::Node& node) {
    const sigset_t signals = handled_signals();
    for (;;) {
        const timespec at_once{0, 0};
        const int received = sigtimedwait(&signals, nullptr, &at_once);
        if (received == SIGHUP) node.reload();
        if (received == SIGTERM || received == SIGINT) {
            end_at_next_signal();
            return {std::chrono::seconds(0), false, false};
        }
        if (const auto request = node.wait(std::chrono::milliseconds(200))) {
            if (!request->restarts) end_at_next_signal();
            return *request;
        }
    }
}

/// True: start again. `early` takes the signals except while the node runs, or stops for good.
bool run_node(config::Configuration& configuration, Log& log, plugins::EarlyStop& early, LoadedPlugins loaded) {
    // A plugin that throws in each call must not fill the disk with lines about it.
    ops::LimitedLog watchdog_log(log, kPluginLogInterval);
    plugins::Watchdog watchdog(watchdog_log, watchdog_time(configuration));
    ConfiguredPlugins configured = configure_plugins(configuration, log, watchdog, std::move(loaded));
    node::Node node(configuration, log, std::move(configured.store), std::move(configured.transports),
                    [&watchdog] { return watchdog.states(); });
    node.start();
    node::StopRequest request;
    if (early.end()) {
        end_at_next_signal();
    } else {
        request = wait_for_end(node);
        if (request.restarts) early.begin(plugins::EarlyStop::Phase::Restart);
    }
    node.stop(request);
    if (request.restarts) early.begin(plugins::EarlyStop::Phase::Start);
    return request.restarts;
}

/// For whoever reads the trace later: what was in force, secrets masked.
void trace_configuration(const config::Configuration& configuration, Log& log) {
    std::stringstream effective;
    configuration.print_effective(effective);
    for (std::string line; std::getline(effective, line);) log.trace(LogLevel::Info, line);
}

/// Every connection takes a descriptor; what many systems give unasked (1024) is less than MaxConnections.
void raise_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

void warn_of_few_descriptors(const config::Configuration& configuration, Log& log) {
    // Besides connections: the store's files, those being sent, lines to peers.
    constexpr std::uint64_t kOthers = 100;
    rlimit limit{};
    const auto connections = static_cast<std::uint64_t>(configuration.integer("MaxConnections"));
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= connections + kOthers) return;
    log.log(LogLevel::Warning, "MaxConnections " + std::to_string(connections) + " needs more file descriptors than the limit of " +
                                   std::to_string(limit.rlim_cur) + " allows; raise it (LimitNOFILE, ulimit -n) or lower MaxConnections");
}

/// `log` is made, and outlives `early`.
int serve(config::Configuration& configuration, const plugins::PluginLoader& loader, LoadedPlugins loaded, plugins::EarlyStop& early,
          std::unique_ptr<ops::Logger>& log) {
    try {
        log = std::make_unique<ops::Logger>(ops::LoggerOptions::from(configuration));
    } catch (const std::exception& error) {
        std::cerr << error.what() << "\n";
        return kExitInvalid;
    }
    early.set_log(*log);
    for (const auto& warning : configuration.warnings()) log->log(LogLevel::Warning, warning);
    for (const auto& change : configuration.changes()) log->log(LogLevel::Info, change);
    warn_of_few_descriptors(configuration, *log);
    trace_configuration(configuration, *log);
    try {
        const auto run = [&](LoadedPlugins plugins) {
            return early.was_asked() || run_node(configuration, *log, early, std::move(plugins));
        };
        bool is_to_start = run(std::move(loaded));
        while (is_to_start && !early.was_asked()) {
            log->log(LogLevel::Status, "Restarting");
            is_to_start = run(load_plugins(configuration, loader, *log));
        }
        if (is_to_start) log->log(LogLevel::Status, "Not started: a signal asked the service to end");
        return 0;
    } catch (const std::exception& error) {
        log->log(LogLevel::Fatal, error.what());
        std::cerr << error.what() << "\n";
        return kExitStartFailed;
    }
}

/// Secrets in memory must not end up in core files, and an edge node must not keep one heap per thread.
void prepare_process() {
    // One octet: a limit of 0 would not hold for a core_pattern that names a program.
    const rlimit no_core{1, 1};
    const rlimit nothing{0, 0};
    if (setrlimit(RLIMIT_CORE, &no_core) != 0) setrlimit(RLIMIT_CORE, &nothing);
    raise_descriptor_limit();
    signal(SIGPIPE, SIG_IGN);
    mallopt(M_ARENA_MAX, 2);
    mallopt(M_TRIM_THRESHOLD, 1024 * 1024);
    const sigset_t signals = handled_signals();
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

/// From the command line to the end; the exit code.
int start(const CommandLine& line) {
    std::unique_ptr<ops::Logger> log;
    std::optional<plugins::EarlyStop> early;
    try {
        early.emplace(kPatience, kExitStartFailed);
    } catch (const Error& error) {
        std::cerr << error.what() << "\n";
        return kExitStartFailed;
    }
    config::Configuration configuration(config::process_environment(), surroundings());
    configuration.load(line.file, line.is_file_named);
    if (!line.swagger.empty()) {
        configuration.set_from_command_line("SwaggerEnabled", "true", "-swagger was given");
        configuration.set_from_command_line("SwaggerFile", line.swagger, "-swagger was given");
    }
    configuration.validate();
    const plugins::PluginLoader loader(configuration.plugin_folders());
    if (line.lists_plugins) return list_plugins(loader);
    if (configuration.exit_code() != 0) return report(configuration);
    ops::StandardErrorLog no_log_yet;
    LoadedPlugins loaded;
    try {
        loaded = load_plugins(configuration, loader, no_log_yet);
    } catch (const Error& error) {
        print_warnings(configuration);
        std::cerr << error.what() << "\n";
        return kExitInvalid;
    }
    if (configuration.exit_code() != 0) return report(configuration);
    if (line.checks) return check(configuration, no_log_yet, std::move(loaded));
    return serve(configuration, loader, std::move(loaded), *early, log);
}

}  // namespace

int main(int argc, char** argv) {
    const CommandLine line = parse({argv + 1, argv + argc});
    if (line.exit_code) return *line.exit_code;
    if (line.new_plugin) return create_plugin(*line.new_plugin);
    prepare_process();
    plugins::install_last_words();
    const int code = start(line);
    std::cout.flush();  // A static object of a plugin may end the process before the stream does it.
    plugins::exit_is_expected();
    return code;
}
