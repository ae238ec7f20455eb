#include "kernel/config/findings.h"

namespace edgesync::config {
namespace {

std::string on_one_line(std::string text) {
    for (char& c : text) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
    }
    return text;
}

}  // namespace

std::string Problem::line() const { return on_one_line(advice.empty() ? text : text + " (" + advice + ")"); }

std::string in_quotes(const std::string& value) {
    constexpr std::size_t kLongest = 200;
    std::string text(1, '\'');
    text += on_one_line(value.substr(0, kLongest));
    text += value.size() > kLongest ? "...'" : "'";
    return text;
}

}  // namespace edgesync::config
