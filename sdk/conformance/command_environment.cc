#include "command_environment.h"

#include "loaded_plugin.h"
#include "options.h"
#include "placeholders.h"
#include "service_listener.h"

namespace edgesync::conformance {

void CommandEnvironment::begin(const std::filesystem::path& folder) {
    folder_ = folder;
    is_cut_ = false;
    if (loaded_plugin().descriptor().kind == PluginKind::Transport) listener_ = service_listener(port_of("http"));
    if (!options().server.empty()) start_server();
}

void CommandEnvironment::end() {
    listener_.reset();
    server_.reset();
}

LineFaults* CommandEnvironment::faults() { return options().server.empty() && options().cut.empty() ? nullptr : this; }

void CommandEnvironment::start_server() {
    const std::string command = fill_in(options().server, Place{folder_});
    server_ = std::make_unique<ServerProcess>(command);
    // A server that names no port may say in another way that it is there.
    if (options().server.find("{port}") != std::string::npos) server_->await(port_of(""));
}

void CommandEnvironment::cut() {
    if (is_cut_) return;
    is_cut_ = true;
    if (!options().cut.empty()) return run_command(fill_in(options().cut, Place{folder_}));
    server_.reset();
}

void CommandEnvironment::restore() {
    if (server_) server_->thaw();
    if (!is_cut_) return;
    is_cut_ = false;
    if (!options().cut.empty()) return run_command(fill_in(options().restore, Place{folder_}));
    start_server();
}

bool CommandEnvironment::silence() {
    if (!server_) return false;
    server_->freeze();
    return true;
}

}  // namespace edgesync::conformance
