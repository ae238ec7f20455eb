#include "sql_text.h"

#include "edgesync/sdk/error.h"

namespace edgesync::postgres {
namespace {

constexpr char kDigits[] = "0123456789abcdef";

int digit_of(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    throw Error(ErrorKind::Corrupt, "The database sent octets that are not in its hex format");
}

void append_hex(std::string& out, std::string_view octets) {
    const std::size_t at = out.size();
    out.resize(at + 2 * octets.size());
    char* to = out.data() + at;
    for (const char c : octets) {
        *to++ = kDigits[static_cast<unsigned char>(c) >> 4U];
        *to++ = kDigits[static_cast<unsigned char>(c) & 15U];
    }
}

}  // namespace

std::string to_hex(std::string_view octets) {
    std::string out;
    append_hex(out, octets);
    return out;
}

std::string from_hex(std::string_view text) {
    if (text.size() < 2 || text.size() % 2 != 0 || text[0] != '\\' || text[1] != 'x') digit_of('?');
    std::string out(text.size() / 2 - 1, '\0');
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<char>(digit_of(text[2 * i + 2]) * 16 + digit_of(text[2 * i + 3]));
    return out;
}

void ArrayText::separate() {
    if (!elements_.empty()) elements_ += ',';
}

ArrayText& ArrayText::octets(std::string_view value) {
    separate();
    elements_ += R"("\\x)";
    append_hex(elements_, value);
    elements_ += '"';
    return *this;
}

ArrayText& ArrayText::octets_or_null(const std::optional<std::string>& value) {
    if (value) return octets(*value);
    separate();
    elements_ += "NULL";
    return *this;
}

ArrayText& ArrayText::number(std::int64_t value) {
    separate();
    elements_ += std::to_string(value);
    return *this;
}

ArrayText& ArrayText::number_or_null(const std::optional<std::int64_t>& value) {
    if (value) return number(*value);
    separate();
    elements_ += "NULL";
    return *this;
}

ArrayText& ArrayText::flag(bool value) {
    separate();
    elements_ += value ? 't' : 'f';
    return *this;
}

void Call::separate() {
    text_ += has_parameters_ ? ',' : '(';
    has_parameters_ = true;
}

Call& Call::octets(std::string_view value) {
    separate();
    text_ += "'\\x";
    append_hex(text_, value);
    text_ += '\'';
    return *this;
}

Call& Call::text(std::string_view value) {
    separate();
    text_ += '\'';
    for (const char c : value) text_.append(c == '\'' ? 2 : 1, c);
    text_ += '\'';
    return *this;
}

Call& Call::number(std::int64_t value) {
    separate();
    text_ += '\'' + std::to_string(value) + '\'';
    return *this;
}

Call& Call::flag(bool value) {
    separate();
    text_ += value ? "true" : "false";
    return *this;
}

Call& Call::array(const ArrayText& values) {
    separate();
    text_ += values.str();
    return *this;
}

}  // namespace edgesync::postgres
