#include "kernel/config/validation.h"

#include "kernel/config/communication_rules.h"
#include "kernel/config/key_table.h"
#include "kernel/config/node_rules.h"
#include "kernel/config/storage_rules.h"
#include "kernel/config/value_text.h"

namespace edgesync::config {
namespace {

/// Length of the well-formed UTF-8 sequence at the start of `text`, 0 if there is none.
std::size_t sequence_length(std::string_view text) {
    const auto first = static_cast<unsigned char>(text.front());
    const std::size_t length = first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
    if (length == 0 || text.size() < length) return 0;
    for (std::size_t i = 1; i < length; ++i) {
        if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) return 0;
    }
    return length;
}

/// A line for each, not a warning: the files of the Go service set them, and nothing is lost.
void report_keys_without_effect(const EffectiveValues& values, Findings& findings) {
    for (const auto& [key, reason] : keys_without_effect()) {
        if (values.at(key).is_set) findings.changes.push_back(std::string(key) + " has no effect: " + reason);
    }
}

}  // namespace

bool is_plain_name(std::string_view name) {
    constexpr std::string_view kPunctuation = "|!@#$^*-_.~";
    if (name.empty() || name.size() > 1024) return false;
    while (!name.empty()) {
        const char c = name.front();
        std::size_t length = 1;
        if (static_cast<unsigned char>(c) >= 0x80) {
            length = sequence_length(name);
            if (length == 0) return false;
        } else if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     kPunctuation.find(c) != std::string_view::npos)) {
            return false;
        }
        name.remove_prefix(length);
    }
    return true;
}

Decisions validate(EffectiveValues& values, const Surroundings& surroundings, Findings& findings) {
    Decisions decisions;
    const auto type = lower_case(values.text("NodeType"));
    if (type != "css" && type != "ess") {
        const auto& given = values.text("NodeType");
        findings.problems.push_back(
            {Problem::Kind::Invalid, "NodeType",
             "The node type specified in the configuration file (" + given + ") is incorrect. It must be CSS or ESS.",
             "NodeType is " + in_quotes(given) + ": write CSS or ESS"});
        return decisions;
    }
    decisions.role = type == "css" ? NodeRole::Css : NodeRole::Ess;
    derive_paths(values, surroundings, findings);
    check_identity(values, surroundings, decisions, findings);
    check_listeners(values, decisions, findings);
    check_communication(values, surroundings, decisions, findings);
    check_storage(values, decisions, findings);
    check_certificate_paths(values, decisions, findings);
    check_logging(values, findings);
    report_keys_without_effect(values, findings);
    return decisions;
}

}  // namespace edgesync::config
