#include "kernel/config/node_rules.h"

#include <algorithm>

#include "kernel/config/path_rule.h"
#include "kernel/config/value_text.h"

namespace edgesync::config {
namespace {

struct NameTexts {
    const char* key;
    const char* missing;
    const char* invalid;
};

constexpr NameTexts kNodeNames[] = {
    {"DestinationType", "Please specify the destination type in the configuration file", "Destination type contains invalid characters"},
    {"DestinationID", "Please specify the destination id in the configuration file", "Destination ID contains invalid characters"},
};
constexpr NameTexts kOrgName = {"OrgID", "Please specify the organization id in the configuration file",
                                "Organization ID contains invalid characters"};

void check_name(const EffectiveValues& values, const NameTexts& texts, const Surroundings& surroundings, Findings& findings) {
    const auto& name = values.text(texts.key);
    if (name.empty()) {
        add_problem(findings, texts.key, texts.missing, std::string(texts.key) + " is empty: set it");
    } else if (!surroundings.is_valid_name(name)) {
        add_problem(findings, texts.key, texts.invalid,
                    key_and_value(values, texts.key) + ": use letters, digits and |!@#$^*-_.~, at most 1024 bytes");
    }
}

void make_absolute(EffectiveValues& values, const char* key, bool ends_with_slash, const Surroundings& surroundings, Findings& findings) {
    const auto& given = values.text(key);
    if (given.empty()) return;
    auto path = (surroundings.working_directory / given).lexically_normal().string();
    if (ends_with_slash && !path.ends_with('/')) path += '/';
    values.derive(key, path, "an absolute path is used", findings);
}

void check_port(const EffectiveValues& values, const char* key, const char* word, Findings& findings) {
    if (values.number(key) != 0) return;
    add_problem(findings, key, std::string("Have requested ") + word + " API serving, but the " + key + " is zero.",
                std::string(key) + " is 0: set a port from 1 to 65535");
}

void check_server_certificate(const EffectiveValues& values, Findings& findings) {
    if (values.text("ServerCertificate").empty()) {
        add_problem(findings, "ServerCertificate", "Have requested secure API serving, but no server certificate has been specified.",
                    "ServerCertificate is empty: name a certificate file or set ListeningType unsecure");
    }
    if (values.text("ServerKey").empty()) {
        add_problem(findings, "ServerKey", "Have requested secure API serving, but no server private key has been specified.",
                    "ServerKey is empty: name a key file or set ListeningType unsecure");
    }
}

bool is_octal_mode(const std::string& text) {
    const auto is_octal = [](char c) { return c >= '0' && c <= '7'; };
    return !text.empty() && text.size() <= 4 && std::all_of(text.begin(), text.end(), is_octal);
}

void check_unix_socket(const EffectiveValues& values, const Decisions& decisions, Findings& findings) {
    constexpr std::size_t kLongestSocketName = 107;  // sun_path, less its final null.
    if (decisions.role == NodeRole::Css) {
        add_problem(findings, "ListeningType", "Only an ESS can listen via Unix Sockets",
                    key_and_value(values, "ListeningType") + ": use unsecure, secure or both");
    }
    const auto& address = values.text("ListeningAddress");
    if (address.empty()) {
        add_problem(findings, "ListeningAddress",
                    "When Listening via Unix Sockets, you must specify the Socket file using the ListeningAddress property",
                    "ListeningAddress is empty: name the socket file");
    } else {
        const std::filesystem::path root = values.text("PersistenceRootPath");
        auto problem = path_problem(address, root, {});
        if (!problem && (root / address).string().size() > kLongestSocketName) problem = "it is longer than 107 bytes";
        if (problem) {
            add_problem(findings, "ListeningAddress", "Invalid ListeningAddress (Unix socket) path: " + *problem,
                        key_and_value(values, "ListeningAddress") + ": name a file below PersistenceRootPath or a short absolute path");
        }
    }
    if (!is_octal_mode(values.text("UnixSocketFilePermissions"))) {
        add_problem(findings, "UnixSocketFilePermissions", "UnixSocketFilePermissions must be a valid octal number (e.g., 0660).",
                    key_and_value(values, "UnixSocketFilePermissions") + ": write three or four digits from 0 to 7");
    }
}

void check_handler(EffectiveValues& values, Findings& findings) {
    const auto handler = lower_case(values.text("AuthenticationHandler"));
    if (handler == "dummy" || handler == "preset") {
        values.derive("AuthenticationHandler", handler, "written in lower case", findings);
        return;
    }
    // The Go service ends with the code of a configuration that cannot be loaded.
    findings.problems.push_back({Problem::Kind::Load, "AuthenticationHandler",
                                 "Unknown authentication handler " + in_quotes(values.text("AuthenticationHandler")),
                                 "set AuthenticationHandler to dummy or preset"});
}

void check_probes(EffectiveValues& values, Findings& findings) {
    const auto callers = lower_case(values.text("AnonymousProbesFrom"));
    if (callers == "local" || callers == "any") return values.derive("AnonymousProbesFrom", callers, "written in lower case", findings);
    add_problem(findings, "AnonymousProbesFrom", "AnonymousProbesFrom must be local or any", key_and_value(values, "AnonymousProbesFrom"));
}

void check_level(EffectiveValues& values, const char* key, Findings& findings) {
    constexpr std::string_view kLevels[] = {"none", "status", "fatal", "error", "warning", "info", "debug", "trace", "xtrace"};
    const auto level = lower_case(values.text(key));
    if (std::find(std::begin(kLevels), std::end(kLevels), level) != std::end(kLevels)) return;
    values.derive(key, "INFO", "it is not one of NONE, STATUS, FATAL, ERROR, WARNING, INFO, DEBUG, TRACE", findings);
}

}  // namespace

std::string key_and_value(const EffectiveValues& values, const std::string& key) {
    const auto shown = EffectiveValues::shown(values.at(key));
    return key + " is " + in_quotes(shown);
}

void add_problem(Findings& findings, const std::string& key, std::string text, std::string advice) {
    findings.problems.push_back({Problem::Kind::Invalid, key, std::move(text), std::move(advice)});
}

void derive_paths(EffectiveValues& values, const Surroundings& surroundings, Findings& findings) {
    if (values.text("PersistenceRootPath").empty()) {
        add_problem(findings, "PersistenceRootPath", "PersistenceRootPath is empty", "name a folder");
    }
    make_absolute(values, "PersistenceRootPath", true, surroundings, findings);
    make_absolute(values, "ObjectsDataPath", true, surroundings, findings);
    make_absolute(values, "LogRootPath", false, surroundings, findings);
    make_absolute(values, "TraceRootPath", false, surroundings, findings);
    make_absolute(values, "SwaggerFile", false, surroundings, findings);
    make_absolute(values, "SwaggerUIPath", false, surroundings, findings);
    for (const char* key : {"PluginPath", "DataURIRoots"}) {
        std::string folders;
        for (const auto& folder : values.list(key)) {
            if (!folders.empty()) folders += ',';
            folders += (surroundings.working_directory / folder).lexically_normal().string();
        }
        values.derive(key, folders, "absolute paths are used", findings);
    }
}

void check_identity(EffectiveValues& values, const Surroundings& surroundings, Decisions& decisions, Findings& findings) {
    const bool is_css = decisions.role == NodeRole::Css;
    values.derive("NodeType", is_css ? "CSS" : "ESS", "written in capitals", findings);
    if (is_css) {
        values.derive("DestinationType", "Cloud", "a CSS is always Cloud", findings);
        values.derive("DestinationID", "Cloud", "a CSS is always Cloud", findings);
        if (!values.text("OrgID").empty()) check_name(values, kOrgName, surroundings, findings);
        decisions.is_single_org = !values.text("OrgID").empty() && !values.flag("CSSOnWIoTP");
        return;
    }
    for (const auto& texts : kNodeNames) check_name(values, texts, surroundings, findings);
    check_name(values, kOrgName, surroundings, findings);
}

void check_listeners(EffectiveValues& values, const Decisions& decisions, Findings& findings) {
    check_probes(values, findings);
    const bool is_css = decisions.role == NodeRole::Css;
    auto type = lower_case(values.text("ListeningType"));
    if (type.empty()) type = is_css ? "unsecure" : "secure";
    const bool is_unix = type == "unix" || type == "secure-unix";
    if (!is_unix && type != "both" && type != "secure" && type != "unsecure") {
        add_problem(findings, "ListeningType", "ListeningType must be both, secure, unsecure, unix, or secure-unix",
                    key_and_value(values, "ListeningType"));
        return check_handler(values, findings);
    }
    values.derive("ListeningType", type, "written in lower case", findings);
    if (type == "unsecure" || type == "both") check_port(values, "UnsecureListeningPort", "unsecure", findings);
    if (type == "secure" || type == "both") {
        check_port(values, "SecureListeningPort", "secure", findings);
        if (is_css) check_server_certificate(values, findings);
    }
    const auto port = values.number("SecureListeningPort");
    if (type == "both" && port != 0 && port == values.number("UnsecureListeningPort")) {
        add_problem(findings, "SecureListeningPort", "SecureListeningPort and UnsecureListeningPort are both " + std::to_string(port),
                    "choose different ports");
    }
    if (is_unix) check_unix_socket(values, decisions, findings);
    check_handler(values, findings);
}

void check_logging(EffectiveValues& values, Findings& findings) {
    check_level(values, "LogLevel", findings);
    check_level(values, "TraceLevel", findings);
    bool is_any_valid = false;
    for (const auto& destination : values.list("LogTraceDestination")) {
        const auto name = lower_case(destination);
        const bool is_valid = name == "file" || name == "stdout" || name == "syslog" || name == "glog";
        is_any_valid = is_any_valid || is_valid;
        if (!is_valid) findings.warnings.push_back("LogTraceDestination " + in_quotes(destination) + " is unknown and ignored");
    }
    if (is_any_valid) return;
    add_problem(findings, "LogTraceDestination", "LogTraceDestination names no destination that exists",
                key_and_value(values, "LogTraceDestination") + ": use file, stdout, syslog or glog");
}

}  // namespace edgesync::config
