#include "kernel/node/data_file_rules.h"

#include <filesystem>

namespace edgesync::node {
namespace {

/// Where the service keeps, or takes from, what is no data: not to be read by applications, nor written by users of the CSS (who could
/// put a page of their own in the place of the one that is served to everybody).
constexpr const char* kOwnPlaces[] = {
    "LogRootPath",      "TraceRootPath",    "ServerCertificate",     "ServerKey",       "HTTPCSSCACertificate", "MQTTCACertificate",
    "MQTTSSLCert",      "MQTTSSLKey",       "PostgresCACertificate", "PostgresSSLCert", "PostgresSSLKey",       "PostgresPasswordFile",
    "PostgresBlobPath", "OrgSecretKeyFile", "SwaggerUIPath",         "SwaggerFile",
};

}  // namespace

files::DataFileRules data_file_rules(const Settings& settings) {
    files::DataFileRules rules;
    rules.persistence_root = settings.persistence_root();
    rules.roots = settings.list("DataURIRoots");
    rules.extensions = settings.list("AllowedDataFileExtensions");
    rules.objects_path = settings.text("ObjectsDataPath");
    rules.reserved = settings.list("PluginPath");
    for (const char* key : kOwnPlaces) {
        const std::string value = settings.text(key);
        const bool is_text_of_certificate = value.find("-----BEGIN") != std::string::npos;
        if (!value.empty() && !is_text_of_certificate)
            rules.reserved.push_back((std::filesystem::path(rules.persistence_root) / value).string());
    }
    return rules;
}

}  // namespace edgesync::node
