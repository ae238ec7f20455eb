// SQL text of calls of prepared statements: several of them go to the server in one round trip, which parameters sent apart could not.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace edgesync::postgres {

/// Octets as PostgreSQL writes them in its hex format, after the leading `\x`.
std::string to_hex(std::string_view octets);
/// A column's text, `\x0123`, as octets. @throws Error{Corrupt}
std::string from_hex(std::string_view text);

/// An array parameter, one element after another.
class ArrayText {
public:
    ArrayText& octets(std::string_view value);
    ArrayText& octets_or_null(const std::optional<std::string>& value);
    ArrayText& number(std::int64_t value);
    ArrayText& number_or_null(const std::optional<std::int64_t>& value);
    ArrayText& flag(bool value);
    bool is_empty() const { return elements_.empty(); }
    std::string str() const { return "'{" + elements_ + "}'"; }

private:
    void separate();

    std::string elements_;
};

/// `EXECUTE name(parameters)`.
class Call {
public:
    explicit Call(std::string_view name) : text_("EXECUTE ") { text_.append(name); }
    Call& octets(std::string_view value);
    Call& text(std::string_view value);
    Call& number(std::int64_t value);
    Call& flag(bool value);
    Call& array(const ArrayText& values);
    std::string str() const { return has_parameters_ ? text_ + ")" : text_; }

private:
    void separate();

    std::string text_;
    bool has_parameters_ = false;
};

}  // namespace edgesync::postgres
