// The subjects of messages: DIRECTION names the receiver, the node stands in the last three tokens.
//
//     edgesync.up.command.ORG.TYPE.ID      from the node to the cloud, as edgesync.up.data. for data messages
//     edgesync.down.command.ORG.TYPE.ID    from the cloud to the node, as edgesync.down.data.
//
// A server that lets a node publish to its own `up` alone proves who it is (README.md).
#pragma once

#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "edgesync/sdk/error.h"
#include "edgesync/sdk/object.h"

namespace transport_nats {

/// Servers refuse lines above 4096 octets, and close the connection.
constexpr std::size_t kLongestSubject = 3500;

/// Letters, digits, `-` and `_` stand for themselves; all else, above all dots and wildcards, is % and two hexadecimal digits.
inline std::string token_of(std::string_view name) {
    constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    constexpr char kDigits[] = "0123456789ABCDEF";
    std::string token;
    for (const char c : name) {
        const auto octet = static_cast<unsigned char>(c);
        if (kPlain.find(c) != kPlain.npos)
            token += c;
        else
            token.append({'%', kDigits[octet >> 4U], kDigits[octet & 15U]});
    }
    return token;
}

/// nullopt: `token_of` makes no such token.
inline std::optional<std::string> name_in(std::string_view token) {
    std::string name;
    for (std::size_t i = 0; i < token.size(); i += token[i] == '%' ? 3 : 1)
        name += token[i] == '%' ? static_cast<char>(std::strtol(std::string(token.substr(i + 1, 2)).c_str(), nullptr, 16)) : token[i];
    return token_of(name) == token ? std::optional(name) : std::nullopt;
}

/// `direction`: "up" or "down"; `kind`: "command" or "data".
inline std::string subject_of(const std::string& direction, const std::string& kind, const edgesync::NodeKey& node) {
    std::string subject = "edgesync." + direction + "." + kind;
    for (const std::string& name : {node.org, node.type, node.id}) subject += "." + token_of(name);
    if (node.org.empty() || node.type.empty() || node.id.empty() || subject.size() > kLongestSubject)
        throw edgesync::Error(edgesync::ErrorKind::InvalidRequest, "NATS has no subject for the node " + node.org + "/" + node.type + "/" +
                                                                       node.id + ": an empty name, or too long a one");
    return subject;
}

/// What a CSS subscribes to: what all nodes send up, of one organization if it has but one.
inline std::string filter_of(const std::string& kind, const std::string& org) {
    return "edgesync.up." + kind + "." + (org.empty() ? "*" : token_of(org)) + ".*.*";
}

/// The node that a subject names; nullopt: it is no subject of ours.
inline std::optional<edgesync::NodeKey> node_in(std::string_view subject) {
    edgesync::NodeKey node;
    for (std::string* const part : {&node.id, &node.type, &node.org}) {
        const auto dot = subject.rfind('.');
        if (dot == subject.npos) return std::nullopt;
        const auto name = name_in(subject.substr(dot + 1));
        if (!name || name->empty()) return std::nullopt;
        *part = *name;
        subject = subject.substr(0, dot);
    }
    return node;
}

}  // namespace transport_nats
