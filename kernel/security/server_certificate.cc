#include "kernel/security/server_certificate.h"

#include <fcntl.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <optional>
#include <sstream>

#include "edgesync/sdk/error.h"

namespace edgesync::security {
namespace {

using Path = std::filesystem::path;

template <auto Free>
struct Freer {
    template <typename T>
    void operator()(T* pointer) const noexcept {
        Free(pointer);
    }
};
using BioPtr = std::unique_ptr<BIO, Freer<BIO_free>>;
using CertificatePtr = std::unique_ptr<X509, Freer<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using NumberPtr = std::unique_ptr<BIGNUM, Freer<BN_free>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, Freer<X509_EXTENSION_free>>;

constexpr std::chrono::hours kValidity{24 * 500};

bool is_pem(const std::string& text) { return text.find("-----BEGIN") != std::string::npos; }

[[noreturn]] void fail_to_make() {
    const char* reason = ERR_reason_error_string(ERR_get_error());
    throw Error(ErrorKind::Internal, std::string("Cannot make a certificate: ") + (reason != nullptr ? reason : "no reason given"));
}

void require(bool is_done) {
    if (!is_done) fail_to_make();
}

/// PEM text, or that of the file.
std::string pem_of(const std::string& source) {
    if (is_pem(source)) return source;
    std::ifstream file(source, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

BioPtr memory_of(const std::string& text) {
    BioPtr bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
    require(bio != nullptr);
    return bio;
}

/// Without it OpenSSL would ask on the terminal.
int no_password(char*, int, int, void*) { return 0; }

CertificatePtr certificate_of(const std::string& pem) {
    CertificatePtr certificate(PEM_read_bio_X509(memory_of(pem).get(), nullptr, no_password, nullptr));
    ERR_clear_error();
    return certificate;
}

KeyPtr key_of(const std::string& pem) {
    KeyPtr key(PEM_read_bio_PrivateKey(memory_of(pem).get(), nullptr, no_password, nullptr));
    ERR_clear_error();
    return key;
}

std::string text_of(const BioPtr& bio) {
    char* octets = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &octets);
    return {octets, static_cast<std::size_t>(size)};
}

void add_extension(X509* certificate, int kind, const char* value) {
    X509V3_CTX context{};
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
    const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value));
    require(extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1);
}

void name_subject(X509* certificate) {
    X509_NAME* name = X509_get_subject_name(certificate);
    for (const auto& [field, value] : {std::pair{"O", "SomeOrg"}, {"OU", "Edge Node"}, {"CN", "localhost"}}) {
        require(X509_NAME_add_entry_by_txt(name, field, MBSTRING_ASC, reinterpret_cast<const unsigned char*>(value), -1, -1, 0) == 1);
    }
    require(X509_set_issuer_name(certificate, name) == 1);
}

CertificatePtr sign_for(EVP_PKEY* key, std::chrono::hours validity) {
    CertificatePtr certificate(X509_new());
    const NumberPtr serial(BN_new());
    require(certificate != nullptr && serial != nullptr && BN_rand(serial.get(), 128, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1);
    require(X509_set_version(certificate.get(), X509_VERSION_3) == 1);
    require(BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(certificate.get())) != nullptr);
    require(X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0) != nullptr);
    require(X509_time_adj_ex(X509_getm_notAfter(certificate.get()), static_cast<int>(validity.count() / 24),
                             static_cast<long>(validity.count() % 24 * 3600), nullptr) != nullptr);
    name_subject(certificate.get());
    require(X509_set_pubkey(certificate.get(), key) == 1);
    add_extension(certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
    add_extension(certificate.get(), NID_key_usage, "critical,digitalSignature,keyEncipherment,keyCertSign");
    add_extension(certificate.get(), NID_ext_key_usage, "serverAuth");
    add_extension(certificate.get(), NID_subject_alt_name, "DNS:edge-sync-service,DNS:localhost,IP:127.0.0.1,IP:::1");
    require(X509_sign(certificate.get(), key, EVP_sha256()) > 0);
    return certificate;
}

[[noreturn]] void fail_io(const std::string& what, const Path& path, int code) {
    throw Error(code == ENOSPC || code == EDQUOT ? ErrorKind::NoSpace : ErrorKind::Io,
                "Cannot " + what + " " + path.string() + ": " + std::strerror(code));
}

/// Under its name at once or not at all.
void write_file(const Path& path, const std::string& text, unsigned mode) {
    const Path fresh = path.string() + ".new";
    const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) fail_io("create", fresh, errno);
    const bool is_written =
        ::fchmod(fd, mode) == 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(fd) == 0;
    const int code = errno;
    ::close(fd);
    if (!is_written) fail_io("write", fresh, code);
    if (::rename(fresh.c_str(), path.c_str()) != 0) fail_io("write", path, errno);
}

/// Whether `make_self_signed` made it, as far as its names tell.
bool is_self_made(const ServerCertificate& pair) {
    const auto certificate = certificate_of(pem_of(pair.certificate));
    if (!certificate) return false;
    const X509_NAME* subject = X509_get_subject_name(certificate.get());
    std::array<char, 256> text{};
    X509_NAME_oneline(subject, text.data(), static_cast<int>(text.size()));
    return X509_NAME_cmp(subject, X509_get_issuer_name(certificate.get())) == 0 &&
           std::string_view(text.data()) == "/O=SomeOrg/OU=Edge Node/CN=localhost";
}

std::optional<std::chrono::seconds> time_left(const ServerCertificate& pair) {
    const auto certificate = certificate_of(pem_of(pair.certificate));
    int days = 0;
    int seconds = 0;
    if (!certificate || ASN1_TIME_diff(&days, &seconds, nullptr, X509_get0_notAfter(certificate.get())) != 1) return std::nullopt;
    return std::chrono::hours(24 * days) + std::chrono::seconds(seconds);
}

void warn_of_end(const std::string& name, const ServerCertificate& pair, Log& log) {
    const auto left = time_left(pair);
    if (!left || *left >= kRenewal) return;
    const std::string days = std::to_string(std::chrono::duration_cast<std::chrono::hours>(*left).count() / 24);
    log.log(LogLevel::Warning, left->count() > 0 ? name + " ends in " + days + " days" : name + " has ended: clients refuse it");
}

void keep_old(const Path& path) {
    std::error_code ignored;
    std::filesystem::rename(path, path.string() + ".old", ignored);
}

ServerCertificate own_certificate(const Path& root, Log& log) {
    const Path folder = root / "sync" / "certs";
    ServerCertificate pair{(folder / "cert.pem").string(), (folder / "key.pem").string()};
    // A signal and the daily look may come together.
    static std::mutex mutex;
    const std::lock_guard lock(mutex);
    std::error_code error;
    const bool exists = std::filesystem::exists(pair.certificate, error);
    const std::string problem = exists ? pair_problem(pair) : "";
    const auto left = time_left(pair);
    if (exists && problem.empty() && left && *left >= kRenewal) return pair;
    if (left && !is_self_made(pair)) {
        // Somebody put it there, or is about to, and must renew it.
        if (problem.empty()) warn_of_end(pair.certificate, pair, log);
        return pair;
    }
    std::filesystem::create_directories(folder, error);
    if (error) throw Error(ErrorKind::Io, "Cannot create " + folder.string() + ": " + error.message());
    ::chmod(folder.c_str(), 0750);
    const ServerCertificate made = make_self_signed(kValidity);
    if (exists) {
        keep_old(pair.certificate);
        keep_old(pair.key);
    }
    write_file(pair.key, made.key, 0600);
    write_file(pair.certificate, made.certificate, 0640);
    const std::string reason = !exists           ? ""
                               : problem.empty() ? ", because the one before is about to end"
                                                 : ", because the one before cannot be used: " + problem;
    log.log(LogLevel::Info, "Made the self-signed certificate " + pair.certificate + reason);
    return pair;
}

/// A file's name below the persistence root, or PEM text as it is.
std::string source_of(const Settings& settings, const char* key) {
    std::string value = settings.text(key);
    if (is_pem(value) || value.empty() || value.front() == '/') return value;
    return (Path(settings.persistence_root()) / value).string();
}

}  // namespace

ServerCertificate make_self_signed(std::chrono::hours validity) {
    const KeyPtr key(EVP_RSA_gen(2048));
    require(key != nullptr);
    const CertificatePtr certificate = sign_for(key.get(), validity);
    const BioPtr key_text(BIO_new(BIO_s_mem()));
    const BioPtr certificate_text(BIO_new(BIO_s_mem()));
    require(key_text != nullptr && certificate_text != nullptr);
    // The old form "RSA PRIVATE KEY", which all clients of these files read.
    require(PEM_write_bio_PrivateKey_traditional(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
    require(PEM_write_bio_X509(certificate_text.get(), certificate.get()) == 1);
    return {text_of(certificate_text), text_of(key_text)};
}

std::string pair_problem(const ServerCertificate& pair) {
    const auto certificate = certificate_of(pem_of(pair.certificate));
    if (!certificate) return "the certificate cannot be read";
    const auto key = key_of(pem_of(pair.key));
    if (!key) return "the key cannot be read";
    const bool belongs = X509_check_private_key(certificate.get(), key.get()) == 1;
    ERR_clear_error();
    return belongs ? "" : "the key does not belong to the certificate";
}

ServerCertificate server_certificate(const Settings& settings, Log& log) {
    ServerCertificate given{source_of(settings, "ServerCertificate"), source_of(settings, "ServerKey")};
    const bool is_given = !given.certificate.empty() && !given.key.empty();
    const std::string problem = is_given ? pair_problem(given) : "it is not set";
    if (problem.empty()) {
        warn_of_end("ServerCertificate", given, log);
        return given;
    }
    if (settings.role() == NodeRole::Css) {
        if (!is_given) throw Error(ErrorKind::InvalidRequest, "ServerCertificate and ServerKey must be set on a CSS that serves TLS");
        return given;  // Who uses it says best what is wrong with it.
    }
    if (is_given) log.log(LogLevel::Warning, "ServerCertificate cannot be used, a self-signed certificate takes its place: " + problem);
    return own_certificate(settings.persistence_root(), log);
}

}  // namespace edgesync::security
