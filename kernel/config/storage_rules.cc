#include "kernel/config/storage_rules.h"

#include <algorithm>

#include "kernel/config/communication_rules.h"
#include "kernel/config/key_table.h"
#include "kernel/config/node_rules.h"
#include "kernel/config/path_rule.h"
#include "kernel/config/plugin_names.h"
#include "kernel/config/value_text.h"

namespace edgesync::config {
namespace {

/// Warns once per key; true if one of them was given another value than the Go service's default.
bool report_former_keys(const EffectiveValues& values, Findings& findings) {
    bool is_any_used = false;
    for (const auto& former : former_keys()) {
        const auto value = values.raw(former.key, former.environment);
        if (!value) continue;
        is_any_used = is_any_used || *value != former.default_value;
        const std::string counterpart = former.counterpart;
        findings.warnings.push_back(std::string(former.key) + " is ignored; " +
                                    (counterpart.empty() ? "it has no counterpart" : "use " + counterpart));
    }
    return is_any_used;
}

bool is_postgres_configured(const EffectiveValues& values) {
    const auto& all = values.all();
    return std::any_of(all.begin(), all.end(),
                       [](const auto& entry) { return entry.first.starts_with("Postgres") && entry.second.is_set; });
}

void check_postgres(const EffectiveValues& values, Findings& findings) {
    if (!values.flag("PostgresAllowInvalidCertificates")) return;
    add_problem(findings, "PostgresAllowInvalidCertificates", "PostgresAllowInvalidCertificates is not allowed on a CSS",
                "it is true: remove it and set PostgresCACertificate");
}

void check_lmdb(EffectiveValues& values, const Decisions& decisions, Findings& findings) {
    const auto sync = lower_case(values.text("LmdbSync"));
    if (sync != "full" && sync != "meta" && sync != "none") {
        add_problem(findings, "LmdbSync", "LmdbSync must be full, meta or none", key_and_value(values, "LmdbSync"));
    } else {
        values.derive("LmdbSync", sync, "written in lower case", findings);
    }
    if (values.number("LmdbMapSizeMB") <= values.number("LmdbMaxMapSizeMB")) return;
    if (decisions.store != "lmdb") return;
    add_problem(findings, "LmdbMapSizeMB", "LmdbMapSizeMB is larger than LmdbMaxMapSizeMB",
                key_and_value(values, "LmdbMapSizeMB") + ", " + key_and_value(values, "LmdbMaxMapSizeMB"));
}

void settle_data_extensions(EffectiveValues& values, Findings& findings) {
    constexpr auto kKey = "AllowedDataFileExtensions";
    std::string extensions;
    for (const auto& extension : values.list(kKey)) {
        extensions += (extensions.empty() ? "" : ",") + std::string(extension.starts_with('.') ? "" : ".") + extension;
    }
    values.derive(kKey, extensions, "extensions begin with a dot", findings);
}

struct FileRule {
    const char* key;
    const char* extensions;  ///< Key of the list; null: any, as the Go service has it.
};

void check_files(const EffectiveValues& values, std::initializer_list<FileRule> rules, Findings& findings) {
    const std::filesystem::path root = values.text("PersistenceRootPath");
    for (const auto& rule : rules) {
        const auto& value = values.text(rule.key);
        if (value.empty() || is_pem_text(value)) continue;
        const auto problem = path_problem(value, root, rule.extensions ? values.list(rule.extensions) : std::vector<std::string>());
        if (!problem) continue;
        add_problem(findings, rule.key, std::string("Invalid ") + rule.key + " path: " + *problem,
                    std::string("give ") + rule.key + " a file below PersistenceRootPath or an absolute one" +
                        (rule.extensions ? std::string(", with an extension of ") + rule.extensions : ""));
    }
}

}  // namespace

void check_storage(EffectiveValues& values, Decisions& decisions, Findings& findings) {
    const auto given = values.text("StorageProvider");
    auto choice = choose_store(given, decisions.role);
    if (!choice.problem.empty()) add_problem(findings, "StorageProvider", choice.problem, key_and_value(values, "StorageProvider"));
    if (!choice.warning.empty()) findings.warnings.push_back(choice.warning);
    decisions.store = choice.plugin.value_or("");
    const bool is_former_used = report_former_keys(values, findings);
    if (choice.plugin) values.derive("StorageProvider", *choice.plugin, "the plugin's name", findings);
    if (given.empty() && decisions.role == NodeRole::Css && is_former_used && !is_postgres_configured(values)) {
        add_problem(findings, "StorageProvider", "Mongo settings found but PostgreSQL is not configured",
                    "set StorageProvider and PostgresAddressCsv or PostgresConnection");
    }
    if (!values.text("ObjectsDataPath").empty() && choice.plugin && decisions.store != "lmdb") {
        add_problem(findings, "ObjectsDataPath", "Invalid ObjectsDataPath, it can only be set when StorageProvider is 'lmdb'",
                    key_and_value(values, "ObjectsDataPath") + " and " + key_and_value(values, "StorageProvider"));
    }
    if (values.number("LmdbMapSizeMB") == 0) {
        values.derive("LmdbMapSizeMB", decisions.role == NodeRole::Css ? "8192" : "1024", "0 stands for the role's default", findings);
    }
    if (decisions.store == "postgres") check_postgres(values, findings);
    check_lmdb(values, decisions, findings);
    settle_data_extensions(values, findings);
}

void check_certificate_paths(EffectiveValues& values, const Decisions& decisions, Findings& findings) {
    constexpr auto kCertificates = "AllowedCertificateExtensions";
    constexpr auto kKeys = "AllowedKeyExtensions";
    if (values.list(kCertificates).empty()) values.derive(kCertificates, ".pem,.crt,.cert", "empty stands for the default", findings);
    if (values.list(kKeys).empty()) values.derive(kKeys, ".pem,.key", "empty stands for the default", findings);
    check_files(values, {{"ServerCertificate", kCertificates}, {"ServerKey", kKeys}}, findings);
    check_files(values, {{"HTTPCSSCACertificate", nullptr}, {"OrgSecretKeyFile", nullptr}}, findings);
    if (uses_mqtt(decisions)) {
        check_files(values, {{"MQTTCACertificate", kCertificates}, {"MQTTSSLCert", kCertificates}, {"MQTTSSLKey", kKeys}}, findings);
    }
    if (decisions.store == "postgres") {
        check_files(values, {{"PostgresCACertificate", kCertificates}, {"PostgresSSLCert", kCertificates}, {"PostgresSSLKey", kKeys}},
                    findings);
    }
}

}  // namespace edgesync::config
