#include "kernel/plugins/plugin_loader.h"

#include <algorithm>

#include "kernel/plugins/older_transport.h"
#include "kernel/plugins/plugin_library.h"
#include "kernel/plugins/plugin_note.h"

namespace edgesync::plugins {
namespace {

constexpr std::size_t kMostFiles = 1000;
constexpr std::size_t kMostNamed = 16;

/// Sorted; at most `kMostFiles`. Sets `problem` if the folder cannot be read.
std::vector<std::filesystem::path> shared_objects_in(const std::filesystem::path& folder, std::string& problem) {
    std::vector<std::filesystem::path> files;
    std::error_code error;
    std::filesystem::directory_iterator entry(folder, error);
    for (; !error && entry != std::filesystem::directory_iterator() && files.size() < kMostFiles; entry.increment(error)) {
        if (entry->path().extension() == ".so") files.push_back(entry->path());
    }
    if (error) problem = error == std::errc::no_such_file_or_directory ? "no such folder" : error.message();
    std::sort(files.begin(), files.end());
    return files;
}

std::string what_is_in(const std::filesystem::path& folder) {
    std::string problem;
    const auto files = shared_objects_in(folder, problem);
    if (!problem.empty()) return problem;
    if (files.empty()) return "has no *.so";
    std::string names = "has ";
    for (std::size_t i = 0; i < std::min(files.size(), kMostNamed); ++i) names += (i == 0 ? "" : ", ") + files[i].filename().string();
    if (files.size() > kMostNamed) names += " and " + std::to_string(files.size() - kMostNamed) + " more";
    return names;
}

[[noreturn]] void refuse(PluginKind kind, const std::string& name, const std::string& why) {
    throw Error(ErrorKind::InvalidRequest,
                printable("The plugin " + std::string(kind_name(kind)) + "-" + printable(name) + " cannot be used") + ": " + why);
}

/// Judged by the note: what a usable file is, or why it is refused.
std::variant<PluginIdentity, NotAPlugin> judge_file(const std::filesystem::path& file, const Expectation& needed) {
    auto note = read_plugin_note(file);
    if (const auto* identity = std::get_if<PluginIdentity>(&note)) {
        if (auto reason = why_refused(*identity, needed)) return NotAPlugin{std::move(*reason)};
    }
    return note;
}

Candidate judge(const std::filesystem::path& file) {
    const auto named = parse_file_name(file.filename().string());
    if (!named) return {file, false, "refused: it is not named libstore-NAME.so or libtransport-NAME.so"};
    const auto judged = judge_file(file, {named->kind, named->name});
    if (const auto* refusal = std::get_if<NotAPlugin>(&judged)) return {file, false, "refused: " + refusal->reason};
    std::string verdict = std::string("usable: ") + kind_name(named->kind) + " plugin '" + named->name + "'";
    if (const auto& found = std::get<PluginIdentity>(judged); found.abi_minor < kAbiMinor) {
        verdict += ", built for the older plugin ABI " + version_text(found.abi_major, found.abi_minor);
    }
    return {file, true, std::move(verdict)};
}

/// The same file under two paths is one.
bool is_known(const std::vector<std::filesystem::path>& files, const std::filesystem::path& file) {
    return std::any_of(files.begin(), files.end(), [&](const auto& other) {
        std::error_code error;
        return std::filesystem::equivalent(file, other, error);
    });
}

}  // namespace

PluginLoader::PluginLoader(std::vector<std::filesystem::path> folders) : folders_(std::move(folders)) {
    if (folders_.empty()) folders_.push_back(default_folder());
}

std::filesystem::path PluginLoader::default_folder() {
    std::error_code error;
    const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
    return (program.parent_path() / ".." / "lib" / "edge-sync-service" / "plugins").lexically_normal();
}

std::vector<Candidate> PluginLoader::candidates() const {
    std::vector<Candidate> all;
    std::vector<std::filesystem::path> seen;
    for (const auto& folder : folders_) {
        std::string problem;
        for (const auto& file : shared_objects_in(folder, problem)) {
            if (is_known(seen, file)) continue;
            seen.push_back(file);
            auto candidate = judge(file);
            for (auto& other : all) {
                if (other.file.filename() != file.filename()) continue;
                other.is_usable = candidate.is_usable = false;
                other.verdict = "refused: there is another file of this name, " + file.string();
                candidate.verdict = "refused: there is another file of this name, " + other.file.string();
            }
            all.push_back(std::move(candidate));
        }
        if (!problem.empty()) all.push_back({folder, false, "skipped: " + problem});
    }
    return all;
}

std::optional<std::filesystem::path> PluginLoader::left_out() const {
    auto installed = default_folder();
    std::error_code error;
    if (is_known(folders_, installed) || !std::filesystem::is_directory(installed, error)) return std::nullopt;
    return installed;
}

std::filesystem::path PluginLoader::find(PluginKind kind, const std::string& name) const {
    const auto file_name = file_name_of(kind, name);
    if (!parse_file_name(file_name)) refuse(kind, name, "a plugin's name has only a-z, 0-9, '-' and '_'");
    std::vector<std::filesystem::path> found;
    for (const auto& folder : folders_) {
        std::error_code error;
        const auto file = folder / file_name;
        if (std::filesystem::exists(std::filesystem::symlink_status(file, error)) && !is_known(found, file)) found.push_back(file);
    }
    if (found.size() == 1) return found.front();
    if (found.size() > 1) {
        refuse(kind, name, "there are two files of its name, " + found[0].string() + " and " + found[1].string() + "; remove one of them");
    }
    std::string looked;
    for (const auto& folder : folders_) {
        if (!looked.empty()) looked += "; ";
        looked += folder.string() + " (" + what_is_in(folder) + ")";
    }
    std::error_code error;
    const auto installed = default_folder() / file_name;
    const std::string way_out = std::filesystem::exists(installed, error)
                                    ? "PluginPath leaves out the folder that has it: name " + default_folder().string() + " there, too"
                                    : "install it or set PluginPath";
    refuse(kind, name, file_name + " was not found; looked in " + looked + "; " + way_out);
}

Loaded<Plugin> PluginLoader::load(PluginKind kind, const std::string& name) const {
    const auto file = find(kind, name);
    const Expectation needed{kind, name};
    const auto judged = judge_file(file, needed);
    if (const auto* refusal = std::get_if<NotAPlugin>(&judged)) refuse(kind, name, file.string() + ": " + refusal->reason);
    try {
        const PluginDescriptor& descriptor = load_library(file, needed);
        return {create_plugin(descriptor), version_of(descriptor), descriptor.abi_minor};
    } catch (const NotAPlugin& refusal) {
        refuse(kind, name, file.string() + ": " + refusal.reason);
    }
}

namespace {

template <typename Kind>
Loaded<Kind> as(Loaded<Plugin> loaded, PluginKind kind, const std::string& name) {
    auto* converted = dynamic_cast<Kind*>(loaded.plugin.get());
    if (converted == nullptr) refuse(kind, name, std::string("its object is not a ") + kind_name(kind));
    static_cast<void>(loaded.plugin.release());
    return {std::unique_ptr<Kind>(converted), std::move(loaded.version), loaded.abi_minor};
}

}  // namespace

Loaded<Store> PluginLoader::load_store(const std::string& name) const {
    return as<Store>(load(PluginKind::Store, name), PluginKind::Store, name);
}

Loaded<Transport> PluginLoader::load_transport(const std::string& name) const {
    auto loaded = as<Transport>(load(PluginKind::Transport, name), PluginKind::Transport, name);
    loaded.plugin = of_present_abi(std::move(loaded.plugin), loaded.abi_minor);
    return loaded;
}

}  // namespace edgesync::plugins
