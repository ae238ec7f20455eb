// Base64 and the digest fields of RFC 9530.
#include <array>

#include "edgesync/sdk/codec.h"

namespace edgesync::codec {
namespace {

constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kInvalid = 0xFF;
constexpr std::size_t kSha256Size = 32;

constexpr std::array<std::uint8_t, 256> make_values() {
    std::array<std::uint8_t, 256> values{};
    for (auto& value : values) value = kInvalid;
    for (std::uint8_t i = 0; i < 64; ++i) values[static_cast<unsigned char>(kAlphabet[i])] = i;
    return values;
}

constexpr std::array<std::uint8_t, 256> kValues = make_values();

/// Decodes groups of four letters up to the first group with anything else in it; returns how many letters it has decoded.
std::size_t decode_quads(std::string_view text, std::string& out) {
    const std::size_t quads = text.size() / 4;
    out.resize(quads * 3);
    std::size_t quad = 0;
    for (; quad < quads; ++quad) {
        const char* in = text.data() + quad * 4;
        const std::uint32_t a = kValues[static_cast<unsigned char>(in[0])];
        const std::uint32_t b = kValues[static_cast<unsigned char>(in[1])];
        const std::uint32_t c = kValues[static_cast<unsigned char>(in[2])];
        const std::uint32_t d = kValues[static_cast<unsigned char>(in[3])];
        if ((a | b | c | d) >= 64) break;
        const std::uint32_t bits = (a << 18U) | (b << 12U) | (c << 6U) | d;
        char* to = out.data() + quad * 3;
        to[0] = static_cast<char>(bits >> 16U);
        to[1] = static_cast<char>(bits >> 8U);
        to[2] = static_cast<char>(bits);
    }
    out.resize(quad * 3);
    return quad * 4;
}

}  // namespace

std::string base64_encode(std::string_view octets) {
    std::string out;
    out.reserve((octets.size() + 2) / 3 * 4);
    for (std::size_t at = 0; at < octets.size(); at += 3) {
        std::uint32_t bits = 0;
        const std::size_t count = std::min<std::size_t>(3, octets.size() - at);
        for (std::size_t i = 0; i < 3; ++i) bits = (bits << 8U) | (i < count ? static_cast<unsigned char>(octets[at + i]) : 0U);
        for (std::size_t i = 0; i < 4; ++i) out += i <= count ? kAlphabet[(bits >> (18U - 6U * i)) & 63U] : '=';
    }
    return out;
}

std::optional<std::string> base64_decode(std::string_view text) {
    std::string out;
    std::uint32_t bits = 0;
    unsigned int count = 0;
    unsigned int padding = 0;
    for (const char letter : text.substr(decode_quads(text, out))) {
        if (letter == '\r' || letter == '\n') continue;
        if (letter == '=') {
            if (++padding > 2) return std::nullopt;
            continue;
        }
        const std::uint8_t value = kValues[static_cast<unsigned char>(letter)];
        if (value == kInvalid || padding > 0) return std::nullopt;
        bits = (bits << 6U) | value;
        if (++count < 4) continue;
        out += static_cast<char>(bits >> 16U);
        out += static_cast<char>(bits >> 8U);
        out += static_cast<char>(bits);
        bits = 0;
        count = 0;
    }
    if (count == 1 || (count > 0 && count + padding != 4) || (count == 0 && padding > 0)) return std::nullopt;
    if (count >= 2) out += static_cast<char>(bits >> (count == 2 ? 4U : 10U));
    if (count == 3) out += static_cast<char>(bits >> 2U);
    return out;
}

std::string to_digest_field(std::string_view sha256) { return "sha-256=:" + base64_encode(sha256) + ":"; }

std::string sha256_from_digest_field(std::string_view field) {
    constexpr std::string_view kName = "sha-256=:";
    const auto begin = field.find(kName);
    if (begin == std::string_view::npos || (begin > 0 && field[begin - 1] != ' ' && field[begin - 1] != ',')) return {};
    const auto start = begin + kName.size();
    const auto end = field.find(':', start);
    if (end == std::string_view::npos) return {};
    const auto octets = base64_decode(field.substr(start, end - start));
    return octets && octets->size() == kSha256Size ? *octets : std::string{};
}

}  // namespace edgesync::codec
