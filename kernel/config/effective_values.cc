#include "kernel/config/effective_values.h"

#include "edgesync/sdk/error.h"
#include "kernel/config/key_table.h"
#include "kernel/config/value_text.h"

namespace edgesync::config {
namespace {

using Type = SettingDeclaration::Type;

const char* type_name(Type type) {
    switch (type) {
        case Type::Text: return "text";
        case Type::Bool: return "bool";
        case Type::Integer: return "integer";
        case Type::List: return "list";
    }
    return "unknown";
}

std::string shown_text(const EffectiveValue& value, const std::string& text) {
    return value.declaration.is_secret ? (text.empty() ? "''" : "<...>") : in_quotes(text);
}

void check_range(const EffectiveValue& value, Findings& findings) {
    const auto& key = value.declaration;
    if (key.type != Type::Integer || (value.number >= key.minimum && value.number <= key.maximum)) return;
    findings.problems.push_back({Problem::Kind::Invalid, key.key,
                                 key.key + " " + std::to_string(value.number) + " is out of range " + std::to_string(key.minimum) + ".." +
                                     std::to_string(key.maximum),
                                 "choose a value in the range or remove the key for the default " + key.default_value});
}

void interpret_bool(EffectiveValue& value, Findings& findings) {
    const auto parsed = parse_bool(value.text);
    value.flag = parsed.value;
    if (parsed.is_recognised) return;
    findings.warnings.push_back(value.declaration.key + " " + shown_text(value, value.text) +
                                " is neither true nor false and counts as false; write true or false");
}

void interpret_integer(EffectiveValue& value, Findings& findings) {
    const auto& key = value.declaration.key;
    const auto parsed = parse_integer(value.text);
    if (!parsed) {
        findings.problems.push_back({Problem::Kind::Load, key,
                                     key + " " + shown_text(value, value.text) + " is not a number that can be used",
                                     "write a decimal number; " + value.declaration.help});
        // So that no rule complains of a value that nobody gave.
        value.number = parse_integer(value.declaration.default_value).value_or(ParsedInteger{}).value;
        return;
    }
    value.number = parsed->value;
    if (parsed->has_trailing_text) {
        findings.warnings.push_back(key + " " + shown_text(value, value.text) + " is read as " + std::to_string(parsed->value) +
                                    "; text after the number is ignored");
    }
    check_range(value, findings);
}

void interpret(EffectiveValue& value, Findings& findings) {
    if (value.declaration.type == Type::Bool) interpret_bool(value, findings);
    if (value.declaration.type == Type::Integer) interpret_integer(value, findings);
}

}  // namespace

bool is_secret_by_name(std::string_view key) {
    const auto lowered = lower_case(key);
    return lowered.ends_with("password") || lowered.ends_with("key") || lowered.ends_with("secret");
}

const char* to_string(Origin origin) noexcept {
    switch (origin) {
        case Origin::Default: return "default";
        case Origin::File: return "file";
        case Origin::Environment: return "environment";
        case Origin::Derived: return "derived";
    }
    return "unknown";
}

EffectiveValues::EffectiveValues(FileValues file, EnvironmentLookup environment)
    : file_(std::move(file)), environment_(std::move(environment)) {}

std::optional<EffectiveValues::Found> EffectiveValues::find_as(const std::string& key, const std::string& environment) const {
    // The Go service accepts a variable spelled like the key, and prefers it.
    if (auto value = environment_(key)) return Found{std::move(*value), Origin::Environment, key};
    if (!environment.empty()) {
        if (auto value = environment_(environment)) return Found{std::move(*value), Origin::Environment, environment};
    }
    return std::nullopt;
}

std::optional<EffectiveValues::Found> EffectiveValues::find(const SettingDeclaration& declaration, Findings& findings) const {
    auto in_environment = find_as(declaration.key, declaration.environment);
    std::optional<Found> in_file;
    if (const auto entry = file_.find(declaration.key); entry != file_.end()) in_file = {entry->second.text, Origin::File, declaration.key};
    for (const auto& alias : key_aliases()) {
        if (declaration.key != alias.key) continue;
        if (!in_environment) in_environment = find_as(alias.alias, alias.environment);
        const auto entry = file_.find(alias.alias);
        if (entry == file_.end()) continue;
        if (in_file) {
            findings.warnings.push_back(std::string(alias.alias) + " is ignored because " + alias.key +
                                        " is set as well; remove one of them");
        } else {
            in_file = {entry->second.text, Origin::File, alias.alias};
        }
    }
    return in_environment ? in_environment : in_file;
}

void EffectiveValues::declare(const SettingDeclaration& declaration, const std::string& owner, Findings& findings) {
    if (const auto known = values_.find(declaration.key); known != values_.end()) {
        declare_again(known->second, declaration, owner, findings);
        return;
    }
    EffectiveValue value;
    value.declaration = declaration;
    value.declaration.is_secret = declaration.is_secret || is_secret_by_name(declaration.key);
    value.owner = owner;
    value.text = declaration.default_value;
    if (auto found = find(declaration, findings)) {
        value.text = std::move(found->text);
        value.origin = found->origin;
        value.is_set = true;
        const bool joins = found->origin == Origin::File && declaration.type != Type::List && file_.find(found->name)->second.had_blanks;
        if (joins) {
            findings.warnings.push_back(found->name + ": the blanks inside the value were removed" +
                                        (value.declaration.is_secret ? std::string() : ", it is now " + in_quotes(value.text)));
        }
    }
    interpret(value, findings);
    values_.emplace(declaration.key, std::move(value));
}

void EffectiveValues::declare_again(EffectiveValue& value, const SettingDeclaration& declaration, const std::string& owner,
                                    Findings& findings) {
    auto& known = value.declaration;
    if (known.type != declaration.type) {
        const auto first = value.owner.empty() ? std::string("the service") : value.owner;
        findings.problems.push_back({Problem::Kind::Invalid, known.key,
                                     "The key " + known.key + " is declared as " + type_name(declaration.type) + " by " + owner +
                                         " and as " + type_name(known.type) + " by " + first,
                                     "these plugins cannot be used together"});
        return;
    }
    known.is_secret = known.is_secret || declaration.is_secret;
    const bool is_narrower = declaration.minimum > known.minimum || declaration.maximum < known.maximum;
    if (known.type != Type::Integer || !is_narrower) return;
    known.minimum = std::max(known.minimum, declaration.minimum);
    known.maximum = std::min(known.maximum, declaration.maximum);
    check_range(value, findings);
}

const EffectiveValue& EffectiveValues::at(std::string_view key) const {
    const auto known = values_.find(key);
    if (known == values_.end()) throw Error(ErrorKind::Internal, "the key '" + std::string(key) + "' is read but was not declared");
    return known->second;
}

EffectiveValue& EffectiveValues::existing(std::string_view key) { return const_cast<EffectiveValue&>(at(key)); }

bool EffectiveValues::flag(std::string_view key) const {
    const auto& value = at(key);
    if (value.declaration.type != Type::Bool) throw Error(ErrorKind::Internal, "the key '" + std::string(key) + "' is not a bool");
    return value.flag;
}

std::int64_t EffectiveValues::number(std::string_view key) const {
    const auto& value = at(key);
    if (value.declaration.type != Type::Integer) throw Error(ErrorKind::Internal, "the key '" + std::string(key) + "' is not an integer");
    return value.number;
}

std::vector<std::string> EffectiveValues::list(std::string_view key) const { return parse_list(at(key).text); }

void EffectiveValues::derive(std::string_view key, const std::string& text, const std::string& reason, Findings& findings) {
    auto& value = existing(key);
    if (value.text == text) return;
    if (value.is_set) {
        findings.changes.push_back(value.declaration.key + ": " + shown_text(value, value.text) + " became " + shown_text(value, text) +
                                   ": " + reason);
    }
    value.text = text;
    value.origin = Origin::Derived;
    if (value.declaration.type == Type::Bool) value.flag = parse_bool(text).value;
    if (value.declaration.type == Type::Integer) value.number = parse_integer(text).value_or(ParsedInteger{}).value;
}

std::string EffectiveValues::shown(const EffectiveValue& value) {
    if (value.declaration.is_secret) return value.text.empty() ? "" : "<...>";
    if (value.declaration.type == Type::Bool) return value.flag ? "true" : "false";
    if (value.declaration.type == Type::Integer) return std::to_string(value.number);
    return value.text;
}

std::optional<std::string> EffectiveValues::raw(const std::string& key, const std::string& environment) const {
    if (auto found = find_as(key, environment)) return found->text;
    if (const auto entry = file_.find(key); entry != file_.end()) return entry->second.text;
    return std::nullopt;
}

std::vector<std::pair<std::string, std::string>> EffectiveValues::undeclared() const {
    std::vector<std::pair<std::string, std::string>> unknown;
    const auto is_alias = [](const std::string& key) {
        for (const auto& alias : key_aliases()) {
            if (key == alias.alias) return true;
        }
        return false;
    };
    const auto is_former = [](const std::string& key) {
        for (const auto& former : former_keys()) {
            if (key == former.key) return true;
        }
        return false;
    };
    for (const auto& [key, entry] : file_) {
        if (values_.contains(key) || is_alias(key) || is_former(key)) continue;
        std::string known_spelling;
        for (const auto& [known, value] : values_) {
            if (lower_case(known) == lower_case(key)) known_spelling = known;
        }
        unknown.emplace_back(key, known_spelling);
    }
    return unknown;
}

}  // namespace edgesync::config
