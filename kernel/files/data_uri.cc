#include "kernel/files/data_uri.h"

#include <openssl/evp.h>

#include <algorithm>
#include <vector>

#include "edgesync/sdk/http.h"
#include "kernel/files/file_error.h"

namespace edgesync::files {
namespace {

constexpr std::string_view kScheme = "file:";
/// A file name may have 255 bytes, with ".tmp".
constexpr std::size_t kLongestName = 200;

bool has_scheme(std::string_view uri) {
    if (uri.size() < kScheme.size()) return false;
    for (std::size_t i = 0; i < kScheme.size(); ++i) {
        const char c = uri[i] >= 'A' && uri[i] <= 'Z' ? static_cast<char>(uri[i] - 'A' + 'a') : uri[i];
        if (c != kScheme[i]) return false;
    }
    return true;
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

int digit_of(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

std::string decoded(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c == '%') {
            const int high = i + 2 < text.size() ? digit_of(text[i + 1]) : -1;
            const int low = high >= 0 ? digit_of(text[i + 2]) : -1;
            if (low < 0) refuse(FileProblem::Path, "The data URI has a malformed escape");
            c = static_cast<char>(high * 16 + low);
            i += 2;
        }
        if (is_control(c)) refuse(FileProblem::Path, "The data URI has a control character");
        out += c;
    }
    return out;
}

/// Of an absolute path. ".." above the root stays at the root.
std::string cleaned(std::string_view path) {
    std::vector<std::string_view> parts;
    while (!path.empty()) {
        const std::string_view part = path.substr(0, path.find('/'));
        path.remove_prefix(std::min(path.size(), part.size() + 1));
        if (part.empty() || part == ".") continue;
        if (part == "..") {
            if (!parts.empty()) parts.pop_back();
        } else {
            parts.push_back(part);
        }
    }
    std::string out;
    for (const auto part : parts) out.append("/").append(part);
    return out;
}

bool names_folder(std::string_view path) {
    const std::string_view last = path.substr(path.rfind('/') + 1);
    return last.empty() || last == "." || last == "..";
}

/// Nothing that a URI must encode, so that the name and the URI of an ordinary object look alike.
constexpr char kSeparator = '~';

std::string part_of_name(const std::string& text) {
    std::string part = encode_segment(text);
    for (std::size_t at = 0; (at = part.find(kSeparator, at)) != std::string::npos; at += 3) part.replace(at, 1, "%7E");
    return part;
}

std::string sha256_hex(std::string_view text) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha256(), nullptr);
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string hex;
    for (unsigned int i = 0; i < size; ++i) {
        hex += kDigits[digest[i] >> 4U];
        hex += kDigits[digest[i] & 15U];
    }
    return hex;
}

}  // namespace

std::string path_of_uri(std::string_view uri) {
    if (!has_scheme(uri)) refuse(FileProblem::Path, "The data URI is not a file: URI");
    uri.remove_prefix(kScheme.size());
    if (uri.starts_with("//")) uri.remove_prefix(2);
    if (!uri.starts_with('/')) refuse(FileProblem::Path, "The data URI has a host or no absolute path: write file:///folder/file");
    if (uri.find_first_of("?#") != std::string_view::npos) refuse(FileProblem::Path, "The data URI has a query or a fragment");
    const std::string path = decoded(uri);
    std::string clean = cleaned(path);
    if (names_folder(path) || clean.empty()) refuse(FileProblem::Path, "The data URI names a folder");
    return clean;
}

std::string path_or_nothing(std::string_view uri) {
    try {
        return path_of_uri(uri);
    } catch (const FileError&) {
        return {};
    }
}

std::string destination_of_uri(std::string_view uri) {
    std::string path = path_of_uri(uri);
    if (path.ends_with(kTemporaryEnd)) refuse(FileProblem::Path, "The data URI ends in .tmp, as files do that are being written");
    return path;
}

std::string uri_of_path(std::string_view path) {
    std::string uri = "file://";
    while (path.starts_with('/')) {
        path.remove_prefix(1);
        const std::string_view part = path.substr(0, path.find('/'));
        uri += "/" + encode_segment(part);
        path.remove_prefix(part.size());
    }
    return uri;
}

std::string file_name_of(const ObjectKey& key) {
    std::string name = part_of_name(key.org) + kSeparator + part_of_name(key.type) + kSeparator + part_of_name(key.id);
    if (name.size() > kLongestName) return "sha256-" + sha256_hex(name);
    if (name.ends_with(kTemporaryEnd)) name.replace(name.size() - kTemporaryEnd.size(), 1, "%2E");
    return name;
}

}  // namespace edgesync::files
