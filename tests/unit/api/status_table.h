// The table of requests and answers, status_table.txt, as values.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "edgesync/sdk/http.h"
#include "edgesync/sdk/settings.h"

namespace edgesync::api {

/// One line of the table; see the head of the file for what its columns mean.
struct StatusRow {
    std::string section;  ///< "3.3 Delete"
    int number = 0;       ///< In its section, from 1.
    std::string name;
    int line = 0;
    NodeRole role = NodeRole::Css;
    std::vector<std::string> set_up;
    std::string caller;
    std::string method;
    std::string target;
    std::vector<HttpHeader> headers;
    std::string body;  ///< As written.
    int status = 0;
    std::string answer;  ///< As written.
    std::vector<HttpHeader> answer_headers;
    std::string then;  ///< "-": not looked at.
};

inline void PrintTo(const StatusRow& row, std::ostream* out) { *out << row.section << ": " << row.name; }

/// @throws std::runtime_error naming the line that is malformed
std::vector<StatusRow> read_status_table(const std::string& file);

}  // namespace edgesync::api
