#include "kernel/plugins/new_plugin.h"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <iterator>
#include <string_view>
#include <vector>

namespace edgesync::plugins {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLongestName = 63;

bool is_letter(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_separator(char c) { return c == '-' || c == '_'; }

/// A plugin's name that classes, folders and variables can be called by as well.
void check_name(const std::string& name) {
    bool is_good = !name.empty() && name.size() <= kLongestName && is_letter(name.front()) && !is_separator(name.back());
    for (std::size_t i = 0; is_good && i < name.size(); ++i) {
        is_good = is_letter(name[i]) || is_digit(name[i]) || (is_separator(name[i]) && !is_separator(name[i - 1]));
    }
    if (is_good) return;
    throw Error(ErrorKind::InvalidRequest,
                "the name of the plugin is '" + printable(name) +
                    "', but must begin with a letter and have at most 63 of a-z, 0-9 and single '-' or '_' between them");
}

/// Installed, it would replace the file of the service's own.
void refuse_own_plugin(PluginKind kind, const std::string& name) {
    constexpr std::string_view own_plugins = " " EDGESYNC_OWN_PLUGINS " ";
    if (own_plugins.find(' ' + (std::string(kind_name(kind)) + '-' + name) + ' ') == std::string_view::npos) return;
    throw Error(ErrorKind::InvalidRequest,
                std::string("the service has a ") + kind_name(kind) + " '" + name + "' of its own; choose another name");
}

/// CMake takes ';' for the end of a path, and '"' for the end of a text, wherever in the path of a project they are.
void check_folder(const fs::path& folder) {
    if (folder.empty()) throw Error(ErrorKind::InvalidRequest, "the name of the folder is empty");
    const std::string path = fs::absolute(folder).string();
    if (path.find_first_of(";\"") == std::string::npos) return;
    throw Error(ErrorKind::InvalidRequest, "CMake cannot build in " + printable(path) + ": the path must not have ';' or '\"'");
}

struct Replacement {
    std::string placeholder;
    std::string text;
};

std::vector<Replacement> replacements_of(const std::string& name) {
    std::string identifier = name;
    std::replace(identifier.begin(), identifier.end(), '-', '_');
    std::string upper = identifier;
    std::string camel;
    for (std::size_t i = 0; i < identifier.size(); ++i) {
        const auto big = static_cast<char>(std::toupper(static_cast<unsigned char>(identifier[i])));
        upper[i] = big;
        if (identifier[i] != '_') camel += i == 0 || identifier[i - 1] == '_' ? big : identifier[i];
    }
    return {{"plugin-name", name}, {"plugin_name", identifier}, {"PluginName", camel}, {"PLUGIN_NAME", upper}};
}

/// From left to right, so that a name with a placeholder in it stays as it is.
std::string replaced(const std::string& text, const std::vector<Replacement>& replacements) {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        const auto found = std::find_if(replacements.begin(), replacements.end(), [&](const Replacement& one) {
            return text.compare(at, one.placeholder.size(), one.placeholder) == 0;
        });
        out += found == replacements.end() ? std::string(1, text[at]) : found->text;
        at += found == replacements.end() ? 1 : found->placeholder.size();
    }
    return out;
}

void copy_file(const fs::path& from, const fs::path& to, const std::vector<Replacement>& replacements) {
    std::ifstream in(from, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    std::ofstream out(to, std::ios::binary);
    out << replaced(text, replacements);
    out.close();
    if (!in) throw Error(ErrorKind::Io, "cannot read " + from.string());
    if (!out) throw Error(ErrorKind::Io, "cannot write " + to.string());
}

void copy_files(const fs::path& from, const fs::path& to, const std::vector<Replacement>& replacements) {
    for (const auto& entry : fs::directory_iterator(from)) {
        if (entry.is_regular_file()) copy_file(entry.path(), to / entry.path().filename(), replacements);
    }
}

/// What of a folder and its parents is not there yet, to be taken away after a failure.
class Undo {
public:
    explicit Undo(const fs::path& folder) : folder_(folder) {
        std::error_code error;
        for (fs::path parent = folder.parent_path(); !parent.empty() && !fs::exists(parent, error); parent = parent.parent_path()) {
            parents_.push_back(parent);
        }
    }
    /// Of the parents only what nobody else has put something into.
    void remove() const {
        std::error_code error;
        fs::remove_all(folder_, error);
        for (const auto& parent : parents_) fs::remove(parent, error);
    }

private:
    const fs::path folder_;
    std::vector<fs::path> parents_;  ///< Innermost first.
};

}  // namespace

fs::path template_folder() {
    std::error_code error;
    const auto program = fs::read_symlink("/proc/self/exe", error);
    return (program.parent_path() / ".." / "share" / "edge-sync-service" / "templates").lexically_normal();
}

void create_plugin_project(PluginKind kind, const std::string& name, const fs::path& where, const fs::path& templates) {
    check_name(name);
    refuse_own_plugin(kind, name);
    const fs::path folder = where.has_filename() ? where : where.parent_path();  // "a/" is "a".
    check_folder(folder);
    const fs::path from = templates / kind_name(kind);
    std::error_code error;
    if (!fs::is_directory(from, error)) {
        throw Error(ErrorKind::NotFound, "there is no template in " + from.string() + "; install the package edge-sync-service-dev");
    }
    if (fs::exists(fs::symlink_status(folder, error))) {
        throw Error(ErrorKind::AlreadyExists, folder.string() + " exists already; name a new folder, or remove it");
    }
    const Undo made(folder);
    try {
        fs::create_directories(folder);
        copy_files(from, folder, replacements_of(name));
    } catch (const fs::filesystem_error& failure) {
        made.remove();
        throw Error(ErrorKind::Io, "cannot write the project into " + folder.string() + ": " + failure.code().message());
    } catch (const Error&) {
        made.remove();
        throw;
    }
}

std::string shell_quoted(const std::string& text) {
    const auto is_plain = [](unsigned char c) {
        return std::isalnum(c) != 0 || std::string_view("_@%+=:,./-").find(static_cast<char>(c)) != std::string_view::npos;
    };
    if (!text.empty() && std::all_of(text.begin(), text.end(), is_plain)) return text;
    std::string quoted = "'";
    for (const char c : text) quoted += c == '\'' ? "'\\''" : std::string(1, c);
    return quoted + "'";
}

}  // namespace edgesync::plugins
