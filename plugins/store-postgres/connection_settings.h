// The Postgres* keys of the configuration, and what libpq is told for them.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "edgesync/sdk/settings.h"
#include "server_options.h"

namespace edgesync::postgres {

/// A certificate or key that is given as text.
struct PemText {
    std::string key;   ///< Of the configuration.
    std::string file;  ///< Where libpq is told to look for it.
    std::string text;
};

struct ConnectionSettings {
    ServerOptions server;
    std::string address;  ///< For messages: where the server is, nothing secret.
    std::string schema;
    std::size_t pool_size = 8;
    std::chrono::milliseconds retry_pause{100};
    std::chrono::seconds connect_timeout{300};  ///< Of the start, all attempts together.
    std::string blob_path;                      ///< Folder that all instances share, for large blobs; empty: there is none.
    std::int64_t blob_path_above = 0;           ///< Bytes; larger blobs go to `blob_path`.
    std::vector<PemText> pem_texts;             ///< See keep_pem_texts.
};

std::vector<SettingDeclaration> declared_settings();

/// Reads the password's file and touches nothing. @throws Error{InvalidRequest}, one line per problem
ConnectionSettings connection_settings(const Settings& settings);

/// Before the first connection: writes what is given as text to files, readable for the service alone, because libpq takes files only.
/// @throws Error{Io}
void keep_pem_texts(const ConnectionSettings& settings);

}  // namespace edgesync::postgres
