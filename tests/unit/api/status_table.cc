#include "status_table.h"

#include <fstream>
#include <stdexcept>

namespace edgesync::api {
namespace {

constexpr std::size_t kColumns = 8;

std::string trimmed(const std::string& text) {
    const auto first = text.find_first_not_of(" \t");
    if (first == std::string::npos) return "";
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::vector<std::string> split(const std::string& text, const std::string& separator) {
    std::vector<std::string> parts;
    std::size_t from = 0;
    for (std::size_t at = text.find(separator); at != std::string::npos; at = text.find(separator, from)) {
        parts.push_back(trimmed(text.substr(from, at - from)));
        from = at + separator.size();
    }
    parts.push_back(trimmed(text.substr(from)));
    return parts;
}

/// Takes " [Name: value]" parts off the end.
std::vector<HttpHeader> take_headers(std::string& text) {
    std::vector<HttpHeader> headers;
    while (text.ends_with(']')) {
        const auto open = text.rfind(" [");
        const auto colon = text.find(": ", open);
        if (open == std::string::npos || colon == std::string::npos || text[open + 2] < 'A' || text[open + 2] > 'Z') break;
        headers.push_back({text.substr(open + 2, colon - open - 2), text.substr(colon + 2, text.size() - colon - 3)});
        text = trimmed(text.substr(0, open));
    }
    return headers;
}

void unescape_line_ends(std::string& text) {
    for (auto at = text.find("\\n"); at != std::string::npos; at = text.find("\\n", at)) text.replace(at, 2, "\n");
}

StatusRow parse(const std::vector<std::string>& columns) {
    if (columns.size() != kColumns) throw std::runtime_error(std::to_string(columns.size()) + " columns");
    StatusRow row;
    row.name = columns[0];
    if (columns[1] != "CSS" && columns[1] != "ESS") throw std::runtime_error("no role");
    row.role = columns[1] == "CSS" ? NodeRole::Css : NodeRole::Ess;
    if (columns[2] != "-") row.set_up = split(columns[2], "; ");
    row.caller = columns[3];
    std::string request = columns[4];
    row.headers = take_headers(request);
    const auto blank = request.find(' ');
    if (blank == std::string::npos) throw std::runtime_error("no request");
    row.method = request.substr(0, blank);
    row.target = request.substr(blank + 1);
    row.body = columns[5];
    std::string answer = columns[6];
    row.answer_headers = take_headers(answer);
    row.status = std::stoi(answer.substr(0, 3));
    row.answer = answer.size() > 4 ? answer.substr(4) : "";
    unescape_line_ends(row.answer);
    row.then = columns[7];
    return row;
}

}  // namespace

std::vector<StatusRow> read_status_table(const std::string& file) {
    std::ifstream in(file);
    if (!in) throw std::runtime_error("cannot read " + file);
    std::vector<StatusRow> rows;
    std::string section;
    int number = 0;
    std::string text;
    for (int line = 1; std::getline(in, text); ++line) {
        if (text.empty() || text.front() == '#') continue;
        if (text.starts_with("== ")) {
            section = trimmed(text.substr(3));
            number = 0;
            continue;
        }
        try {
            rows.push_back(parse(split(text, " | ")));
        } catch (const std::exception& error) {
            throw std::runtime_error(file + ":" + std::to_string(line) + ": " + error.what());
        }
        rows.back().section = section;
        rows.back().number = ++number;
        rows.back().line = line;
    }
    return rows;
}

}  // namespace edgesync::api
